//! The port `Records`: partners, connectors and API keys.

use async_trait::async_trait;
use sealpost_core::connector::Connector;
use sealpost_core::error::codes;
use sealpost_core::id::{ApiKeyId, ConnectorId, PartnerId};
use sealpost_core::partner::{ApiKey, Partner};
use sealpost_core::port::Records;
use sealpost_core::{Error, Result};
use serde::de::DeserializeOwned;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Sqlite, query::Query};

use super::value::{decode, encode, nanos};
use super::{Connection, Durability, SqliteLedger, fault};

#[async_trait]
impl Records for SqliteLedger {
    async fn partner(&self, id: &PartnerId) -> Result<Option<Partner>> {
        self.one("SELECT record FROM partners WHERE id = ?", "partner", id.as_str()).await
    }

    async fn partners(&self) -> Result<Vec<Partner>> {
        self.many("SELECT record FROM partners ORDER BY id", "a partner", None).await
    }

    async fn put_partner(&self, partner: &Partner) -> Result<()> {
        let statement = sqlx::query(
            "INSERT INTO partners (id, record) VALUES (?, ?) ON CONFLICT DO UPDATE SET record = excluded.record",
        )
        .bind(partner.id.as_str().to_owned())
        .bind(encode("a partner", partner)?);
        self.put(statement, &partner.id).await
    }

    async fn remove_partner(&self, id: &PartnerId) -> Result<bool> {
        let mut turn = self.begin(Durability::Disk).await?;
        let outcome = remove_partner(turn.connection(), id).await;
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
        let statement = sqlx::query(
            "INSERT INTO connectors (id, partner, name, record) VALUES (?, ?, ?, ?)
             ON CONFLICT DO UPDATE SET partner = excluded.partner, name = excluded.name, record = excluded.record",
        )
        .bind(connector.id.as_str().to_owned())
        .bind(connector.partner.as_str().to_owned())
        .bind(connector.name.clone())
        .bind(encode("a connector", connector)?);
        self.put(statement, &connector.partner).await
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
        let statement = sqlx::query(
            "INSERT INTO api_keys (id, partner, created_at, record) VALUES (?, ?, ?, ?)
             ON CONFLICT DO UPDATE
             SET partner = excluded.partner, created_at = excluded.created_at, record = excluded.record",
        )
        .bind(key.id.as_str().to_owned())
        .bind(key.partner.as_str().to_owned())
        .bind(nanos(key.created_at))
        .bind(encode("an API key", key)?);
        self.put(statement, &key.partner).await
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

    async fn put(&self, statement: Query<'_, Sqlite, SqliteArguments>, partner: &PartnerId) -> Result<()> {
        let mut turn = self.begin(Durability::Disk).await?;
        let outcome = statement.execute(turn.connection()).await.map(drop).map_err(|error| {
            // Without this, a key or connector could outlive its partner and wake up with the next one of its name.
            if fault::is_orphan(&error) {
                Error::new(&codes::request::NOT_FOUND, format!("there is no partner {partner}"))
            } else {
                fault::write(error)
            }
        });
        turn.end(outcome).await
    }
}

async fn remove_partner(connection: &mut Connection, id: &PartnerId) -> Result<bool> {
    let (jobs, deliveries): (i64, i64) = sqlx::query_as(
        "SELECT (SELECT COUNT(*) FROM jobs WHERE partner = ?1 AND status IN ('queued', 'running')),
                (SELECT COUNT(*) FROM deliveries WHERE partner = ?1 AND status IN ('pending', 'sending'))",
    )
    .bind(id.as_str())
    .fetch_one(&mut *connection)
    .await
    .map_err(fault::read)?;
    if jobs + deliveries > 0 {
        return Err(Error::new(
            &codes::ledger::IN_USE,
            format!("partner {id} has {jobs} reports queued or running and {deliveries} deliveries under way"),
        ));
    }
    // Its connectors and keys go with it (ON DELETE CASCADE); its past reports stay as a record.
    let done = sqlx::query("DELETE FROM partners WHERE id = ?")
        .bind(id.as_str())
        .execute(connection)
        .await
        .map_err(fault::write)?;
    Ok(done.rows_affected() == 1)
}
