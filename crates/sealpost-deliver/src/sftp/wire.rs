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

/// Who gets a reply.
enum Slot {
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
        let (queue, waiting) = mpsc::unbounded_channel();
        let state = State { slots: HashMap::new(), next_id: 0, answered: Instant::now(), end: None };
        let shared =
            Arc::new(Shared { state: Mutex::new(state), queue: queue.downgrade(), ended: CancellationToken::new() });
        let closing = CancellationToken::new();
        tokio::spawn(drive(inbox, outbox, waiting, Arc::clone(&shared), closing.clone(), patience));
        Self { shared, queue, room: Arc::new(Semaphore::new(ROOM)), _closing: closing.drop_guard() }
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
        let id = self.queue(build, payload, room, Slot::One(sender))?;
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
        self.queue(build, payload, room, Slot::Many(replies.clone()))
    }

    /// Queues a request whose reply does not matter.
    pub(super) fn forget(&self, build: impl FnOnce(u32) -> Request) {
        // Where the channel has ended there is nothing left to do.
        drop(self.queue(build, Bytes::new(), None, Slot::Abandoned));
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
        slot: Slot,
    ) -> Result<u32, Closed> {
        let mut state = self.shared.state();
        if let Some(end) = &state.end {
            return Err(end.clone());
        }
        let id = state.take_id();
        state.slots.insert(id, slot);
        let packet = Packet { header: build(id).finish_with_payload(payload.len()), payload, _room: room };
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
        let Some((id, reply)) = packet::read_reply(packet) else { return false };
        let slot = {
            let mut state = self.state();
            state.answered = Instant::now();
            state.slots.remove(&id)
        };
        let unwanted = match slot {
            Some(Slot::One(sender)) => sender.send(reply).err(),
            Some(Slot::Many(sender)) => sender.send((id, reply)).err().map(|error| error.0.1),
            // A reply to nothing that we asked is ignored.
            Some(Slot::Abandoned) => Some(reply),
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
        state.slots.insert(id, Slot::Abandoned);
        let header = Request::new(packet::CLOSE, id).string(handle).finish();
        drop(queue.send(Packet { header, payload: Bytes::new(), _room: None }));
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
            *slot = Slot::Abandoned;
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
