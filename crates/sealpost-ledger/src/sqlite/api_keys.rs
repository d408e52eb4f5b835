//! API keys as rows.

use sealpost_core::Result;
use sealpost_core::id::ApiKeyId;
use sealpost_core::partner::ApiKey;
use sealpost_core::port::Edit;

use super::statement::{query, query_scalar};
use super::value::{decode, encode, nanos};
use super::{Connection, fault};

/// Stores a new one, unless enough of the partner's work, in the place of those that are long dead.
pub(super) fn create(connection: &Connection, key: &ApiKey, most: u32) -> Result<()> {
    let sql = "SELECT record FROM api_keys WHERE partner = ? ORDER BY created_at DESC, id DESC";
    let records: Vec<String> =
        query_scalar(sql).bind(key.partner.as_str()).fetch_all(connection).map_err(fault::read)?;
    let there: Result<Vec<ApiKey>> = records.iter().map(|record| decode("an API key", record)).collect();
    for gone in key.displaces(there?, most)? {
        query("DELETE FROM api_keys WHERE id = ?").bind(gone.id.as_str()).execute(connection).map_err(fault::write)?;
    }
    store(connection, key)
}

/// Creates or replaces.
pub(super) fn store(connection: &Connection, key: &ApiKey) -> Result<()> {
    query(
        "INSERT INTO api_keys (id, partner, created_at, record) VALUES (?, ?, ?, ?)
         ON CONFLICT DO UPDATE
         SET partner = excluded.partner, created_at = excluded.created_at, record = excluded.record",
    )
    .bind(key.id.as_str())
    .bind(key.partner.as_str())
    .bind(nanos(key.created_at))
    .bind(encode("an API key", key)?)
    .execute(connection)
    .map_err(|error| fault::owned(error, &key.partner))?;
    Ok(())
}

/// Loads, changes and stores.
pub(super) fn edit(connection: &Connection, id: &ApiKeyId, edit: &Edit<ApiKey>) -> Result<Option<ApiKey>> {
    let record: Option<String> = query_scalar("SELECT record FROM api_keys WHERE id = ?")
        .bind(id.as_str())
        .fetch_optional(connection)
        .map_err(fault::read)?;
    let Some(record) = record else { return Ok(None) };
    let before: ApiKey = decode(&format!("API key {id}"), &record)?;
    // An edit changes what a record says, never which one it is.
    let (partner, sha256) = (before.partner.clone(), before.sha256.clone());
    let after = ApiKey { id: id.clone(), partner, sha256, ..edit(before)? };
    store(connection, &after)?;
    Ok(Some(after))
}
