//! Many writes in flight: the file's bytes as fast as the server takes them, in constant memory.
//!
//! Three parts run side by side in one task: a reader that is a few blocks ahead, a sender, and a receiver of replies.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesOrdered;
use russh::ChannelWriteHalf;
use russh::client::Msg;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::SealedReader;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::time::Instant;

use super::client::{self, Client, silent};
use super::inbox::Inbox;
use super::packet::{self, Reply, Request};
use super::session::Seen;
use super::status::{self, Fault, Refusal};

/// The most bytes that are ever on their way without a reply.
///
/// A promise to later attempts, not only a tuning knob: a server may work on requests in any order, so all that an
/// interrupted attempt proves is that everything below its file's size *minus this window* was written. Making it
/// smaller would make files of earlier versions look more complete than they are.
pub(super) const WINDOW: u64 = 16 << 20;
/// The most requests on their way, for servers that take small writes only.
const MOST_REQUESTS: u64 = 512;
/// Bytes per read from the store.
const BLOCK: u32 = 1 << 20;
/// Reads under way at once, and blocks read that wait to be sent.
const READS_AHEAD: usize = 4;
const BLOCKS_WAITING: usize = 2;
/// How often the server's silence is measured: an eighth of the limit, within these bounds.
const SHORTEST_WATCH: Duration = Duration::from_millis(20);
const LONGEST_WATCH: Duration = Duration::from_secs(1);

/// Writes that are on their way.
struct Flight {
    /// Id, end offset, and whether the reply has come; in the order of sending.
    outstanding: VecDeque<(u32, u64, bool)>,
    /// When the server last answered, or began to owe an answer.
    last: Instant,
    /// The first refusal; nothing more is sent after it.
    refusal: Option<Refusal>,
    /// Whether the sender has sent its last.
    sent_all: bool,
}

struct Shared {
    flight: Mutex<Flight>,
    /// Room for further requests.
    room: Semaphore,
    finished: Notify,
}

impl Shared {
    fn flight(&self) -> MutexGuard<'_, Flight> {
        self.flight.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a write that is about to be sent; `false` where nothing may be sent any more.
    fn set_out(&self, id: u32, end: u64) -> bool {
        let mut flight = self.flight();
        if flight.refusal.is_some() {
            return false;
        }
        if flight.outstanding.is_empty() {
            flight.last = Instant::now();
        }
        flight.outstanding.push_back((id, end, false));
        true
    }

    /// Notes a reply. Returns how far the file is confirmed without a gap, where that has moved.
    fn landed(&self, id: u32, refusal: Option<Refusal>) -> Option<u64> {
        let mut flight = self.flight();
        flight.last = Instant::now();
        let refused = refusal.is_some();
        if refused && flight.refusal.is_none() {
            flight.refusal = refusal;
        }
        if let Some(write) = flight.outstanding.iter_mut().find(|write| write.0 == id) {
            write.2 = true;
        }
        let mut moved = None;
        while let Some((_, end, true)) = flight.outstanding.front() {
            moved = Some(*end);
            flight.outstanding.pop_front();
        }
        // After a refusal there is a gap.
        moved.filter(|_| flight.refusal.is_none())
    }

    fn is_over(&self) -> bool {
        let flight = self.flight();
        flight.sent_all && flight.outstanding.is_empty()
    }

    fn is_silent(&self, limit: Duration) -> bool {
        let flight = self.flight();
        !flight.outstanding.is_empty() && flight.last.elapsed() >= limit
    }
}

/// Writes the file's bytes from `from` to its end. Returns how many bytes were sent; `progress` is told how far the
/// file is confirmed without a gap.
///
/// # Errors
/// A refused write leaves the connection usable: all replies have been read. What the store says is passed on.
pub(super) async fn write(
    client: &mut Client,
    handle: &Bytes,
    file: &dyn SealedReader,
    from: u64,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<u64, Fault> {
    let size = file.size();
    let write_size = client.write_size.max(1);
    let requests = (WINDOW / u64::from(write_size)).clamp(1, MOST_REQUESTS);
    let shared = Shared {
        flight: Mutex::new(Flight {
            outstanding: VecDeque::new(),
            last: Instant::now(),
            refusal: None,
            sent_all: false,
        }),
        room: Semaphore::new(usize::try_from(requests).unwrap_or(1)),
        finished: Notify::new(),
    };
    let (blocks, waiting) = mpsc::channel(BLOCKS_WAITING);
    // Whole writes per block, so that no write is cut short at a block's end.
    let block = (BLOCK / write_size).max(1) * write_size;
    let Client { inbox, outbox, inactivity, next_id, seen, .. } = client;
    let sender = Sender { outbox, handle, shared: &shared, write_size };
    let receiver = Receiver { inbox, shared: &shared, limit: *inactivity, seen };
    let ((), sent, ()) = tokio::try_join!(
        read_ahead(file, from, size, block, blocks),
        sender.send(waiting, from, next_id),
        receiver.receive(from, progress),
    )?;
    match shared.flight().refusal.take() {
        Some(refusal) => Err(Fault::Refused(refusal)),
        None => Ok(sent),
    }
}

/// Reads blocks in order, several at once: a store far away has latency too.
async fn read_ahead(
    file: &dyn SealedReader,
    from: u64,
    size: u64,
    block: u32,
    blocks: mpsc::Sender<Bytes>,
) -> Result<(), Fault> {
    let mut next = from;
    let mut reading = FuturesOrdered::new();
    loop {
        while next < size && reading.len() < READS_AHEAD {
            let length = usize::try_from(u64::from(block).min(size - next)).unwrap_or(1);
            let offset = next;
            reading.push_back(async move { (offset, length, file.read(offset, length).await) });
            next += length as u64;
        }
        let Some((offset, length, read)) = reading.next().await else { return Ok(()) };
        let bytes = read?;
        if bytes.len() != length {
            let detail = format!("{} bytes instead of {length} at offset {offset}", bytes.len());
            return Err(Error::new(&codes::store::CHANGED, detail).into());
        }
        if blocks.send(bytes).await.is_err() {
            // The sender has stopped and says why.
            return Ok(());
        }
    }
}

struct Sender<'a> {
    outbox: &'a ChannelWriteHalf<Msg>,
    handle: &'a Bytes,
    shared: &'a Shared,
    write_size: u32,
}

impl Sender<'_> {
    /// Sends blocks as writes; stops between two packets once the server has refused one.
    async fn send(self, mut blocks: mpsc::Receiver<Bytes>, from: u64, next_id: &mut u32) -> Result<u64, Fault> {
        let mut offset = from;
        'blocks: while let Some(mut block) = blocks.recv().await {
            while !block.is_empty() {
                let data = block.split_to(block.len().min(self.write_size as usize));
                // The semaphore is never closed.
                if let Ok(permit) = self.shared.room.acquire().await {
                    permit.forget();
                }
                let id = *next_id;
                if !self.shared.set_out(id, offset + data.len() as u64) {
                    break 'blocks;
                }
                *next_id = next_id.wrapping_add(1);
                let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
                let header = Request::new(packet::WRITE, id).string(self.handle).u64(offset).u32(length);
                offset += data.len() as u64;
                // Header and data apart: the data is never copied on our side.
                self.outbox.data_bytes(header.finish_with_payload(data.len())).await.map_err(gone)?;
                self.outbox.data_bytes(data).await.map_err(gone)?;
            }
        }
        self.shared.flight().sent_all = true;
        self.shared.finished.notify_one();
        Ok(offset - from)
    }
}

/// The connection's task is gone; the receiver knows why, and normally says so first.
fn gone(_error: russh::Error) -> Error {
    Error::new(&codes::deliver::BROKEN, "write: the connection ended")
}

struct Receiver<'a> {
    inbox: &'a mut Inbox,
    shared: &'a Shared,
    limit: Duration,
    seen: &'a Mutex<Seen>,
}

impl Receiver<'_> {
    /// Reads replies until all writes are answered.
    async fn receive(self, from: u64, progress: &(dyn Fn(u64) + Sync)) -> Result<(), Fault> {
        let mut confirmed = from;
        let mut watch = tokio::time::interval((self.limit / 8).clamp(SHORTEST_WATCH, LONGEST_WATCH));
        while !self.shared.is_over() {
            let packet = tokio::select! {
                packet = self.inbox.next() => packet.map_err(|closed| client::closed(self.seen, closed, "write"))?,
                () = self.shared.finished.notified() => continue,
                _ = watch.tick() => {
                    if self.shared.is_silent(self.limit) {
                        return Err(silent(self.limit, "write").into());
                    }
                    continue;
                }
            };
            let (id, reply) = packet::read_reply(packet).ok_or_else(|| client::protocol("write"))?;
            let Reply::Status { code, message } = reply else { return Err(client::protocol("write").into()) };
            let refusal = (code != status::OK).then_some(Refusal { code, message });
            if let Some(end) = self.shared.landed(id, refusal) {
                confirmed = end;
            }
            progress(confirmed);
            self.shared.room.add_permits(1);
        }
        Ok(())
    }
}
