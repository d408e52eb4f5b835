//! Access keys as rows.

use sealpost_core::Result;
use sealpost_core::access_key::AccessKey;
use sealpost_core::id::AccessKeyId;
use sealpost_core::port::Edit;

use super::super::value::{decode, encode, nanos};
use super::super::{Connection, fault};

pub(super) async fn find(connection: &mut Connection, id: &AccessKeyId) -> Result<Option<AccessKey>> {
    let record: Option<String> = sqlx::query_scalar("SELECT record FROM access_keys WHERE id = ?")
        .bind(id.as_str())
        .fetch_optional(connection)
        .await
        .map_err(fault::read)?;
    record.map(|record| decode(&format!("access key {id}"), &record)).transpose()
}

/// All, newest first.
pub(super) async fn all(connection: &mut Connection) -> Result<Vec<AccessKey>> {
    let records: Vec<String> = sqlx::query_scalar("SELECT record FROM access_keys ORDER BY created_at DESC, id DESC")
        .fetch_all(connection)
        .await
        .map_err(fault::read)?;
    records.iter().map(|record| decode("an access key", record)).collect()
}

/// Stores a new one. One that is there is never replaced: that would bring a revoked key back.
pub(super) async fn create(connection: &mut Connection, key: &AccessKey) -> Result<()> {
    sqlx::query("INSERT INTO access_keys (id, created_at, record) VALUES (?, ?, ?)")
        .bind(key.id.as_str())
        .bind(nanos(key.created_at))
        .bind(encode("an access key", key)?)
        .execute(connection)
        .await
        .map_err(fault::write)?;
    Ok(())
}

/// Loads, changes and stores.
pub(super) async fn edit(
    connection: &mut Connection,
    id: &AccessKeyId,
    edit: &Edit<AccessKey>,
) -> Result<Option<AccessKey>> {
    let Some(before) = find(connection, id).await? else { return Ok(None) };
    // An edit changes what a record says, never which key it is: the salt is where its secret half comes from.
    let (salt, created_at) = (before.salt.clone(), before.created_at);
    let after = AccessKey { id: id.clone(), salt, created_at, ..edit(before)? };
    sqlx::query("UPDATE access_keys SET record = ? WHERE id = ?")
        .bind(encode("an access key", &after)?)
        .bind(id.as_str())
        .execute(connection)
        .await
        .map_err(fault::write)?;
    Ok(Some(after))
}
