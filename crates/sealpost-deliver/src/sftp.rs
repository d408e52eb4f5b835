//! SFTP version 3 (draft-ietf-secsh-filexfer-02) over SSH (RFC 4251 to 4254), with our own pipelined requests on `russh`.
//!
//! ```text
//!   address ─▶ session (key exchange, host key) ─▶ login ─▶ client (SFTP requests)
//!                                                             │
//!   directory ─▶ resume ─▶ upload (pipeline of writes) ─▶ publish (intent, rename) ─▶ sidecar ─▶ receipt
//! ```

use std::sync::Arc;

use async_trait::async_trait;
use sealpost_core::Result;
use sealpost_core::address::Reach;
use sealpost_core::connector::Connector;
use sealpost_core::port::{
    CheckStep, EntrySink, Listed, Retrieval, Retrieved, SecretStore, Shipment, Traces, Transport,
};
use sealpost_core::receipt::Receipt;
use sealpost_core::secret::Secret;

mod address;
mod algorithms;
mod announced;
mod check;
mod client;
mod connect;
mod deadline;
mod directory;
mod discard;
mod flow;
mod host_certificate;
mod host_key;
mod inbox;
mod key;
mod limiter;
mod list;
mod login;
mod names;
mod packet;
mod pipeline;
mod policy;
mod presence;
mod publish;
mod read_ahead;
mod remove;
mod rename;
mod requests;
mod resume;
mod send;
mod session;
mod sidecar;
mod status;
mod tether;
mod upload;
mod wire;

/// Delivers to SFTP servers.
///
/// It keeps nothing between calls: each attempt is one connection, and all that outlives it is on the partner's server
/// and in the ledger.
pub struct Sftp {
    secrets: Arc<dyn SecretStore>,
    reach: Reach,
    limits: limiter::Limits,
}

impl Sftp {
    /// A transport that resolves the connectors' credentials through `secrets`, at each connection.
    #[must_use]
    pub fn new(secrets: Arc<dyn SecretStore>) -> Self {
        Self { secrets, reach: Reach::default(), limits: limiter::Limits::default() }
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
}

impl std::fmt::Debug for Sftp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sftp")
    }
}

#[async_trait]
impl Transport for Sftp {
    async fn send(&self, shipment: Shipment<'_>) -> Result<Receipt> {
        send::send(&*self.secrets, &self.reach, shipment).await
    }

    async fn discard(&self, connector: &Connector, traces: Traces<'_>) -> Result<()> {
        discard::discard(&*self.secrets, &self.reach, connector, traces).await
    }

    async fn retrieve(&self, _retrieval: Retrieval<'_>) -> Result<Retrieved> {
        Err(unfinished())
    }

    async fn list(
        &self,
        connector: &Connector,
        directory: &str,
        most: u64,
        entries: &mut dyn EntrySink,
    ) -> Result<Listed> {
        let reading = list::Reading::new(most, entries);
        list::list(&*self.secrets, &self.reach, &connector.settings, directory, reading).await
    }

    async fn rename(&self, connector: &Connector, from: &str, to: &str, repeated: bool) -> Result<()> {
        rename::rename(&*self.secrets, &self.reach, &connector.settings, (from, to), repeated).await
    }

    async fn remove(&self, connector: &Connector, path: &str, repeated: bool) -> Result<()> {
        remove::remove(&*self.secrets, &self.reach, &connector.settings, path, repeated).await
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

fn unfinished() -> sealpost_core::Error {
    sealpost_core::Error::new(&sealpost_core::error::codes::deliver::PROTOCOL, "being built")
}
