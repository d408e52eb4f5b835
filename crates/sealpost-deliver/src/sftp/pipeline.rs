//! Many writes in flight: the file's bytes as fast as the server takes them, in constant memory, over one channel or
//! several.
//!
//! A reader is a few blocks ahead. Each channel has a sender, which takes the next write as soon as its channel has room,
//! and a receiver of replies. All of it runs in one task.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::stream::{FuturesUnordered, Stream};
use futures::{StreamExt, pin_mut};
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::SealedReader;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::time::Instant;

use super::client::{Client, protocol, silent};
use super::flow::{Flow, Outlook, Stop};
use super::limiter::Limiter;
use super::link::Seat;
use super::packet::{self, Reply, Request};
use super::pool::Lease;
use super::read_ahead::read_ahead;
use super::requests::OpenFile;
use super::status::{self, Fault, Refusal};

/// The most requests of a file on their way on one channel, for servers that take small writes only.
const MOST_REQUESTS: usize = 512;
/// How often the server's silence is measured: an eighth of the limit, within these bounds.
const SHORTEST_WATCH: Duration = Duration::from_millis(20);
const LONGEST_WATCH: Duration = Duration::from_secs(1);

/// A channel with the file open on it.
pub(super) struct Strand {
    pub(super) client: Client,
    pub(super) file: OpenFile,
    /// What holds the channel and its connection.
    #[expect(dead_code, reason = "held until the file is closed")]
    pub(super) place: Place,
}

/// What holds a channel while a file uses it.
pub(super) enum Place {
    /// The file's own, which it has anyway.
    Own,
    /// A further channel of a connection.
    Channel(#[expect(dead_code, reason = "held")] Seat),
    /// The first channel of a further connection.
    Connection(#[expect(dead_code, reason = "held")] Lease),
}

/// What came of writing.
pub(super) struct Written {
    /// How far the file is confirmed without a gap.
    pub(super) confirmed: u64,
    /// Whether a further channel failed: from `confirmed` on the first one must do it alone.
    pub(super) retreat: Option<Retreat>,
    /// The further channels that took part.
    pub(super) further: Vec<Strand>,
}

/// Why the first channel must go on alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Retreat {
    /// A write was refused: the server may not take a file over several channels.
    Refused,
    /// A further channel broke.
    Broken,
}

/// Writes the file's bytes from `from` to its end on the first channel, and on those of `more` as they come. `progress` is
/// told how far the file is confirmed without a gap.
///
/// # Errors
/// A refused write leaves the connection usable: all replies have been read. What the store says is passed on.
pub(super) async fn write(
    first: &Strand,
    more: impl Stream<Item = Strand>,
    file: &dyn SealedReader,
    from: u64,
    limiter: &Limiter,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Written, Fault> {
    let flow = Flow::new(from);
    let further = async {
        let mut further = Vec::new();
        pin_mut!(more);
        let mut more = more.fuse();
        let mut running = FuturesUnordered::new();
        let primary = send(first, &flow, limiter, progress);
        pin_mut!(primary);
        let mut primary_done = false;
        while !primary_done || !running.is_empty() {
            tokio::select! {
                done = &mut primary, if !primary_done => {
                    done?;
                    primary_done = true;
                }
                Some((strand, done)) = running.next(), if !running.is_empty() => {
                    if let Err(fault) = done {
                        tracing::debug!(?fault, "a further channel failed");
                        flow.stop(Stop::Retreat);
                    }
                    further.push(strand);
                }
                Some(strand) = more.next(), if !primary_done => {
                    let flow = &flow;
                    running.push(async move {
                        let done = send(&strand, flow, limiter, progress).await;
                        (strand, done)
                    });
                }
            }
        }
        Ok(further)
    };
    let write_size = first.client.write_size().await;
    let ((), further) = tokio::try_join!(read_ahead(file, from, write_size, &flow), further)?;
    let (confirmed, stop) = flow.outcome();
    match stop {
        Some(Stop::Refused(refusal)) if further.is_empty() => Err(Fault::Refused(refusal)),
        Some(Stop::Refused(refusal)) => {
            tracing::debug!(%refusal, "a write was refused; going on with one channel");
            Ok(Written { confirmed, retreat: Some(Retreat::Refused), further })
        }
        Some(Stop::Retreat) => Ok(Written { confirmed, retreat: Some(Retreat::Broken), further }),
        None => Ok(Written { confirmed, retreat: None, further }),
    }
}

/// Sends writes on one channel until there is nothing more to send, and all of them are answered.
async fn send(strand: &Strand, flow: &Flow, limiter: &Limiter, progress: &(dyn Fn(u64) + Sync)) -> Result<(), Fault> {
    let (replies, answers) = mpsc::unbounded_channel();
    let lane = Sending {
        strand,
        flow,
        limiter,
        sent: Mutex::new(VecDeque::new()),
        slots: Semaphore::new(MOST_REQUESTS),
        sent_all: AtomicBool::new(false),
        finished: Notify::new(),
    };
    tokio::try_join!(lane.send(&replies), lane.receive(answers, progress)).map(drop)
}

/// One channel's part.
struct Sending<'a> {
    strand: &'a Strand,
    flow: &'a Flow,
    limiter: &'a Limiter,
    /// Request ids and the numbers of their writes, in the order of sending.
    sent: Mutex<VecDeque<(u32, u64)>>,
    slots: Semaphore,
    sent_all: AtomicBool,
    finished: Notify,
}

impl Sending<'_> {
    async fn send(&self, replies: &mpsc::UnboundedSender<(u32, Reply)>) -> Result<(), Fault> {
        let Strand { client, file, .. } = self.strand;
        let most = client.write_size().await;
        loop {
            let changed = self.flow.changed();
            pin_mut!(changed);
            changed.as_mut().enable();
            match self.flow.outlook(most) {
                Outlook::Over => break,
                Outlook::Wait => {
                    changed.await;
                    continue;
                }
                Outlook::Ready => {}
            }
            // The semaphore is never closed.
            if let Ok(slot) = self.slots.acquire().await {
                slot.forget();
            }
            // Room first: of several channels the one that gets on takes the next write.
            let room = client.room(most).await;
            let Some(write) = self.flow.take(most) else {
                self.slots.add_permits(1);
                continue;
            };
            let length = u32::try_from(write.data.len()).unwrap_or(u32::MAX);
            self.limiter.take(length).await;
            let build = |id| Request::new(packet::WRITE, id).string(file).u64(write.offset).u32(length);
            let id = client.begin_bulk("write", build, write.data, room, replies)?;
            self.sent.lock().unwrap_or_else(PoisonError::into_inner).push_back((id, write.number));
        }
        self.sent_all.store(true, Ordering::Relaxed);
        self.finished.notify_one();
        Ok(())
    }

    /// Reads replies until all writes are answered.
    async fn receive(
        &self,
        mut answers: mpsc::UnboundedReceiver<(u32, Reply)>,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<(), Fault> {
        let client = &self.strand.client;
        let limit = client.inactivity;
        // The server owes an answer since the first write that is on its way, or since the last answer.
        let mut owing: Option<Instant> = None;
        let mut watch = tokio::time::interval((limit / 8).clamp(SHORTEST_WATCH, LONGEST_WATCH));
        while !self.is_over() {
            let (id, reply) = tokio::select! {
                biased;
                Some(answer) = answers.recv() => answer,
                () = self.finished.notified() => continue,
                () = client.ended() => return Err(client.end("write").into()),
                _ = watch.tick() => {
                    owing = if self.is_idle() { None } else { owing.or_else(|| Some(Instant::now())) };
                    if owing.is_some_and(|since| client.quiet_since(since) >= limit) {
                        return Err(silent(limit, "write").into());
                    }
                    continue;
                }
            };
            let Reply::Status { code, message } = reply else { return Err(protocol("write").into()) };
            let number = self.answered(id);
            if code == status::OK {
                if let Some(number) = number {
                    progress(self.flow.landed(number));
                }
            } else {
                self.flow.stop(Stop::Refused(Refusal { code, message }));
            }
            owing = owing.map(|_| Instant::now());
            self.slots.add_permits(1);
        }
        Ok(())
    }

    /// The number of the write that is answered.
    fn answered(&self, id: u32) -> Option<u64> {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let place = sent.iter().position(|(sent, _)| *sent == id)?;
        sent.remove(place).map(|(_, number)| number)
    }

    fn is_idle(&self) -> bool {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn is_over(&self) -> bool {
        self.sent_all.load(Ordering::Relaxed) && self.is_idle()
    }
}

/// What the store gave is not what was asked for.
pub(super) fn changed(got: usize, length: usize, offset: u64) -> Error {
    Error::new(&codes::store::CHANGED, format!("{got} bytes instead of {length} at offset {offset}"))
}
