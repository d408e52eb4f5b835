//! TLS of a listener by rustls: TLS 1.2 and 1.3 (RFC 9325), certificate and key from files, read anew when they change.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use rustls::ServerConfig;
use sealpost_core::Result;
use sealpost_core::port::SecretStore;
use sealpost_core::secret::SecretRef;
use tokio::signal::unix::{SignalKind, signal};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

mod load;

/// What a listener shows, and what it asks of clients.
#[derive(Debug, Clone)]
pub struct TlsSettings {
    /// The listener's name, for logs: `api`, `admin`.
    pub name: &'static str,
    /// PEM: the certificate, then the intermediate ones.
    pub certificate: PathBuf,
    /// PEM: the private key, not encrypted; PKCS #8, PKCS #1 or SEC1.
    pub key: SecretRef,
    /// Client certificates; none are asked for when `None`.
    pub clients: Option<ClientCertificates>,
}

/// Which client certificates are accepted.
#[derive(Debug, Clone)]
pub struct ClientCertificates {
    /// PEM: the authorities that issue them.
    pub authorities: PathBuf,
    /// Whether a connection needs one. Otherwise a client may come without and use another credential.
    pub required: bool,
}

/// A listener's certificate and key, as they are now.
pub struct Tls {
    settings: TlsSettings,
    secrets: Arc<dyn SecretStore>,
    current: RwLock<Loaded>,
}

/// What was read, and what came of it.
#[derive(Clone)]
struct Loaded {
    /// Of everything that it was made from.
    digest: [u8; 32],
    config: Arc<ServerConfig>,
    ends: Option<Timestamp>,
    /// What was wrong last time, so that the log says it once.
    complaint: Option<String>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// `SP-CONFIG-006` where they can't be used; `SP-SECRETS-…` where the key can't be had.
    pub async fn load(settings: TlsSettings, secrets: Arc<dyn SecretStore>) -> Result<Self> {
        let read = load::read(&settings, &*secrets).await?;
        let current = RwLock::new(load::build(&settings, &read)?);
        Ok(Self { settings, secrets, current })
    }

    /// When the certificate that is shown ends.
    #[must_use]
    pub fn ends(&self) -> Option<Timestamp> {
        self.current().ends
    }

    /// Reads the files again, and takes what is new. Connections that exist go on as they are. Where the files can't be
    /// used, the earlier ones stay in use, and the log says so once.
    pub async fn reload(&self) {
        let mut current = self.current();
        let read = load::read(&self.settings, &*self.secrets).await;
        let unchanged = read.as_ref().is_ok_and(|read| read.digest == current.digest);
        if unchanged && current.complaint.is_none() {
            return;
        }
        let name = self.settings.name;
        match read.and_then(|read| load::build(&self.settings, &read)) {
            Ok(loaded) => {
                let ends = loaded.ends.map(|ends| ends.to_string());
                tracing::info!(target: "sealpost::http", listener = name, ends, "new TLS files are in use");
                current = loaded;
            }
            // Or they are being replaced just now, one after the other: then the next look finds them whole.
            Err(error) => {
                let complaint = Some(error.to_string());
                if current.complaint == complaint {
                    return;
                }
                tracing::error!(target: "sealpost::http", listener = name, code = error.code().id, ?error, "the new TLS files can't be used; the earlier ones stay in use");
                current.complaint = complaint;
            }
        }
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = current;
    }

    /// For one handshake.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current().config)
    }

    fn current(&self) -> Loaded {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Reads the files of listeners again every so often, and whenever the process gets SIGHUP; until `shutdown`. It reads
/// them whole: times of files say little on network file systems and in mounted secrets, and the files are small.
pub async fn keep_tls_fresh(listeners: Vec<Arc<Tls>>, every: Duration, shutdown: CancellationToken) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut asked = signal(SignalKind::hangup()).ok();
    let mut hang_up = async || match &mut asked {
        Some(signals) => drop(signals.recv().await),
        None => std::future::pending().await,
    };
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = hang_up() => {}
            () = shutdown.cancelled() => return,
        }
        for tls in &listeners {
            tls.reload().await;
        }
    }
}
