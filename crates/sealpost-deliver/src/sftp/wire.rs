//! One SFTP channel that many callers share: requests leave in the order in which they were begun, and each reply goes
//! to whoever waits for its id.
//!
//! A task of its own writes and reads. So a caller that is dropped can never leave half a request on the wire: a request
//! is queued whole or not at all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use russh::ChannelWriteHalf;
use russh::client::Msg;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::{Instant, sleep};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::inbox::{Closed, Inbox};
use super::packet::{self, Reply, Request};

/// Bytes of file data that may wait to be written. Small requests are not counted: there are few of each caller.
const ROOM: usize = 512 << 10;

/// A request on its way: its header, and file data that is never copied on our side.
struct Packet {
    header: Bytes,
    payload: Bytes,
    /// Given back when the packet has been handed over to the connection.
    _room: Option<OwnedSemaphorePermit>,
}

/// A request that was not answered yet.
struct Slot {
    to: To,
    /// How long a packet that answers it may be, unless it brings a status.
    longest: usize,
}

/// Who gets a reply.
enum To {
    One(oneshot::Sender<Reply>),
    Many(mpsc::UnboundedSender<(u32, Reply)>),
    /// Nobody any more. A handle in it is closed, so that the server's table of open files does not fill.
    Abandoned,
}

struct State {
    slots: HashMap<u32, Slot>,
    next_id: u32,
    /// When the server last answered anything.
    answered: Instant,
    /// Why nothing more comes.
    end: Option<Closed>,
}

/// What the callers and the task share.
struct Shared {
    state: Mutex<State>,
    queue: mpsc::WeakUnboundedSender<Packet>,
    ended: CancellationToken,
}

/// The callers' end of a channel. The channel is closed when it is dropped.
pub(super) struct Wire {
    shared: Arc<Shared>,
    queue: mpsc::UnboundedSender<Packet>,
    room: Arc<Semaphore>,
    _closing: DropGuard,
}

impl Wire {
    /// Takes over a channel on which SFTP has been started. `patience` bounds how long the task goes on after the wire
    /// was dropped.
    pub(super) fn new(inbox: Inbox, outbox: ChannelWriteHalf<Msg>, patience: Duration) -> Self {
        let closing = CancellationToken::new();
        let (wire, waiting) = Self::unconnected(closing.clone());
        tokio::spawn(drive(inbox, outbox, waiting, Arc::clone(&wire.shared), closing, patience));
        wire
    }

    /// One without a task, with what is queued on it. `closing` is cancelled when it is dropped.
    fn unconnected(closing: CancellationToken) -> (Self, mpsc::UnboundedReceiver<Packet>) {
        let (queue, waiting) = mpsc::unbounded_channel();
        let state = State { slots: HashMap::new(), next_id: 0, answered: Instant::now(), end: None };
        let shared =
            Arc::new(Shared { state: Mutex::new(state), queue: queue.downgrade(), ended: CancellationToken::new() });
        let wire = Self { shared, queue, room: Arc::new(Semaphore::new(ROOM)), _closing: closing.drop_guard() };
        (wire, waiting)
    }

    /// Queues a request for one reply, with file data after it where it is a write. Nothing is awaited: what is begun in
    /// an order is sent in that order.
    ///
    /// # Errors
    /// Where the channel has ended.
    pub(super) fn begin(
        &self,
        build: impl FnOnce(u32) -> Request,
        payload: Bytes,
        room: Option<OwnedSemaphorePermit>,
    ) -> Result<Pending, Closed> {
        let (sender, receiver) = oneshot::channel();
        let id = self.queue(build, payload, room, To::One(sender))?;
        Ok(Pending { id, receiver, shared: Arc::clone(&self.shared), begun: Instant::now() })
    }

    /// Queues a request whose reply goes to `replies`, followed by file data. Returns its id.
    ///
    /// # Errors
    /// Where the channel has ended.
    pub(super) fn begin_bulk(
        &self,
        build: impl FnOnce(u32) -> Request,
        payload: Bytes,
        room: Option<OwnedSemaphorePermit>,
        replies: &mpsc::UnboundedSender<(u32, Reply)>,
    ) -> Result<u32, Closed> {
        self.queue(build, payload, room, To::Many(replies.clone()))
    }

    /// Queues a request whose reply does not matter.
    pub(super) fn forget(&self, build: impl FnOnce(u32) -> Request) {
        // Where the channel has ended there is nothing left to do.
        drop(self.queue(build, Bytes::new(), None, To::Abandoned));
    }

    /// Waits until so many bytes of file data may be queued.
    pub(super) async fn room(&self, bytes: u32) -> Option<OwnedSemaphorePermit> {
        let most = u32::try_from(ROOM).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        Arc::clone(&self.room).acquire_many_owned(bytes.min(most)).await.ok()
    }

    fn queue(
        &self,
        build: impl FnOnce(u32) -> Request,
        payload: Bytes,
        room: Option<OwnedSemaphorePermit>,
        to: To,
    ) -> Result<u32, Closed> {
        let mut state = self.shared.state();
        if let Some(end) = &state.end {
            return Err(end.clone());
        }
        let id = state.take_id();
        let request = build(id);
        state.slots.insert(id, Slot { to, longest: request.longest_reply() });
        let packet = Packet { header: request.finish_with_payload(payload.len()), payload, _room: room };
        // Under the lock, so that ids go out in their order.
        if self.queue.send(packet).is_err() {
            state.slots.remove(&id);
            return Err(state.end.clone().unwrap_or_default());
        }
        Ok(id)
    }

    /// Ends it: nobody waits for anything any more, and nothing more is queued.
    pub(super) fn give_up(&self) {
        self.shared.end(Closed::default());
    }

    /// Waits until nothing more comes.
    pub(super) async fn ended(&self) {
        self.shared.ended.cancelled().await;
    }

    /// Why nothing more comes, once that is so.
    pub(super) fn end(&self) -> Option<Closed> {
        self.shared.state().end.clone()
    }

    /// How long the server has said nothing, counted from `since` at the earliest.
    pub(super) fn quiet_since(&self, since: Instant) -> Duration {
        self.shared.quiet_since(since).elapsed()
    }
}

impl Slot {
    /// Whether a reply may be one to this request, by the length of its packet. A status is short whatever came: its text
    /// was cut.
    fn takes(&self, reply: &Reply, length: usize) -> bool {
        length <= self.longest || matches!(reply, Reply::Status { .. })
    }
}

impl State {
    fn take_id(&mut self) -> u32 {
        loop {
            let id = self.next_id;
            self.next_id = id.wrapping_add(1);
            // After 2^32 requests an id may still be in use.
            if !self.slots.contains_key(&id) {
                return id;
            }
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn quiet_since(&self, since: Instant) -> Instant {
        self.state().answered.max(since)
    }

    /// Hands a packet's reply over; `false` where it makes no sense.
    fn dispatch(&self, packet: Bytes) -> bool {
        let length = packet.len();
        let Some((id, reply)) = packet::read_reply(packet) else { return false };
        let slot = {
            let mut state = self.state();
            state.answered = Instant::now();
            // The slot stays: who waits learns why nothing comes when the channel ends.
            if state.slots.get(&id).is_some_and(|slot| !slot.takes(&reply, length)) {
                return false;
            }
            state.slots.remove(&id)
        };
        let unwanted = match slot.map(|slot| slot.to) {
            Some(To::One(sender)) => sender.send(reply).err(),
            Some(To::Many(sender)) => sender.send((id, reply)).err().map(|error| error.0.1),
            // A reply to nothing that we asked is ignored.
            Some(To::Abandoned) => Some(reply),
            None => None,
        };
        if let Some(Reply::Handle(handle)) = unwanted {
            self.close(&handle);
        }
        true
    }

    /// Closes a file that nobody waits for any more.
    fn close(&self, handle: &Bytes) {
        let Some(queue) = self.queue.upgrade() else { return };
        let mut state = self.state();
        let id = state.take_id();
        let request = Request::new(packet::CLOSE, id).string(handle);
        state.slots.insert(id, Slot { to: To::Abandoned, longest: request.longest_reply() });
        drop(queue.send(Packet { header: request.finish(), payload: Bytes::new(), _room: None }));
    }

    fn end(&self, end: Closed) {
        let slots = {
            let mut state = self.state();
            state.end.get_or_insert(end);
            std::mem::take(&mut state.slots)
        };
        // Whoever waits learns it from the end of its channel.
        drop(slots);
        self.ended.cancel();
    }
}

/// A request on its way. Dropped, its reply is ignored.
pub(super) struct Pending {
    id: u32,
    receiver: oneshot::Receiver<Reply>,
    shared: Arc<Shared>,
    begun: Instant,
}

/// Why a reply did not come.
pub(super) enum Missing {
    /// The channel has ended.
    Closed(Closed),
    /// The server says nothing.
    Silent,
}

/// A server that answers others but not this request is given up too, after so many limits.
const MOST_LIMITS: u32 = 10;

impl Pending {
    /// When it was queued.
    pub(super) fn begun(&self) -> Instant {
        self.begun
    }

    /// Waits for the reply, as long as the server is not silent for `limit`.
    pub(super) async fn wait(mut self, limit: Duration) -> Result<Reply, Missing> {
        loop {
            let until = self.shared.quiet_since(self.begun) + limit;
            tokio::select! {
                biased;
                reply = &mut self.receiver => {
                    return reply.map_err(|_| Missing::Closed(self.shared.state().end.clone().unwrap_or_default()));
                }
                () = tokio::time::sleep_until(until) => {
                    let quiet = self.shared.quiet_since(self.begun).elapsed();
                    if quiet >= limit || self.begun.elapsed() >= limit * MOST_LIMITS {
                        return Err(Missing::Silent);
                    }
                }
            }
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(slot) = self.shared.state().slots.get_mut(&self.id) {
            slot.to = To::Abandoned;
        }
        // The reply may have come in between.
        if let Ok(Reply::Handle(handle)) = self.receiver.try_recv() {
            self.shared.close(&handle);
        }
    }
}

/// The channel's task: ends with the channel, or when all callers are gone and what they queued is sent.
async fn drive(
    mut inbox: Inbox,
    outbox: ChannelWriteHalf<Msg>,
    mut queue: mpsc::UnboundedReceiver<Packet>,
    shared: Arc<Shared>,
    closing: CancellationToken,
    patience: Duration,
) {
    let receive = async {
        loop {
            match inbox.next().await {
                Ok(packet) => {
                    if !shared.dispatch(packet) {
                        return Closed::Malformed;
                    }
                }
                Err(end) => return end,
            }
        }
    };
    let send = async {
        while let Some(packet) = queue.recv().await {
            let sent = async {
                outbox.data_bytes(packet.header).await?;
                outbox.data_bytes(packet.payload).await
            };
            if sent.await.is_err() {
                // The connection's task is gone. The receiver knows why.
                std::future::pending::<()>().await;
            }
        }
        drop(outbox.close().await);
    };
    let given_up = async {
        closing.cancelled().await;
        sleep(patience).await;
    };
    let end = tokio::select! {
        biased;
        end = receive => end,
        () = send => Closed::default(),
        () = given_up => Closed::default(),
        () = shared.ended.cancelled() => Closed::default(),
    };
    shared.end(end);
}

#[cfg(test)]
mod tests {
    use bytes::{BufMut, BytesMut};

    use super::*;

    const DATA: u8 = 103;
    const STATUS: u8 = 101;

    fn begin(wire: &Wire, build: impl FnOnce(u32) -> Request) -> Pending {
        wire.begin(build, Bytes::new(), None).unwrap()
    }

    /// A packet that brings so many bytes.
    fn data(id: u32, length: usize) -> Bytes {
        let mut packet = BytesMut::new();
        packet.put_u8(DATA);
        packet.put_u32(id);
        packet.put_u32(u32::try_from(length).unwrap());
        packet.put_bytes(7, length);
        packet.freeze()
    }

    fn status(id: u32, text: usize) -> Bytes {
        let mut packet = BytesMut::new();
        packet.put_u8(STATUS);
        packet.put_u32(id);
        packet.put_u32(4);
        packet.put_u32(u32::try_from(text).unwrap());
        packet.put_bytes(b'x', text);
        packet.freeze()
    }

    #[tokio::test]
    async fn a_reply_longer_than_what_was_asked_for_makes_no_sense() {
        let (wire, _waiting) = Wire::unconnected(CancellationToken::new());
        let read = |id| Request::new(packet::READ, id).string(b"h").u64(0).u32(40_000);
        let pending = [(); 3].map(|()| begin(&wire, read));
        let [first, second, third] = [0, 1, 2].map(|place: usize| pending[place].id);
        assert!(wire.shared.dispatch(data(first, 40_000)));
        assert!(wire.shared.dispatch(status(second, 100_000)), "why it was refused may take longer to say");
        assert!(!wire.shared.dispatch(data(third, 40_001)));
        assert!(wire.shared.dispatch(data(99, 500_000)), "a reply to nothing is not kept");
        // The channel's task ends then; until that, nobody is told that it ended without a reason.
        wire.shared.end(Closed::Malformed);
        let [first, second, third] = pending;
        let limit = Duration::from_secs(60);
        assert!(matches!(first.wait(limit).await, Ok(Reply::Data(data)) if data.len() == 40_000));
        assert!(matches!(second.wait(limit).await, Ok(Reply::Status { code: 4, message }) if message.len() < 2_000));
        assert!(matches!(third.wait(limit).await, Err(Missing::Closed(Closed::Malformed))));
    }

    #[tokio::test]
    async fn a_write_is_answered_by_a_status_and_nothing_else() {
        let (wire, _waiting) = Wire::unconnected(CancellationToken::new());
        let write = |id| Request::new(packet::WRITE, id).string(b"h").u64(0).u32(0);
        let (replies, mut answers) = mpsc::unbounded_channel();
        let id = wire.begin_bulk(write, Bytes::new(), None, &replies).unwrap();
        assert!(!wire.shared.dispatch(data(id, 1)));
        assert!(wire.shared.dispatch(status(id, 7)));
        assert!(answers.try_recv().is_ok());
    }
}
