//! The port `Records`: partners, connectors and API keys.

use std::collections::BTreeSet;

use async_trait::async_trait;
use sealpost_core::Result;
use sealpost_core::connector::Connector;
use sealpost_core::id::{ApiKeyId, ConnectorId, PartnerId};
use sealpost_core::identity::Identity;
use sealpost_core::partner::{ApiKey, Partner};
use sealpost_core::port::{Edit, Records};

use super::partners::Stored;
use super::step::step;
use super::{TableLedger, api_keys, connectors, partners};

#[async_trait]
impl Records for TableLedger {
    async fn partner(&self, id: &PartnerId) -> Result<Option<Partner>> {
        step!(self, |step| partners::find(step, id).await)
    }

    async fn partners(&self) -> Result<Vec<Partner>> {
        let mut partners: Vec<Partner> = self.whole_list(partners::ALL).await?;
        partners.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(partners)
    }

    async fn partner_of(&self, identity: &Identity) -> Result<Option<Partner>> {
        step!(self, |step| partners::of_identity(step, identity).await)
    }

    async fn put_partner(&self, partner: &Partner) -> Result<()> {
        while step!(self, |step| partners::store(step, partner).await)? == Stored::RemovalFirst {
            self.finish_partner(&partner.id).await?;
        }
        Ok(())
    }

    async fn edit_partner(&self, id: &PartnerId, edit: &Edit<Partner>) -> Result<Option<Partner>> {
        step!(self, |step| partners::edit(step, id, edit).await)
    }

    async fn remove_partner(&self, id: &PartnerId) -> Result<bool> {
        self.remove_with_all(id).await
    }

    async fn connector(&self, id: &ConnectorId) -> Result<Option<Connector>> {
        step!(self, |step| connectors::find(step, id).await)
    }

    async fn connectors(&self, partner: Option<&PartnerId>) -> Result<Vec<Connector>> {
        let (mut found, owners) = match partner {
            Some(partner) => {
                let (list, prefix) = (connectors::list_of(partner), connectors::prefix(partner));
                (self.all_below(&list, &prefix).await?, self.partner(partner).await?.into_iter().collect())
            }
            None => (self.whole_list::<Connector>(connectors::ALL).await?, self.partners().await?),
        };
        // What a removed partner has left behind is not shown.
        let owners: BTreeSet<PartnerId> = owners.into_iter().map(|owner| owner.id).collect();
        found.retain(|connector| owners.contains(&connector.partner));
        found.sort_by(|one, other| (&one.partner, &one.name, &one.id).cmp(&(&other.partner, &other.name, &other.id)));
        Ok(found)
    }

    async fn create_connector(&self, connector: &Connector, most: u32) -> Result<()> {
        step!(self, |step| connectors::create(step, connector, most).await)
    }

    async fn put_connector(&self, connector: &Connector) -> Result<()> {
        step!(self, |step| connectors::store(step, connector).await)
    }

    async fn edit_connector(&self, id: &ConnectorId, edit: &Edit<Connector>) -> Result<Option<Connector>> {
        step!(self, |step| connectors::edit(step, id, edit).await)
    }

    async fn remove_connector(&self, id: &ConnectorId) -> Result<bool> {
        step!(self, |step| connectors::remove(step, id).await)
    }

    async fn api_key(&self, id: &ApiKeyId) -> Result<Option<ApiKey>> {
        step!(self, |step| api_keys::find(step, id).await)
    }

    async fn api_keys(&self, partner: &PartnerId) -> Result<Vec<ApiKey>> {
        if self.partner(partner).await?.is_none() {
            return Ok(Vec::new());
        }
        self.keys_of(partner).await
    }

    async fn create_api_key(&self, key: &ApiKey, most: u32) -> Result<()> {
        step!(self, |step| {
            api_keys::begin(step, &key.partner).await?;
            let there = self.keys_of(&key.partner).await?;
            api_keys::create(step, key, there, most).await
        })
    }

    async fn put_api_key(&self, key: &ApiKey) -> Result<()> {
        step!(self, |step| api_keys::store(step, key).await)
    }

    async fn edit_api_key(&self, id: &ApiKeyId, edit: &Edit<ApiKey>) -> Result<Option<ApiKey>> {
        step!(self, |step| api_keys::edit(step, id, edit).await)
    }
}

impl TableLedger {
    /// The API keys of a partner, newest first, whether it is there or not.
    async fn keys_of(&self, partner: &PartnerId) -> Result<Vec<ApiKey>> {
        let mut keys: Vec<ApiKey> = self.all_below(&partners::partition(partner), api_keys::PREFIX).await?;
        keys.reverse();
        Ok(keys)
    }
}
