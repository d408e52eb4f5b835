//! The port `Records`: partners, connectors and API keys.

use async_trait::async_trait;
use sealpost_core::Result;
use sealpost_core::connector::Connector;
use sealpost_core::id::{ApiKeyId, ConnectorId, PartnerId};
use sealpost_core::identity::Identity;
use sealpost_core::partner::{ApiKey, Partner};
use sealpost_core::port::{Edit, Records};
use sealpost_core::task::WorkKind;
use serde::de::DeserializeOwned;

use super::statement::{query, query_scalar};
use super::value::decode;
use super::{Durability, SqliteLedger, api_keys, connectors, fault, partners, removal};

#[async_trait]
impl Records for SqliteLedger {
    async fn partner(&self, id: &PartnerId) -> Result<Option<Partner>> {
        self.one("SELECT record FROM partners WHERE id = ?", "partner", id.as_str()).await
    }

    async fn partners(&self) -> Result<Vec<Partner>> {
        self.many("SELECT record FROM partners ORDER BY id", "a partner", None).await
    }

    async fn partner_of(&self, identity: &Identity) -> Result<Option<Partner>> {
        let reader = self.reader()?;
        partners::of_identity(&reader, identity)
    }

    async fn put_partner(&self, partner: &Partner) -> Result<()> {
        let turn = self.begin(Durability::Disk).await?;
        let outcome = partners::store(turn.connection(), partner);
        turn.end(outcome).await
    }

    async fn edit_partner(&self, id: &PartnerId, edit: &Edit<Partner>) -> Result<Option<Partner>> {
        let turn = self.begin(Durability::Disk).await?;
        let outcome = partners::edit(turn.connection(), id, edit);
        turn.end(outcome).await
    }

    async fn remove_partner(&self, id: &PartnerId) -> Result<bool> {
        removal::of_partner(&self.writing, id).await
    }

    async fn connector(&self, id: &ConnectorId) -> Result<Option<Connector>> {
        self.one("SELECT record FROM connectors WHERE id = ?", "connector", id.as_str()).await
    }

    async fn connectors(&self, partner: Option<&PartnerId>) -> Result<Vec<Connector>> {
        let sql = match partner {
            Some(_) => "SELECT record FROM connectors WHERE partner = ? ORDER BY name, id",
            None => "SELECT record FROM connectors ORDER BY partner, name, id",
        };
        self.many(sql, "a connector", partner).await
    }

    async fn create_connector(&self, connector: &Connector, most: u32) -> Result<()> {
        let turn = self.begin(Durability::Disk).await?;
        let outcome = connectors::create(turn.connection(), connector, most);
        turn.end(outcome).await?;
        // What was for one of its name may still wait.
        self.ring([WorkKind::Deliver, WorkKind::Transfer]);
        Ok(())
    }

    async fn put_connector(&self, connector: &Connector) -> Result<()> {
        let turn = self.begin(Durability::Disk).await?;
        let outcome = connectors::store(turn.connection(), connector);
        turn.end(outcome).await?;
        // Its lane may have more room now.
        self.ring([WorkKind::Deliver, WorkKind::Transfer]);
        Ok(())
    }

    async fn edit_connector(&self, id: &ConnectorId, edit: &Edit<Connector>) -> Result<Option<Connector>> {
        let turn = self.begin(Durability::Disk).await?;
        let outcome = connectors::edit(turn.connection(), id, edit);
        let edited = turn.end(outcome).await?;
        self.ring([WorkKind::Deliver, WorkKind::Transfer]);
        Ok(edited)
    }

    async fn remove_connector(&self, id: &ConnectorId) -> Result<bool> {
        let turn = self.begin(Durability::Disk).await?;
        let outcome = query("DELETE FROM connectors WHERE id = ?")
            .bind(id.as_str())
            .execute(turn.connection())
            .map(|done| done == 1)
            .map_err(fault::write);
        turn.end(outcome).await
    }

    async fn api_key(&self, id: &ApiKeyId) -> Result<Option<ApiKey>> {
        self.one("SELECT record FROM api_keys WHERE id = ?", "API key", id.as_str()).await
    }

    async fn api_keys(&self, partner: &PartnerId) -> Result<Vec<ApiKey>> {
        let sql = "SELECT record FROM api_keys WHERE partner = ? ORDER BY created_at DESC, id DESC";
        self.many(sql, "an API key", Some(partner)).await
    }

    async fn create_api_key(&self, key: &ApiKey, most: u32) -> Result<()> {
        let turn = self.begin(Durability::Disk).await?;
        let outcome = api_keys::create(turn.connection(), key, most);
        turn.end(outcome).await
    }

    async fn put_api_key(&self, key: &ApiKey) -> Result<()> {
        let turn = self.begin(Durability::Disk).await?;
        let outcome = api_keys::store(turn.connection(), key);
        turn.end(outcome).await
    }

    async fn edit_api_key(&self, id: &ApiKeyId, edit: &Edit<ApiKey>) -> Result<Option<ApiKey>> {
        let turn = self.begin(Durability::Disk).await?;
        let outcome = api_keys::edit(turn.connection(), id, edit);
        turn.end(outcome).await
    }
}

impl SqliteLedger {
    async fn one<T: DeserializeOwned>(&self, sql: &'static str, what: &str, id: &str) -> Result<Option<T>> {
        let reader = self.reader()?;
        let record: Option<String> = query_scalar(sql).bind(id).fetch_optional(&reader).map_err(fault::read)?;
        record.map(|record| decode(&format!("{what} {id}"), &record)).transpose()
    }

    async fn many<T: DeserializeOwned + Send + 'static>(
        &self,
        sql: &'static str,
        what: &'static str,
        partner: Option<&PartnerId>,
    ) -> Result<Vec<T>> {
        let partner = partner.cloned();
        self.look(move |connection| {
            let sql = query_scalar(sql);
            let sql = partner.iter().fold(sql, |sql, partner| sql.bind(partner.as_str()));
            let records: Vec<String> = sql.fetch_all(connection).map_err(fault::read)?;
            records.iter().map(|record| decode(what, record)).collect()
        })
        .await
    }
}
