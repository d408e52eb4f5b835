//! Connectors as rows.

use sealpost_core::Result;
use sealpost_core::connector::Connector;
use sealpost_core::id::ConnectorId;
use sealpost_core::port::Edit;

use super::statement::{query, query_scalar};
use super::value::{decode, encode};
use super::{Connection, fault, lanes};

/// Creates or replaces, with the limit of its lane.
pub(super) fn store(connection: &Connection, connector: &Connector) -> Result<()> {
    query(
        "INSERT INTO connectors (id, partner, name, record) VALUES (?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET partner = excluded.partner, name = excluded.name, record = excluded.record",
    )
    .bind(connector.id.as_str())
    .bind(connector.partner.as_str())
    .bind(&connector.name)
    .bind(encode("a connector", connector)?)
    .execute(connection)
    .map_err(|error| fault::owned(error, &connector.partner))?;
    lanes::set_limit(connection, &connector.id, connector.settings.limits.concurrency)
}

/// Loads, changes and stores.
pub(super) fn edit(connection: &Connection, id: &ConnectorId, edit: &Edit<Connector>) -> Result<Option<Connector>> {
    let record: Option<String> = query_scalar("SELECT record FROM connectors WHERE id = ?")
        .bind(id.as_str())
        .fetch_optional(connection)
        .map_err(fault::read)?;
    let Some(record) = record else { return Ok(None) };
    let before: Connector = decode(&format!("connector {id}"), &record)?;
    // An edit changes what a record says, never which one it is.
    let (partner, name) = (before.partner.clone(), before.name.clone());
    let after = Connector { id: id.clone(), partner, name, ..edit(before)? };
    store(connection, &after)?;
    Ok(Some(after))
}
