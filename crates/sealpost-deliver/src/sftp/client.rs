//! SFTP over one channel: its start, and requests of many callers at once. Each wait is bounded by the inactivity limit.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared, ready};
use sealpost_core::connector::ConnectorSettings;
use sealpost_core::error::{Error, Result, codes};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, timeout};

use super::greeting::{self, Features, Started};
use super::inbox::Closed;
use super::packet::{self, Reader, Reply, Request};
use super::requests::one_name;
use super::session::{self, Seen, Session, inactivity_limit};
use super::status::{self, Fault, Refusal};
use super::wire::{Missing, Pending, Wire};

/// The largest write that OpenSSH takes (`limits@openssh.com`); none is larger, whatever a server says.
pub(super) const LARGEST_WRITE: u32 = 255 * 1024;
/// What every server takes: the draft asks for packets of 34,000 bytes.
const SAFE_WRITE: u32 = 32 * 1024;
/// The least that is written at once: a server that claims to take less is not believed. Whatever is on its way takes
/// memory for each write of it, and every server takes more (draft section 3).
const SHORTEST_WRITE: u32 = 512;

/// For error messages.
const LIMITS: &str = "ask for limits";
const HOME: &str = "resolve a path";

/// What a server can take, and where a login begins.
#[derive(Debug, Clone)]
struct Sizes {
    read_size: u32,
    write_size: u32,
    home: Option<Arc<str>>,
}

/// The same, once it is there.
type Said = Shared<BoxFuture<'static, Sizes>>;

/// An SFTP channel. Its clones are the same channel: many may ask at once.
#[derive(Clone)]
pub(super) struct Client {
    wire: Arc<Wire>,
    pub(super) inactivity: Duration,
    pub(super) features: Features,
    /// What else the server says when SFTP starts.
    said: Said,
    /// The shortest time, in microseconds, in which the server has answered anything.
    round_trip: Arc<AtomicU64>,
    /// Whether the server has answered anything that was asked through this clone.
    answered: Arc<AtomicBool>,
    seen: Arc<Mutex<Seen>>,
}

impl Client {
    /// Starts the SFTP subsystem on a logged-in session. Its limits are asked for, and not waited for: what is asked next
    /// leaves in the same round trip.
    ///
    /// # Errors
    /// `SP-DELIVER-013` where the server offers no SFTP, `-020` where it speaks something else.
    pub(super) async fn start(session: &Session, settings: &ConnectorSettings) -> Result<Self> {
        let client = Self::greeted(session, settings).await?;
        if !client.features.limits {
            return Ok(client);
        }
        let limits = client.begin(LIMITS, |id| Request::new(packet::EXTENDED, id).string(b"limits@openssh.com"))?;
        // Where a login begins is mostly needed, too.
        let home = client.begin(HOME, |id| Request::new(packet::REALPATH, id).string(b"."))?;
        let asked = client.clone();
        let said = async move {
            let (read_size, write_size) = asked.limits(limits).await;
            let home = one_name(asked.answer(HOME, home).await).ok().map(Arc::from);
            Sizes { read_size, write_size, home }
        };
        Ok(Self { said: said.boxed().shared(), ..client })
    }

    /// Starts it once more on the same session: what the server can take is known.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub(super) async fn start_another(&self, session: &Session, settings: &ConnectorSettings) -> Result<Self> {
        let client = Self::greeted(session, settings).await?;
        Ok(Self { said: self.said.clone(), round_trip: Arc::clone(&self.round_trip), ..client })
    }

    /// Bytes per write request.
    pub(super) async fn write_size(&self) -> u32 {
        self.said.clone().await.write_size.max(1)
    }

    /// Bytes per read request.
    pub(super) async fn read_size(&self) -> u32 {
        self.said.clone().await.read_size.max(1)
    }

    /// Where a login begins, where that was asked.
    pub(super) async fn home(&self) -> Option<Arc<str>> {
        self.said.clone().await.home
    }

    /// Waits until the server has said all that it says when SFTP starts.
    pub(super) async fn settled(&self) {
        self.said.clone().await;
    }

    async fn greeted(session: &Session, settings: &ConnectorSettings) -> Result<Self> {
        let inactivity = inactivity_limit(settings);
        let started = timeout(inactivity, greeting::start(session)).await;
        let Started { inbox, outbox, features, round_trip } =
            started.map_err(|_| silent(inactivity, "start SFTP"))??;
        Ok(Self {
            wire: Arc::new(Wire::new(inbox, outbox, inactivity)),
            inactivity,
            features,
            said: ready(Sizes { read_size: SAFE_WRITE, write_size: SAFE_WRITE, home: None }).boxed().shared(),
            round_trip: Arc::new(AtomicU64::new(micros(round_trip))),
            answered: Arc::default(),
            seen: Arc::clone(&session.seen),
        })
    }

    /// The longest read and the longest write that the server takes, where it says so. Where the channel has ended, whoever
    /// asks for anything learns it.
    async fn limits(&self, asked: Pending) -> (u32, u32) {
        // It offers the extension and refuses it: the safe size stays.
        let Ok(Reply::Extended(limits)) = self.answer(LIMITS, asked).await else { return (SAFE_WRITE, SAFE_WRITE) };
        sizes(limits)
    }

    /// Asks one thing. It is queued at the first poll, so futures that are polled in an order are sent in that order.
    ///
    /// # Errors
    /// [`Fault::Refused`] for every status but OK; [`Fault::Failed`] without an answer.
    pub(super) async fn ask(&self, what: &str, build: impl FnOnce(u32) -> Request) -> Result<Reply, Fault> {
        let pending = self.begin(what, build)?;
        self.answer(what, pending).await
    }

    /// Queues a request; its answer is had from [`Self::answer`]. What is begun in an order is sent in that order.
    ///
    /// # Errors
    /// Where the channel has ended.
    pub(super) fn begin(&self, what: &str, build: impl FnOnce(u32) -> Request) -> Result<Pending> {
        self.wire.begin(build, Bytes::new(), None).map_err(|end| closed(&self.seen, end, what))
    }

    /// Queues a write, with file data that is not copied. `room` is of [`Self::room`].
    ///
    /// # Errors
    /// Where the channel has ended.
    pub(super) fn begin_write(
        &self,
        handle: &Bytes,
        offset: u64,
        data: Bytes,
        room: Option<OwnedSemaphorePermit>,
    ) -> Result<Pending> {
        let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
        let build = |id| Request::new(packet::WRITE, id).string(handle).u64(offset).u32(length);
        self.wire.begin(build, data, room).map_err(|end| closed(&self.seen, end, "write"))
    }

    /// Waits for the answer to what was begun.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub(super) async fn answer(&self, what: &str, pending: Pending) -> Result<Reply, Fault> {
        let begun = pending.begun();
        match pending.wait(self.inactivity).await {
            Ok(reply) => {
                self.round_trip.fetch_min(micros(begun.elapsed()), Ordering::Relaxed);
                self.answered.store(true, Ordering::Relaxed);
                settle(reply)
            }
            Err(Missing::Silent) => Err(silent(self.inactivity, what).into()),
            Err(Missing::Closed(end)) => Err(closed(&self.seen, end, what).into()),
        }
    }

    /// Asks several things at once, for one round trip; the answers are in the order of the requests.
    ///
    /// # Errors
    /// Without an answer to all of them.
    pub(super) async fn ask_all(
        &self,
        what: &str,
        requests: impl IntoIterator<Item = impl FnOnce(u32) -> Request>,
    ) -> Result<Vec<Result<Reply, Fault>>> {
        let pending: Vec<Pending> = requests.into_iter().map(|build| self.begin(what, build)).collect::<Result<_>>()?;
        let mut answers = Vec::with_capacity(pending.len());
        for pending in pending {
            match self.answer(what, pending).await {
                Err(Fault::Failed(error)) => return Err(error),
                answer => answers.push(answer),
            }
        }
        Ok(answers)
    }

    /// Queues a request whose answer does not matter.
    pub(super) fn forget(&self, build: impl FnOnce(u32) -> Request) {
        self.wire.forget(build);
    }

    /// Ends the channel for everyone on it.
    pub(super) fn give_up(&self) {
        self.wire.give_up();
    }

    /// Waits until so many bytes of file data may be queued on this channel.
    pub(super) async fn room(&self, bytes: u32) -> Option<OwnedSemaphorePermit> {
        self.wire.room(bytes).await
    }

    /// Queues one of many requests, with file data after it where it is a write; its answer goes to `replies`, with the
    /// id that is returned. Whoever reads the replies watches for [`Self::quiet_since`] and [`Self::end`].
    ///
    /// # Errors
    /// Where the channel has ended.
    pub(super) fn begin_bulk(
        &self,
        what: &str,
        build: impl FnOnce(u32) -> Request,
        payload: Bytes,
        room: Option<OwnedSemaphorePermit>,
        replies: &mpsc::UnboundedSender<(u32, Reply)>,
    ) -> Result<u32> {
        self.wire.begin_bulk(build, payload, room, replies).map_err(|end| closed(&self.seen, end, what))
    }

    /// How long the server has said nothing on this channel, counted from `since` at the earliest.
    pub(super) fn quiet_since(&self, since: Instant) -> Duration {
        self.wire.quiet_since(since)
    }

    /// The same channel for one more file, for which nothing has been answered yet.
    pub(super) fn for_one_file(&self) -> Self {
        Self { answered: Arc::default(), ..self.clone() }
    }

    /// Whether the server has answered anything that was asked through this clone or its clones.
    pub(super) fn has_answered(&self) -> bool {
        self.answered.load(Ordering::Relaxed)
    }

    /// How long the way to the server and back takes, as far as was measured.
    pub(super) fn round_trip(&self) -> Duration {
        Duration::from_micros(self.round_trip.load(Ordering::Relaxed))
    }

    /// Whether nothing more comes on this channel.
    pub(super) fn is_over(&self) -> bool {
        self.wire.end().is_some()
    }

    /// Waits until nothing more comes on this channel.
    pub(super) async fn ended(&self) {
        self.wire.ended().await;
    }

    /// Why nothing more comes on this channel.
    pub(super) fn end(&self, what: &str) -> Error {
        closed(&self.seen, self.wire.end().unwrap_or_default(), what)
    }
}

/// The longest read and the longest write, by what a server says of its limits.
fn sizes(limits: Bytes) -> (u32, u32) {
    let mut reader = Reader(limits);
    let packet_size = reader.u64().unwrap_or(0);
    let (read_size, write_size) = (reader.u64().unwrap_or(0), reader.u64().unwrap_or(0));
    // 0 means "not said"; then the packet must hold the header of request or reply too.
    let bounded = |said: u64| {
        let size = if said > 0 { said } else { packet_size.saturating_sub(1024) };
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        if size > 0 { size.min(LARGEST_WRITE) } else { SAFE_WRITE }
    };
    (bounded(read_size), bounded(write_size).max(SHORTEST_WRITE))
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn settle(reply: Reply) -> Result<Reply, Fault> {
    match reply {
        Reply::Status { code: status::OK, message } => Ok(Reply::Status { code: status::OK, message }),
        Reply::Status { code, message } => Err(Fault::Refused(Refusal { code, message })),
        reply => Ok(reply),
    }
}

/// No answer within the inactivity limit.
pub(super) fn silent(limit: Duration, what: &str) -> Error {
    Error::new(&codes::deliver::TIMEOUT, format!("{what}: no answer within {} s", limit.as_secs()))
}

/// An answer that makes no sense.
pub(super) fn protocol(what: &str) -> Error {
    Error::new(&codes::deliver::PROTOCOL, format!("{what}: the server's answer is not valid SFTP version 3"))
}

/// What it means that no further packet comes.
pub(super) fn closed(seen: &Mutex<Seen>, end: Closed, what: &str) -> Error {
    match end {
        Closed::NotSftp(start) => Error::new(
            &codes::deliver::PROTOCOL,
            format!("{what}: the server sent something that is not SFTP, beginning with `{start}`"),
        ),
        Closed::Malformed => protocol(what),
        Closed::Ended(complaint) if complaint.is_empty() => session::broken(seen, what),
        Closed::Ended(complaint) => {
            Error::new(&codes::deliver::BROKEN, format!("{what}: the server ended SFTP: {complaint}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_of_its_limits_is_taken_within_bounds() {
        let said = |packet: u64, read: u64, write: u64| {
            let bytes: Vec<u8> = [packet, read, write, 0].into_iter().flat_map(u64::to_be_bytes).collect();
            sizes(bytes.into())
        };
        assert_eq!(said(256 << 10, 100_000, 4096), (100_000, 4096));
        assert_eq!(said(34_000, 0, 0), (32_976, 32_976));
        assert_eq!(said(0, 0, 0), (SAFE_WRITE, SAFE_WRITE));
        assert_eq!(said(u64::MAX, u64::MAX, u64::MAX), (LARGEST_WRITE, LARGEST_WRITE));
        assert_eq!(said(256 << 10, 100_000, 1), (100_000, SHORTEST_WRITE));
        assert_eq!(said(1025, 0, 0).1, SHORTEST_WRITE);
        assert_eq!(sizes(Bytes::new()), (SAFE_WRITE, SAFE_WRITE));
    }
}
