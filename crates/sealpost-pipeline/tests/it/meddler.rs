//! The real engine, with a partner who does something on the server right after a file was retrieved, or a service that sends in its
//! place.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sealpost_core::connector::Connector;
use sealpost_core::delivery::Intent;
use sealpost_core::error::Result;
use sealpost_core::id::ConnectorId;
use sealpost_core::port::{
    CheckStep, EntrySink, Listed, RemoteEntry, Retrieval, Retrieved, Shipment, Traces, Transport,
};
use sealpost_core::receipt::Receipt;
use sealpost_core::secret::Secret;
use sealpost_deliver::Sftp;

/// What the partner does.
pub(crate) type Meddling = Box<dyn FnOnce() + Send>;

pub(crate) struct Meddler {
    pub(crate) engine: Sftp,
    pub(crate) after_retrieve: Arc<Mutex<Option<Meddling>>>,
    /// Connectors that the engine was to keep nothing of any more.
    pub(crate) retired: Arc<Mutex<Vec<ConnectorId>>>,
    /// What comes of each file where a service sends it: one that tells of what it has begun.
    pub(crate) service: Option<fn() -> Result<Receipt>>,
}

/// What the service's work is recorded as.
pub(crate) fn begun() -> Intent {
    Intent { temporary_path: "begun".to_owned(), final_path: "in/a".to_owned(), account: "a service".to_owned() }
}

#[async_trait]
impl Transport for Meddler {
    async fn send(&self, shipment: Shipment<'_>) -> Result<Receipt> {
        let Some(outcome) = self.service else { return self.engine.send(shipment).await };
        shipment.journal.intend(begun()).await?;
        let outcome = outcome();
        if outcome.is_err() {
            shipment.journal.withdraw().await?;
        }
        outcome
    }

    fn announces(&self, intent: Option<&Intent>) -> bool {
        self.service.is_some() && intent == Some(&begun())
    }

    async fn discard(&self, connector: &Connector, traces: Traces<'_>) -> Result<()> {
        if self.service.is_some() {
            return Ok(());
        }
        self.engine.discard(connector, traces).await
    }

    async fn retire(&self, connector: &Connector) -> Result<Option<String>> {
        self.retired.lock().unwrap().push(connector.id.clone());
        Ok(None)
    }

    async fn retrieve(&self, retrieval: Retrieval<'_>) -> Result<Retrieved> {
        let retrieved = self.engine.retrieve(retrieval).await;
        if let Some(meddle) = self.after_retrieve.lock().unwrap().take() {
            meddle();
        }
        retrieved
    }

    async fn list(
        &self,
        connector: &Connector,
        directory: &str,
        most: u64,
        entries: &mut dyn EntrySink,
    ) -> Result<Listed> {
        self.engine.list(connector, directory, most, entries).await
    }

    async fn look(&self, connector: &Connector, path: &str) -> Result<Option<RemoteEntry>> {
        self.engine.look(connector, path).await
    }

    async fn rename(&self, connector: &Connector, from: &str, to: &str, repeated: bool) -> Result<()> {
        self.engine.rename(connector, from, to, repeated).await
    }

    async fn remove(&self, connector: &Connector, path: &str, repeated: bool) -> Result<()> {
        self.engine.remove(connector, path, repeated).await
    }

    async fn check(&self, connector: &Connector) -> Vec<CheckStep> {
        self.engine.check(connector).await
    }

    async fn probe(&self, connector: &Connector) -> Vec<CheckStep> {
        self.engine.probe(connector).await
    }

    fn login_key(&self, comment: &str) -> Result<(Secret, String)> {
        self.engine.login_key(comment)
    }
}
