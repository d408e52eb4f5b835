//! SFTP requests over one channel, one at a time or a few at once. Each wait is bounded by the inactivity limit.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use russh::ChannelWriteHalf;
use russh::client::Msg;
use sealpost_core::connector::ConnectorSettings;
use sealpost_core::error::{Error, Result, codes};
use tokio::time::timeout;

use super::inbox::{Closed, Inbox};
use super::packet::{self, Reader, Reply, Request};
use super::session::{self, Seen, Session, inactivity_limit};
use super::status::{self, Fault, Refusal};

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

/// An SFTP connection.
pub(super) struct Client {
    pub(super) inbox: Inbox,
    pub(super) outbox: ChannelWriteHalf<Msg>,
    pub(super) inactivity: Duration,
    pub(super) features: Features,
    /// Bytes per write request.
    pub(super) write_size: u32,
    pub(super) next_id: u32,
    pub(super) seen: Arc<Mutex<Seen>>,
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
        let mut client = Self {
            inbox: Inbox::new(reading),
            outbox,
            inactivity,
            features: Features::default(),
            write_size: SAFE_WRITE,
            next_id: 0,
            seen: Arc::clone(&session.seen),
        };
        timeout(inactivity, client.greet()).await.map_err(|_| silent(inactivity, "start SFTP"))??;
        if client.features.limits {
            client.ask_limits().await?;
        }
        Ok(client)
    }

    async fn greet(&mut self) -> Result<()> {
        let refused = || Error::new(&codes::deliver::REFUSED, "the server has no SFTP subsystem");
        match self.inbox.granted().await {
            Ok(true) => {}
            Ok(false) => return Err(refused()),
            Err(end) => return Err(closed(&self.seen, end, "start SFTP")),
        }
        // Version 3 is what everyone speaks; the id's place holds the version.
        self.transmit(Request::new(packet::INIT, 3).finish()).await?;
        let answer = self.inbox.next().await.map_err(|end| closed(&self.seen, end, "start SFTP"))?;
        let (version, extensions) = packet::read_version(answer).ok_or_else(|| protocol("start SFTP"))?;
        if version < 3 {
            return Err(Error::new(
                &codes::deliver::PROTOCOL,
                format!("the server speaks SFTP version {version}; 3 is needed"),
            ));
        }
        let offers = |name: &str| extensions.iter().any(|extension| extension == name);
        self.features = Features {
            posix_rename: offers("posix-rename@openssh.com"),
            fsync: offers("fsync@openssh.com"),
            statvfs: offers("statvfs@openssh.com"),
            limits: offers("limits@openssh.com"),
        };
        Ok(())
    }

    async fn ask_limits(&mut self) -> Result<()> {
        let asked = self.ask("ask for limits", |id| Request::new(packet::EXTENDED, id).string(b"limits@openssh.com"));
        match asked.await {
            Ok(Reply::Extended(limits)) => {
                let mut reader = Reader(limits);
                let packet_size = reader.u64().unwrap_or(0);
                let write_size = reader.u64().and_then(|_read| reader.u64()).unwrap_or(0);
                // 0 means "not said"; then the packet must hold the request's header too.
                let write_size = if write_size > 0 { write_size } else { packet_size.saturating_sub(1024) };
                let write_size = u32::try_from(write_size).unwrap_or(u32::MAX);
                if write_size > 0 {
                    self.write_size = write_size.min(LARGEST_WRITE);
                }
                Ok(())
            }
            // It offers the extension and refuses it: the safe size stays.
            Ok(_) | Err(Fault::Refused(_)) => Ok(()),
            Err(Fault::Failed(error)) => Err(error),
        }
    }

    fn take_id(&mut self) -> u32 {
        let id = self.next_id;
        self.next_id = self.next_id.wrapping_add(1);
        id
    }

    async fn transmit(&self, request: Bytes) -> Result<()> {
        self.outbox.data_bytes(request).await.map_err(|_| session::broken(&self.seen, "send a request"))
    }

    /// Asks one thing.
    ///
    /// # Errors
    /// [`Fault::Refused`] for every status but OK; [`Fault::Failed`] without an answer.
    pub(super) async fn ask(&mut self, what: &str, build: impl FnOnce(u32) -> Request) -> Result<Reply, Fault> {
        let id = self.take_id();
        let request = build(id).finish();
        let limit = self.inactivity;
        let exchange = async {
            self.transmit(request).await?;
            loop {
                let (answered, reply) = self.receive(what).await?;
                // A reply to an earlier request whose answer no longer mattered.
                if answered == id {
                    return Ok::<Reply, Error>(reply);
                }
            }
        };
        let reply = timeout(limit, exchange).await.map_err(|_| silent(limit, what))??;
        settle(reply)
    }

    /// Asks several things at once, for one round trip; the answers are in the order of the requests.
    ///
    /// # Errors
    /// Without an answer to all of them.
    pub(super) async fn ask_all(
        &mut self,
        what: &str,
        requests: impl IntoIterator<Item = impl FnOnce(u32) -> Request>,
    ) -> Result<Vec<Result<Reply, Fault>>> {
        let first = self.next_id;
        let packets: Vec<Bytes> = requests.into_iter().map(|build| build(self.take_id()).finish()).collect();
        let mut replies: Vec<Option<Reply>> = packets.iter().map(|_| None).collect();
        for request in packets {
            timeout(self.inactivity, self.transmit(request)).await.map_err(|_| silent(self.inactivity, what))??;
        }
        while replies.iter().any(Option::is_none) {
            let limit = self.inactivity;
            let (id, reply) = timeout(limit, self.receive(what)).await.map_err(|_| silent(limit, what))??;
            let place = usize::try_from(id.wrapping_sub(first)).unwrap_or(usize::MAX);
            if let Some(slot) = replies.get_mut(place) {
                *slot = Some(reply);
            }
        }
        Ok(replies.into_iter().flatten().map(settle).collect())
    }

    /// The next reply and the id of its request. May be cancelled.
    async fn receive(&mut self, what: &str) -> Result<(u32, Reply)> {
        let packet = self.inbox.next().await.map_err(|end| closed(&self.seen, end, what))?;
        packet::read_reply(packet).ok_or_else(|| protocol(what))
    }
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
        Closed::Ended(complaint) if complaint.is_empty() => session::broken(seen, what),
        Closed::Ended(complaint) => {
            Error::new(&codes::deliver::BROKEN, format!("{what}: the server ended SFTP: {complaint}"))
        }
    }
}
