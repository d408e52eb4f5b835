//! The port `Records`, watched: a number grows with every change, so that nobody works on with what was looked up before.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use sealpost_core::Result;
use sealpost_core::connector::Connector;
use sealpost_core::id::{ApiKeyId, ConnectorId, PartnerId};
use sealpost_core::identity::Identity;
use sealpost_core::partner::{ApiKey, Partner};
use sealpost_core::port::{Edit, Records};

/// Watches `records`: gives them back with a number that grows with each change of a partner or an API key.
pub(crate) fn watch(records: Arc<dyn Records>) -> (Arc<dyn Records>, Arc<AtomicU64>) {
    let changes = Arc::new(AtomicU64::new(0));
    (Arc::new(Watched { inner: records, changes: changes.clone() }), changes)
}

struct Watched {
    inner: Arc<dyn Records>,
    changes: Arc<AtomicU64>,
}

/// Counts when a change is over, however it ended: cancelled half-way, it may have happened.
struct Changing<'a>(&'a AtomicU64);

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Release);
    }
}

#[async_trait]
impl Records for Watched {
    async fn partner(&self, id: &PartnerId) -> Result<Option<Partner>> {
        self.inner.partner(id).await
    }

    async fn partners(&self) -> Result<Vec<Partner>> {
        self.inner.partners().await
    }

    async fn partner_of(&self, identity: &Identity) -> Result<Option<Partner>> {
        self.inner.partner_of(identity).await
    }

    async fn put_partner(&self, partner: &Partner) -> Result<()> {
        let _changing = Changing(&self.changes);
        self.inner.put_partner(partner).await
    }

    async fn edit_partner(&self, id: &PartnerId, edit: &Edit<Partner>) -> Result<Option<Partner>> {
        let _changing = Changing(&self.changes);
        self.inner.edit_partner(id, edit).await
    }

    async fn remove_partner(&self, id: &PartnerId) -> Result<bool> {
        let _changing = Changing(&self.changes);
        self.inner.remove_partner(id).await
    }

    async fn connector(&self, id: &ConnectorId) -> Result<Option<Connector>> {
        self.inner.connector(id).await
    }

    async fn connectors(&self, partner: Option<&PartnerId>) -> Result<Vec<Connector>> {
        self.inner.connectors(partner).await
    }

    async fn create_connector(&self, connector: &Connector, most: u32) -> Result<()> {
        self.inner.create_connector(connector, most).await
    }

    async fn put_connector(&self, connector: &Connector) -> Result<()> {
        self.inner.put_connector(connector).await
    }

    async fn edit_connector(&self, id: &ConnectorId, edit: &Edit<Connector>) -> Result<Option<Connector>> {
        self.inner.edit_connector(id, edit).await
    }

    async fn remove_connector(&self, id: &ConnectorId) -> Result<bool> {
        self.inner.remove_connector(id).await
    }

    async fn api_key(&self, id: &ApiKeyId) -> Result<Option<ApiKey>> {
        self.inner.api_key(id).await
    }

    async fn api_keys(&self, partner: &PartnerId) -> Result<Vec<ApiKey>> {
        self.inner.api_keys(partner).await
    }

    async fn create_api_key(&self, key: &ApiKey, most: u32) -> Result<()> {
        let _changing = Changing(&self.changes);
        self.inner.create_api_key(key, most).await
    }

    async fn put_api_key(&self, key: &ApiKey) -> Result<()> {
        let _changing = Changing(&self.changes);
        self.inner.put_api_key(key).await
    }

    async fn edit_api_key(&self, id: &ApiKeyId, edit: &Edit<ApiKey>) -> Result<Option<ApiKey>> {
        let _changing = Changing(&self.changes);
        self.inner.edit_api_key(id, edit).await
    }
}
