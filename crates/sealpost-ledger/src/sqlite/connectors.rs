//! Connectors as rows.

use sealpost_core::connector::Connector;
use sealpost_core::error::codes;
use sealpost_core::id::ConnectorId;
use sealpost_core::port::Edit;
use sealpost_core::{Error, Result};

use super::statement::{query, query_as, query_scalar};
use super::value::{decode, encode};
use super::{Connection, fault, lanes};

/// Stores a new one, unless there are enough of its partner.
pub(super) fn create(connection: &Connection, connector: &Connector, most: u32) -> Result<()> {
    let (there, same): (i64, i64) =
        query_as("SELECT COUNT(*), COUNT(*) FILTER (WHERE id = ?) FROM connectors WHERE partner = ?")
            .bind(connector.id.as_str())
            .bind(connector.partner.as_str())
            .fetch_one(connection)
            .map_err(fault::read)?;
    if same > 0 {
        return Err(Error::new(&codes::request::NAME_TAKEN, format!("connector {}", connector.id)));
    }
    if there >= i64::from(most) {
        return Err(Error::new(&codes::request::TOO_MANY, format!("there are {there} connectors; {most} are allowed")));
    }
    store(connection, connector)
}

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
