//! Connectors of the transfer API as rows.

use sealpost_core::error::codes;
use sealpost_core::id::ConnectorId;
use sealpost_core::port::Edit;
use sealpost_core::transfer::TransferConnector;
use sealpost_core::{Error, Result};

use super::super::statement::{query, query_scalar};
use super::super::value::{decode, encode};
use super::super::{Connection, fault, lanes};

pub(super) fn find(connection: &Connection, id: &ConnectorId) -> Result<Option<TransferConnector>> {
    let record: Option<String> = query_scalar("SELECT record FROM transfer_connectors WHERE id = ?")
        .bind(id.as_str())
        .fetch_optional(connection)
        .map_err(fault::read)?;
    record.map(|record| decode(&format!("transfer connector {id}"), &record)).transpose()
}

/// Those after this one, by id.
pub(super) fn page(connection: &Connection, after: Option<&ConnectorId>, limit: u32) -> Result<Vec<TransferConnector>> {
    let records: Vec<String> = query_scalar("SELECT record FROM transfer_connectors WHERE id > ? ORDER BY id LIMIT ?")
        // No id is empty.
        .bind(after.map_or("", |id| id.as_str()))
        .bind(i64::from(limit))
        .fetch_all(connection)
        .map_err(fault::read)?;
    records.iter().map(|record| decode("a transfer connector", record)).collect()
}

/// Stores a new one, unless there are enough.
pub(super) fn create(connection: &Connection, connector: &TransferConnector, most: u32) -> Result<()> {
    let there: i64 =
        query_scalar("SELECT COUNT(*) FROM transfer_connectors").fetch_one(connection).map_err(fault::read)?;
    if there >= i64::from(most) {
        let detail = format!("there are {there} connectors; {most} are allowed");
        return Err(Error::new(&codes::request::TOO_MANY, detail));
    }
    query("INSERT INTO transfer_connectors (id, record) VALUES (?, ?)")
        .bind(connector.id.as_str())
        .bind(encode("a transfer connector", connector)?)
        .execute(connection)
        .map_err(fault::write)?;
    limit(connection, connector)
}

/// Keeps its lane in step.
fn limit(connection: &Connection, connector: &TransferConnector) -> Result<()> {
    lanes::set_limit(connection, &connector.id, connector.settings.limits.concurrency)
}

/// Loads, changes and stores.
pub(super) fn edit(
    connection: &Connection,
    id: &ConnectorId,
    edit: &Edit<TransferConnector>,
) -> Result<Option<TransferConnector>> {
    let Some(before) = find(connection, id)? else { return Ok(None) };
    // An edit changes what a record says, never which one it is.
    let created_at = before.created_at;
    let after = TransferConnector { id: id.clone(), created_at, ..edit(before)? };
    query("UPDATE transfer_connectors SET record = ? WHERE id = ?")
        .bind(encode("a transfer connector", &after)?)
        .bind(id.as_str())
        .execute(connection)
        .map_err(fault::write)?;
    limit(connection, &after)?;
    Ok(Some(after))
}

pub(super) fn remove(connection: &Connection, id: &ConnectorId) -> Result<bool> {
    let done = query("DELETE FROM transfer_connectors WHERE id = ?")
        .bind(id.as_str())
        .execute(connection)
        .map_err(fault::write)?;
    Ok(done == 1)
}
