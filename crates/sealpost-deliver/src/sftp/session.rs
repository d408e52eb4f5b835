//! One SSH connection: key exchange and host key (RFC 4253), before any credential is sent.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use russh::client::{self, DisconnectReason, Handle};
use russh::keys::{Algorithm, PublicKey, PublicKeyOrCertificate};
use russh::{Disconnect, SshId};
use sealpost_core::connector::ConnectorSettings;
use sealpost_core::error::{Error, Result, codes};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::DropGuard;

use super::host_key::{Approved, Shown};
use super::{algorithms, tether};

/// How much the server may send on a channel before it hears from us. Twice what a file asks for at once, because the
/// window is opened again only when half of it is used. It takes no memory: a server sends what was asked for.
const WINDOW: u32 = 80 << 20;
/// The longest piece that the server may send at once; no more fits in `russh`.
const LONGEST_PACKET: u32 = 65_535;

/// What the connection's task has seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The key that the server showed.
    pub(super) shown: Option<Shown>,
    /// Further host keys that it announced after the login.
    pub(super) announced: Vec<PublicKey>,
    /// Key exchange and cipher.
    pub(super) algorithms: Option<String>,
    /// How the server's software calls itself (RFC 4253 section 4.2).
    pub(super) software: String,
    /// Why the connection ended.
    pub(super) ended: Option<Ended>,
}

/// Why a connection ended.
#[derive(Debug, Clone)]
pub(super) enum Ended {
    /// The server said goodbye, with this message. Where the reason is `passing`, it may be gone at the next try.
    Disconnected { message: String, passing: bool },
    /// The server refused a login, and named no method that it still takes.
    NoMethod,
    /// Nothing came for too long, keepalives included.
    Silent,
    /// It broke.
    Broken(String),
}

/// What `russh` reports to, and asks about host keys.
pub(super) struct Watcher {
    approved: Arc<Approved>,
    seen: Arc<Mutex<Seen>>,
}

/// A connection whose server has shown an approved key.
pub(super) struct Session {
    pub(super) handle: Handle<Watcher>,
    pub(super) seen: Arc<Mutex<Seen>>,
    // Dropped last: it ends the connection's task.
    _tether: DropGuard,
}

/// A failed key exchange.
pub(super) enum Refused {
    /// The server showed a key that nobody approved.
    Key(Shown),
    /// The server has no host key of the types that were offered.
    NoSuchType,
    /// Anything else.
    Failed(Error),
}

/// How long key exchange and login may take, each.
pub(super) fn handshake_limit(settings: &ConnectorSettings) -> Duration {
    Duration::from_secs(settings.limits.handshake_timeout_s.max(1))
}

/// The longest silence of the server while something is asked of it.
pub(super) fn inactivity_limit(settings: &ConnectorSettings) -> Duration {
    Duration::from_secs(settings.limits.inactivity_timeout_s.max(1))
}

impl Session {
    /// Exchanges keys and checks the server's; never offers the host key types in `shown`.
    pub(super) async fn open(
        settings: &ConnectorSettings,
        approved: &Arc<Approved>,
        shown: &[Algorithm],
        stream: TcpStream,
    ) -> Result<Self, Refused> {
        let preferred = algorithms::preferred(approved, shown).ok_or(Refused::NoSuchType)?;
        // Keepalives hold NAT entries open, and end a connection whose server has vanished while nothing is asked of
        // it. Their number covers the inactivity limit: a server that does not answer them is not cut off early.
        let inactivity = inactivity_limit(settings);
        let interval = (inactivity / 4).clamp(Duration::from_secs(1), Duration::from_secs(15));
        let missed = inactivity.as_secs() / interval.as_secs().max(1) + 1;
        let config = client::Config {
            client_id: SshId::Standard(Cow::Borrowed(concat!("SSH-2.0-Sealpost_", env!("CARGO_PKG_VERSION")))),
            preferred,
            keepalive_interval: Some(interval),
            keepalive_max: usize::try_from(missed).unwrap_or(usize::MAX),
            nodelay: true,
            gex: approved.offer().groups(),
            window_size: WINDOW,
            maximum_packet_size: LONGEST_PACKET,
            ..client::Config::default()
        };
        let seen = Arc::new(Mutex::new(Seen::default()));
        let watcher = Watcher { approved: Arc::clone(approved), seen: Arc::clone(&seen) };
        let (stream, tether) = tether::tie(stream);
        let limit = handshake_limit(settings);
        match timeout(limit, client::connect_stream(Arc::new(config), stream, watcher)).await {
            Ok(Ok(handle)) => Ok(Self { handle, seen, _tether: tether }),
            Ok(Err(error)) => Err(refused(settings, &seen, error, !shown.is_empty())),
            Err(_) => Err(Refused::Failed(Error::new(
                &codes::deliver::TIMEOUT,
                format!("`{}` did not finish the key exchange within {} s", settings.host, limit.as_secs()),
            ))),
        }
    }

    /// The fingerprint of the key that the server showed.
    pub(super) fn host_key(&self) -> String {
        look(&self.seen).shown.as_ref().map(Shown::fingerprint).unwrap_or_default()
    }

    /// Key exchange and cipher.
    pub(super) fn algorithms(&self) -> String {
        look(&self.seen).algorithms.clone().unwrap_or_default()
    }

    /// What it means that the connection's task is gone or does not answer.
    pub(super) fn broken(&self, while_doing: &str) -> Error {
        broken(&self.seen, while_doing)
    }

    /// Says goodbye; waits no longer than a second for it.
    pub(super) async fn close(self) {
        let goodbye = async {
            if self.handle.disconnect(Disconnect::ByApplication, "done", "").await.is_ok() {
                // How it ends no longer matters.
                drop(self.handle.await);
            }
        };
        drop(timeout(Duration::from_secs(1), goodbye).await);
    }
}

/// A lock that no panic can poison for us: the data is only ever replaced whole.
pub(super) fn look(seen: &Mutex<Seen>) -> std::sync::MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What it means that a connection is gone.
pub(super) fn broken(seen: &Mutex<Seen>, while_doing: &str) -> Error {
    match look(seen).ended.clone() {
        Some(Ended::Silent) => {
            Error::new(&codes::deliver::TIMEOUT, format!("{while_doing}: the server answers no keepalive"))
        }
        Some(Ended::Disconnected { message, .. }) => {
            Error::new(&codes::deliver::BROKEN, format!("{while_doing}: the server disconnected: {message}"))
        }
        Some(Ended::NoMethod) => {
            Error::new(&codes::deliver::AUTHENTICATION, format!("{while_doing}: the server takes no further login"))
        }
        Some(Ended::Broken(why)) => Error::new(&codes::deliver::BROKEN, format!("{while_doing}: {why}")),
        None => Error::new(&codes::deliver::BROKEN, format!("{while_doing}: the server closed the connection")),
    }
}

fn refused(settings: &ConnectorSettings, seen: &Mutex<Seen>, error: russh::Error, types_left_out: bool) -> Refused {
    let host = &settings.host;
    let failed = |code, detail: String| Refused::Failed(Error::new(code, format!("`{host}`: {detail}")));
    match error {
        russh::Error::UnknownKey => match look(seen).shown.clone() {
            Some(shown) => Refused::Key(shown),
            None => failed(&codes::deliver::PROTOCOL, "the server showed no host key".to_owned()),
        },
        russh::Error::NoCommonAlgo { kind: russh::AlgorithmKind::Key, .. } if types_left_out => Refused::NoSuchType,
        russh::Error::NoCommonAlgo { kind, ours, theirs } => {
            failed(&codes::deliver::NEGOTIATION, nothing_in_common(&kind, &ours, &theirs))
        }
        russh::Error::Version => failed(&codes::deliver::PROTOCOL, "it is not an SSH server".to_owned()),
        russh::Error::WrongServerSig => {
            failed(&codes::deliver::PROTOCOL, "the server could not prove that it owns its host key".to_owned())
        }
        russh::Error::IO(error) => Refused::Failed(
            Error::new(&codes::deliver::BROKEN, format!("`{host}`: key exchange: {error}")).caused_by(error),
        ),
        russh::Error::HUP | russh::Error::Disconnect | russh::Error::SendError => {
            Refused::Failed(broken(seen, &format!("`{host}`: key exchange")))
        }
        error => failed(&codes::deliver::PROTOCOL, format!("key exchange: {error}")),
    }
}

/// Which algorithms do not meet, in the words of AWS Transfer Family, which users search for.
fn nothing_in_common(kind: &russh::AlgorithmKind, ours: &[String], theirs: &[String]) -> String {
    let what = match kind {
        russh::AlgorithmKind::Kex => "key exchange",
        russh::AlgorithmKind::Key => "host key",
        russh::AlgorithmKind::Cipher => "encryption",
        russh::AlgorithmKind::Mac => "MAC",
        russh::AlgorithmKind::Compression => "compression",
    };
    let theirs: Vec<String> = theirs.iter().map(|name| printable(name)).collect();
    format!(
        "Key exchange negotiation failed due to incompatible {what} algorithms. Client offered: [{}] Server offered: [{}]",
        ours.join(", "),
        theirs.join(", ")
    )
}

impl client::Handler for Watcher {
    type Error = russh::Error;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        let (shown, trusted) = self.approved.judge(key);
        look(&self.seen).shown = Some(shown);
        Ok(trusted)
    }

    async fn openssh_ext_host_keys_announced(
        &mut self,
        keys: Vec<PublicKey>,
        _session: &mut client::Session,
    ) -> Result<(), russh::Error> {
        look(&self.seen).announced = keys;
        Ok(())
    }

    async fn kex_done(
        &mut self,
        _secret: Option<&[u8]>,
        names: &russh::Names,
        session: &mut client::Session,
    ) -> Result<(), russh::Error> {
        look(&self.seen).software = printable(&String::from_utf8_lossy(session.remote_sshid()));
        look(&self.seen).algorithms = Some(format!("{}, {}", names.kex.as_ref(), names.cipher.as_ref()));
        Ok(())
    }

    async fn disconnected(&mut self, reason: DisconnectReason<russh::Error>) -> Result<(), russh::Error> {
        let (ended, result) = match reason {
            DisconnectReason::ReceivedDisconnect(said) => {
                let passing = is_passing(&said.reason_code);
                (Ended::Disconnected { message: printable(&said.message), passing }, Ok(()))
            }
            DisconnectReason::Error(error) => {
                let ended = match &error {
                    russh::Error::KeepaliveTimeout | russh::Error::InactivityTimeout => Ended::Silent,
                    russh::Error::NoAuthMethod => Ended::NoMethod,
                    russh::Error::Disconnect | russh::Error::HUP => {
                        Ended::Broken("the server closed the connection".to_owned())
                    }
                    error => Ended::Broken(error.to_string()),
                };
                (ended, Err(error))
            }
        };
        look(&self.seen).ended = Some(ended);
        result
    }
}

/// Whether a server that disconnects for this reason (RFC 4253 section 11.1) says something of itself only: it stops or
/// starts, it lost something, it has too many connections. All others may be said of who logs in, and with what.
fn is_passing(reason: &Disconnect) -> bool {
    matches!(reason, Disconnect::ServiceNotAvailable | Disconnect::ConnectionLost | Disconnect::TooManyConnections)
}

/// A server's text, shortened and without control characters, for error messages.
pub(super) fn printable(text: &str) -> String {
    text.chars().take(300).map(|character| if character.is_control() { ' ' } else { character }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_of_itself_passes() {
        for (code, passing) in [(7_u32, true), (10, true), (12, true), (2, false), (11, false), (14, false)] {
            assert_eq!(is_passing(&Disconnect::try_from(code).unwrap()), passing, "{code}");
        }
    }
}
