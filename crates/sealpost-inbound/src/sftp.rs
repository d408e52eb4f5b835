//! An SFTP site: SSH server (RFC 4251 to 4254), SFTP version 3 (draft-ietf-secsh-filexfer-02), one folder per user.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use russh::keys::PrivateKey;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::secret::Secret;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

mod attributes;
mod confine;
mod connection;
mod files;
mod key;
mod packet;
mod session;
mod users;

pub use key::{HostKey, generate_host_key, public_key_of};

use connection::{Connection, METHODS};
use users::Users;

/// How long a client may take to agree on keys.
const KEY_EXCHANGE: Duration = Duration::from_secs(30);

/// What a site needs.
#[derive(Debug)]
pub struct SiteSettings {
    /// The folder with one folder per user; both are made when missing.
    pub root: PathBuf,
    /// Private host keys, OpenSSH or PEM; a fresh ed25519 key when empty.
    pub host_keys: Vec<Secret>,
    /// Who may log in. A name has 1 to 64 letters, digits, `.`, `_`, `-`, and starts with a letter or digit.
    pub users: BTreeMap<String, SiteUser>,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
}

/// One user of a site. Any one of the keys or the password is enough.
#[derive(Debug, Default)]
pub struct SiteUser {
    /// Public keys as in `authorized_keys`, without options: `ssh-ed25519 AAAA… comment`.
    pub authorized_keys: Vec<String>,
    /// The password; also accepted by keyboard-interactive.
    pub password: Option<Secret>,
}

/// Starts sites.
#[derive(Debug)]
pub struct SftpSite;

impl SftpSite {
    /// Binds the address and serves in tasks of this runtime.
    ///
    /// # Errors
    /// `SP-CONFIG-005` when the address is taken, `SP-CONFIG-001` for keys or users that can't be used,
    /// `SP-CONFIG-002` for folders that can't be made.
    pub async fn start(settings: SiteSettings) -> Result<RunningSite> {
        let keys = key::load(&settings.host_keys)?;
        let host_keys = keys.iter().map(HostKey::of).collect::<Result<Vec<_>>>()?;
        let users = Arc::new(Users::load(&settings)?);
        let taken = |error: std::io::Error| {
            Error::new(&codes::config::ADDRESS_IN_USE, format!("{}: {error}", settings.listen)).caused_by(error)
        };
        let listener = TcpListener::bind(settings.listen).await.map_err(taken)?;
        let address = listener.local_addr().map_err(taken)?;
        let stop = CancellationToken::new();
        let serving = tokio::spawn(serve(listener, Arc::new(server_config(keys)), users, stop.clone()));
        Ok(RunningSite { address, host_keys, stop, serving: Some(serving) })
    }
}

fn server_config(keys: Vec<PrivateKey>) -> russh::server::Config {
    russh::server::Config {
        server_id: russh::SshId::Standard("SSH-2.0-Sealpost".into()),
        methods: METHODS.as_slice().into(),
        keys,
        // The first, empty attempt only asks for the methods (RFC 4252, 5.2); guesses are slowed down.
        auth_rejection_time_initial: Some(Duration::ZERO),
        auth_rejection_time: Duration::from_millis(500),
        max_auth_attempts: 6,
        // A client that vanished is noticed after two minutes.
        keepalive_interval: Some(Duration::from_secs(30)),
        nodelay: true,
        ..russh::server::Config::default()
    }
}

/// A site that serves until it is shut down or dropped.
#[derive(Debug)]
pub struct RunningSite {
    address: SocketAddr,
    host_keys: Vec<HostKey>,
    stop: CancellationToken,
    serving: Option<JoinHandle<()>>,
}

impl RunningSite {
    /// Where it listens, with the real port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The public halves of its host keys, in the order given.
    #[must_use]
    pub fn host_keys(&self) -> &[HostKey] {
        &self.host_keys
    }

    /// The fingerprint of the first host key: `SHA256:…`.
    #[must_use]
    pub fn host_key_fingerprint(&self) -> &str {
        self.host_keys.first().map_or("", |key| &key.fingerprint)
    }

    /// Stops listening, ends the connections and waits for that, at most a few seconds.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        if let Some(serving) = self.serving.take() {
            drop(tokio::time::timeout(Duration::from_secs(5), serving).await);
        }
    }
}

impl Drop for RunningSite {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn serve(listener: TcpListener, config: Arc<russh::server::Config>, users: Arc<Users>, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let connection = Connection::new(Arc::clone(&users), peer);
                    connections.spawn(attend(stream, peer, Arc::clone(&config), connection, stop.clone()));
                }
                Err(error) => {
                    // Out of file descriptors, mostly: others will close theirs.
                    tracing::warn!(%error, "can't accept an SFTP connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// One connection, from the first byte to its end.
async fn attend(
    stream: TcpStream,
    peer: SocketAddr,
    config: Arc<russh::server::Config>,
    connection: Connection,
    stop: CancellationToken,
) {
    drop(stream.set_nodelay(true));
    let agreed = tokio::time::timeout(KEY_EXCHANGE, russh::server::run_stream(config, stream, connection)).await;
    let mut session = match agreed {
        Ok(Ok(session)) => session,
        Ok(Err(error)) => return tracing::debug!(%peer, %error, "no SSH connection"),
        Err(_) => return tracing::debug!(%peer, "no SSH connection in time"),
    };
    let handle = session.handle();
    tokio::select! {
        ended = &mut session => if let Err(error) = ended {
            tracing::debug!(%peer, %error, "SSH connection ended");
        },
        () = stop.cancelled() => {
            let reason = russh::Disconnect::ByApplication;
            if handle.disconnect(reason, "the server stops".to_owned(), String::new()).await.is_ok() {
                drop(tokio::time::timeout(Duration::from_secs(2), session).await);
            }
        }
    }
}
