//! SFTP version 3 (draft-ietf-secsh-filexfer-02) over SSH (RFC 4251 to 4254), with our own pipelined requests on `russh`.
//!
//! ```text
//!   address ─▶ session (key exchange, host key) ─▶ login ─▶ client (SFTP requests)
//!                                                             │
//!   directory ─▶ resume ─▶ upload (pipeline of writes) ─▶ publish (intent, rename) ─▶ sidecar ─▶ receipt
//! ```

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sealpost_core::Result;
use sealpost_core::address::Reach;
use sealpost_core::connector::Connector;
use sealpost_core::port::{
    CheckStep, EntrySink, Listed, RemoteEntry, Retrieval, Retrieved, SecretStore, Shipment, Traces, Transport,
};
use sealpost_core::receipt::Receipt;
use sealpost_core::secret::Secret;

use self::download::Download;

mod address;
mod algorithms;
mod announced;
mod asides;
mod check;
mod client;
mod connect;
mod credential;
mod directory;
mod discard;
mod download;
mod fetch;
mod flow;
mod greeting;
mod host_certificate;
mod host_key;
mod inbox;
mod key;
mod limiter;
mod link;
mod list;
mod login;
mod look;
mod names;
mod operation;
mod packet;
mod pipeline;
mod policy;
mod pool;
mod presence;
mod proxy;
mod publish;
mod quick;
mod ranges;
mod read_ahead;
mod remove;
mod rename;
mod requests;
mod resume;
mod retrieve;
mod send;
mod session;
mod sidecar;
mod status;
mod streams;
mod tether;
mod touched;
mod upload;
mod user_secret;
mod wire;

/// Delivers to SFTP servers.
///
/// It keeps connections between calls, for the next file of the same connector, and nothing else: all that outlives an
/// attempt is on the partner's server and in the ledger.
pub struct Sftp {
    secrets: Arc<dyn SecretStore>,
    reach: Reach,
    limits: limiter::Limits,
    pool: pool::Pool,
}

impl Sftp {
    /// A transport that resolves the connectors' credentials through `secrets`, at each connection.
    #[must_use]
    pub fn new(secrets: Arc<dyn SecretStore>) -> Self {
        Self { secrets, reach: Reach::default(), limits: limiter::Limits::default(), pool: pool::Pool::default() }
    }

    /// Where connectors for public addresses only may lead, beside those addresses. Nowhere, unless this says so.
    #[must_use]
    pub fn reaching(mut self, reach: Reach) -> Self {
        self.reach = reach;
        self
    }

    /// Most bytes per second that all connectors together send and receive; 0 is no limit, which holds unless this says
    /// otherwise. Connectors may have limits of their own beside it.
    #[must_use]
    pub fn limited_to(mut self, bytes_per_second: u64) -> Self {
        self.limits = limiter::Limits::of_all(bytes_per_second);
        self
    }

    /// How long a connection takes further files before another one is made: ten minutes, unless this says otherwise.
    #[must_use]
    pub fn renewing_after(mut self, life: Duration) -> Self {
        self.pool = pool::Pool::renewing_after(life);
        self
    }

    /// A place on a connection of the connector.
    ///
    /// # Errors
    /// As [`connect::connect`].
    async fn lease(&self, connector: &Connector) -> Result<pool::Lease> {
        policy::Offer::holds(&connector.settings)?;
        self.pool.lease(&*self.secrets, &self.reach, connector).await
    }

    /// A further connection for a file that is under way; `None` where the connector has as many as it may.
    async fn further(&self, lease: &pool::Lease) -> Result<Option<pool::Lease>> {
        lease.further(&*self.secrets, &self.reach).await
    }
}

impl std::fmt::Debug for Sftp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sftp")
    }
}

#[async_trait]
impl Transport for Sftp {
    async fn send(&self, shipment: Shipment<'_>) -> Result<Receipt> {
        let connector = user_secret::named(&*self.secrets, shipment.connector).await?;
        send::send(self, Shipment { connector: &connector, ..shipment }).await
    }

    async fn discard(&self, connector: &Connector, traces: Traces<'_>) -> Result<()> {
        let connector = user_secret::named(&*self.secrets, connector).await?;
        discard::discard(self, &connector, traces).await
    }

    async fn retrieve(&self, retrieval: Retrieval<'_>) -> Result<Retrieved> {
        let connector = user_secret::named(&*self.secrets, retrieval.connector).await?;
        retrieve::retrieve(self, &connector, Download::new(retrieval.path, retrieval.landing)).await
    }

    async fn list(
        &self,
        connector: &Connector,
        directory: &str,
        most: u64,
        entries: &mut dyn EntrySink,
    ) -> Result<Listed> {
        let connector = user_secret::named(&*self.secrets, connector).await?;
        list::list(self, &connector, directory, list::Reading::new(most, entries)).await
    }

    async fn look(&self, connector: &Connector, path: &str) -> Result<Option<RemoteEntry>> {
        let connector = user_secret::named(&*self.secrets, connector).await?;
        look::look(self, &connector, path).await
    }

    async fn rename(&self, connector: &Connector, from: &str, to: &str, repeated: bool) -> Result<()> {
        let connector = user_secret::named(&*self.secrets, connector).await?;
        rename::rename(self, &connector, (from, to), repeated).await
    }

    async fn remove(&self, connector: &Connector, path: &str, repeated: bool) -> Result<()> {
        let connector = user_secret::named(&*self.secrets, connector).await?;
        remove::remove(self, &connector, path, repeated).await
    }

    async fn check(&self, connector: &Connector) -> Vec<CheckStep> {
        check::check(&*self.secrets, &self.reach, connector).await
    }

    async fn probe(&self, connector: &Connector) -> Vec<CheckStep> {
        check::probe(&*self.secrets, &self.reach, connector).await
    }

    fn login_key(&self, comment: &str) -> Result<(Secret, String)> {
        key::generate(comment)
    }
}
