//! The start of SFTP on an SSH channel: subsystem and version, in one round trip after the channel is open.

use std::sync::Mutex;
use std::time::Duration;

use russh::ChannelWriteHalf;
use russh::client::Msg;
use sealpost_core::error::{Error, Result, codes};
use tokio::time::Instant;

use super::client::{closed, protocol};
use super::inbox::Inbox;
use super::packet::{self, Request};
use super::session::{self, Seen, Session};

/// What the server can do beyond the draft (OpenSSH's PROTOCOL file, section 4).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Features {
    pub(super) posix_rename: bool,
    pub(super) fsync: bool,
    pub(super) statvfs: bool,
    pub(super) limits: bool,
}

/// A channel on which SFTP runs.
pub(super) struct Started {
    pub(super) inbox: Inbox,
    pub(super) outbox: ChannelWriteHalf<Msg>,
    pub(super) features: Features,
    /// How long the server took to answer.
    pub(super) round_trip: Duration,
}

/// Opens a channel and starts SFTP on it. To be bounded by the caller.
///
/// # Errors
/// `SP-DELIVER-013` where the server offers no SFTP, `-020` where it speaks something else.
pub(super) async fn start(session: &Session) -> Result<Started> {
    let channel = session.handle.channel_open_session().await.map_err(|error| match error {
        russh::Error::ChannelOpenFailure(reason) => {
            Error::new(&codes::deliver::REFUSED, format!("the server opens no session: {}", reason.description()))
        }
        _ => session.broken("open a session"),
    })?;
    channel.request_subsystem(true, "sftp").await.map_err(|_| session.broken("start SFTP"))?;
    let (reading, outbox) = channel.split();
    let mut inbox = Inbox::new(reading);
    let (features, round_trip) = greet(&mut inbox, &outbox, &session.seen).await?;
    Ok(Started { inbox, outbox, features, round_trip })
}

/// Waits until SFTP runs, and says hello. Version 3 is what everyone speaks.
async fn greet(inbox: &mut Inbox, outbox: &ChannelWriteHalf<Msg>, seen: &Mutex<Seen>) -> Result<(Features, Duration)> {
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
