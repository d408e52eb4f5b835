//! Access keys as rows.

use sealpost_core::Result;
use sealpost_core::access_key::AccessKey;
use sealpost_core::id::AccessKeyId;
use sealpost_core::port::Edit;

use super::super::statement::{query, query_scalar};
use super::super::value::{decode, encode, nanos};
use super::super::{Connection, fault};

pub(super) fn find(connection: &Connection, id: &AccessKeyId) -> Result<Option<AccessKey>> {
    let record: Option<String> = query_scalar("SELECT record FROM access_keys WHERE id = ?")
        .bind(id.as_str())
        .fetch_optional(connection)
        .map_err(fault::read)?;
    record.map(|record| decode(&format!("access key {id}"), &record)).transpose()
}

/// All, newest first.
pub(super) fn all(connection: &Connection) -> Result<Vec<AccessKey>> {
    let records: Vec<String> = query_scalar("SELECT record FROM access_keys ORDER BY created_at DESC, id DESC")
        .fetch_all(connection)
        .map_err(fault::read)?;
    records.iter().map(|record| decode("an access key", record)).collect()
}

/// Stores a new one. One that is there is never replaced: that would bring a revoked key back.
pub(super) fn create(connection: &Connection, key: &AccessKey) -> Result<()> {
    query("INSERT INTO access_keys (id, created_at, record) VALUES (?, ?, ?)")
        .bind(key.id.as_str())
        .bind(nanos(key.created_at))
        .bind(encode("an access key", key)?)
        .execute(connection)
        .map_err(fault::write)?;
    Ok(())
}

/// Loads, changes and stores.
pub(super) fn edit(connection: &Connection, id: &AccessKeyId, edit: &Edit<AccessKey>) -> Result<Option<AccessKey>> {
    let Some(before) = find(connection, id)? else { return Ok(None) };
    // An edit changes what a record says, never which key it is: the salt is where its secret half comes from.
    let (salt, created_at) = (before.salt.clone(), before.created_at);
    let after = AccessKey { id: id.clone(), salt, created_at, ..edit(before)? };
    query("UPDATE access_keys SET record = ? WHERE id = ?")
        .bind(encode("an access key", &after)?)
        .bind(id.as_str())
        .execute(connection)
        .map_err(fault::write)?;
    Ok(Some(after))
}
