//! SFTP over one channel: its start, and requests of many callers at once. Each wait is bounded by the inactivity limit.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use russh::ChannelWriteHalf;
use russh::client::Msg;
use sealpost_core::connector::ConnectorSettings;
use sealpost_core::error::{Error, Result, codes};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, timeout};

use super::inbox::{Closed, Inbox};
use super::packet::{self, Reader, Reply, Request};
use super::session::{self, Seen, Session, inactivity_limit};
use super::status::{self, Fault, Refusal};
use super::wire::{Missing, Pending, Wire};

/// The largest write that OpenSSH takes (`limits@openssh.com`); none is larger, whatever a server says.
pub(super) const LARGEST_WRITE: u32 = 255 * 1024;
/// What every server takes: the draft asks for packets of 34,000 bytes.
const SAFE_WRITE: u32 = 32 * 1024;

/// What the server can do beyond the draft (OpenSSH's PROTOCOL file, section 4).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Features {
    pub(super) posix_rename: bool,
    pub(super) fsync: bool,
    pub(super) statvfs: bool,
    limits: bool,
}

/// An SFTP channel. Its clones are the same channel: many may ask at once.
#[derive(Clone)]
pub(super) struct Client {
    wire: Arc<Wire>,
    pub(super) inactivity: Duration,
    pub(super) features: Features,
    /// Bytes per write request.
    pub(super) write_size: u32,
    /// How long an answer takes that needs no work.
    pub(super) round_trip: Duration,
    seen: Arc<Mutex<Seen>>,
}

impl Client {
    /// Starts the SFTP subsystem on a logged-in session.
    ///
    /// # Errors
    /// `SP-DELIVER-013` where the server offers no SFTP, `-020` where it speaks something else.
    pub(super) async fn start(session: &Session, settings: &ConnectorSettings) -> Result<Self> {
        let inactivity = inactivity_limit(settings);
        let opening = async {
            let channel = session.handle.channel_open_session().await.map_err(|error| match error {
                russh::Error::ChannelOpenFailure(reason) => Error::new(
                    &codes::deliver::REFUSED,
                    format!("the server opens no session: {}", reason.description()),
                ),
                _ => session.broken("open a session"),
            })?;
            channel.request_subsystem(true, "sftp").await.map_err(|_| session.broken("start SFTP"))?;
            Ok::<_, Error>(channel)
        };
        let channel = timeout(inactivity, opening).await.map_err(|_| silent(inactivity, "start SFTP"))??;
        let (reading, outbox) = channel.split();
        let mut inbox = Inbox::new(reading);
        let greeted = timeout(inactivity, greet(&mut inbox, &outbox, &session.seen)).await;
        let (features, round_trip) = greeted.map_err(|_| silent(inactivity, "start SFTP"))??;
        let mut client = Self {
            wire: Arc::new(Wire::new(inbox, outbox, inactivity)),
            inactivity,
            features,
            write_size: SAFE_WRITE,
            round_trip,
            seen: Arc::clone(&session.seen),
        };
        if client.features.limits {
            client.write_size = client.ask_limits().await?.unwrap_or(SAFE_WRITE);
        }
        Ok(client)
    }

    /// The longest write that the server takes, where it says so.
    async fn ask_limits(&self) -> Result<Option<u32>> {
        let asked = self.ask("ask for limits", |id| Request::new(packet::EXTENDED, id).string(b"limits@openssh.com"));
        match asked.await {
            Ok(Reply::Extended(limits)) => {
                let mut reader = Reader(limits);
                let packet_size = reader.u64().unwrap_or(0);
                let write_size = reader.u64().and_then(|_read| reader.u64()).unwrap_or(0);
                // 0 means "not said"; then the packet must hold the request's header too.
                let write_size = if write_size > 0 { write_size } else { packet_size.saturating_sub(1024) };
                let write_size = u32::try_from(write_size).unwrap_or(u32::MAX);
                Ok((write_size > 0).then_some(write_size.min(LARGEST_WRITE)))
            }
            // It offers the extension and refuses it: the safe size stays.
            Ok(_) | Err(Fault::Refused(_)) => Ok(None),
            Err(Fault::Failed(error)) => Err(error),
        }
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
        self.wire.begin(build).map_err(|end| closed(&self.seen, end, what))
    }

    /// Waits for the answer to what was begun.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub(super) async fn answer(&self, what: &str, pending: Pending) -> Result<Reply, Fault> {
        match pending.wait(self.inactivity).await {
            Ok(reply) => settle(reply),
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
        let pending: Vec<Pending> =
            requests.into_iter().map(|build| self.begin(what, build)).collect::<Result<_>>()?;
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

    /// How many replies have come on this channel.
    pub(super) fn replies(&self) -> u64 {
        self.wire.replies()
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

/// Waits until SFTP runs, and says hello. Version 3 is what everyone speaks.
async fn greet(
    inbox: &mut Inbox,
    outbox: &ChannelWriteHalf<Msg>,
    seen: &Mutex<Seen>,
) -> Result<(Features, Duration)> {
    let begun = Instant::now();
    // Right behind the request for the subsystem, for one round trip less. The id's place holds the version.
    let hello = Request::new(packet::INIT, 3).finish();
    outbox.data_bytes(hello).await.map_err(|_| session::broken(seen, "send a request"))?;
    match inbox.granted().await {
        Ok(true) => {}
        Ok(false) => return Err(Error::new(&codes::deliver::REFUSED, "the server has no SFTP subsystem")),
        Err(end) => return Err(closed(seen, end, "start SFTP")),
    }
    let answer = inbox.next().await.map_err(|end| closed(seen, end, "start SFTP"))?;
    let (version, extensions) = packet::read_version(answer).ok_or_else(|| protocol("start SFTP"))?;
    if version < 3 {
        return Err(Error::new(
            &codes::deliver::PROTOCOL,
            format!("the server speaks SFTP version {version}; 3 is needed"),
        ));
    }
    let offers = |name: &str| extensions.iter().any(|extension| extension == name);
    let features = Features {
        posix_rename: offers("posix-rename@openssh.com"),
        fsync: offers("fsync@openssh.com"),
        statvfs: offers("statvfs@openssh.com"),
        limits: offers("limits@openssh.com"),
    };
    Ok((features, begun.elapsed()))
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
