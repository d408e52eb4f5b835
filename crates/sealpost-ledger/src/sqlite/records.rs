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

use super::value::decode;
use super::{Durability, SqliteLedger, api_keys, connectors, fault, partners};

#[async_trait]
impl Records for SqliteLedger {
    async fn partner(&self, id: &PartnerId) -> Result<Option<Partner>> {
        self.one("SELECT record FROM partners WHERE id = ?", "partner", id.as_str()).await
    }

    async fn partners(&self) -> Result<Vec<Partner>> {
        self.many("SELECT record FROM partners ORDER BY id", "a partner", None).await
    }

    async fn partner_of(&self, identity: &Identity) -> Result<Option<Partner>> {
        let mut reader = self.reader().await?;
        partners::of_identity(&mut reader, identity).await
    }

    async fn put_partner(&self, partner: &Partner) -> Result<()> {
        let mut turn = self.begin(Durability::Disk).await?;
        let outcome = partners::store(turn.connection(), partner).await;
        turn.end(outcome).await
    }

    async fn edit_partner(&self, id: &PartnerId, edit: &Edit<Partner>) -> Result<Option<Partner>> {
        let mut turn = self.begin(Durability::Disk).await?;
        let outcome = partners::edit(turn.connection(), id, edit).await;
        turn.end(outcome).await
    }

    async fn remove_partner(&self, id: &PartnerId) -> Result<bool> {
        let mut turn = self.begin(Durability::Disk).await?;
        let outcome = partners::remove(turn.connection(), id).await;
        turn.end(outcome).await
    }

    async fn connector(&self, id: &ConnectorId) -> Result<Option<Connector>> {
        self.one("SELECT record FROM connectors WHERE id = ?", "connector", id.as_str()).await
    }

    async fn connectors(&self, partner: Option<&PartnerId>) -> Result<Vec<Connector>> {
        let sql = "SELECT record FROM connectors WHERE ?1 IS NULL OR partner = ?1 ORDER BY partner, name, id";
        self.many(sql, "a connector", partner).await
    }

    async fn put_connector(&self, connector: &Connector) -> Result<()> {
        let mut turn = self.begin(Durability::Disk).await?;
        let outcome = connectors::store(turn.connection(), connector).await;
        turn.end(outcome).await?;
        // Its lane may have more room now.
        self.ring([WorkKind::Deliver, WorkKind::Transfer]);
        Ok(())
    }

    async fn edit_connector(&self, id: &ConnectorId, edit: &Edit<Connector>) -> Result<Option<Connector>> {
        let mut turn = self.begin(Durability::Disk).await?;
        let outcome = connectors::edit(turn.connection(), id, edit).await;
        let edited = turn.end(outcome).await?;
        self.ring([WorkKind::Deliver, WorkKind::Transfer]);
        Ok(edited)
    }

    async fn remove_connector(&self, id: &ConnectorId) -> Result<bool> {
        let mut turn = self.begin(Durability::Disk).await?;
        let outcome = sqlx::query("DELETE FROM connectors WHERE id = ?")
            .bind(id.as_str())
            .execute(turn.connection())
            .await
            .map(|done| done.rows_affected() == 1)
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

    async fn put_api_key(&self, key: &ApiKey) -> Result<()> {
        let mut turn = self.begin(Durability::Disk).await?;
        let outcome = api_keys::store(turn.connection(), key).await;
        turn.end(outcome).await
    }

    async fn edit_api_key(&self, id: &ApiKeyId, edit: &Edit<ApiKey>) -> Result<Option<ApiKey>> {
        let mut turn = self.begin(Durability::Disk).await?;
        let outcome = api_keys::edit(turn.connection(), id, edit).await;
        turn.end(outcome).await
    }
}

impl SqliteLedger {
    async fn one<T: DeserializeOwned>(&self, sql: &'static str, what: &str, id: &str) -> Result<Option<T>> {
        let mut reader = self.reader().await?;
        let record: Option<String> =
            sqlx::query_scalar(sql).bind(id).fetch_optional(&mut *reader).await.map_err(fault::read)?;
        record.map(|record| decode(&format!("{what} {id}"), &record)).transpose()
    }

    async fn many<T: DeserializeOwned>(
        &self,
        sql: &'static str,
        what: &str,
        partner: Option<&PartnerId>,
    ) -> Result<Vec<T>> {
        let mut reader = self.reader().await?;
        let mut query = sqlx::query_scalar(sql);
        // A parameter without a value is NULL to SQLite: all partners.
        if let Some(partner) = partner {
            query = query.bind(partner.as_str());
        }
        let records: Vec<String> = query.fetch_all(&mut *reader).await.map_err(fault::read)?;
        records.iter().map(|record| decode(what, record)).collect()
    }
}
