//! Lanes: the tasks that go to one connector take turns with those that go to others, and only so many of them are
//! leased at once. Triggers keep each lane's count of tasks and the number of its last claim.

use sealpost_core::Result;
use sealpost_core::id::ConnectorId;
use sealpost_core::task::WorkKind;

use super::statement::{query, query_scalar};
use super::{Connection, fault};

/// Whether tasks of this kind have a lane.
pub(super) fn has_lanes(kind: WorkKind) -> bool {
    matches!(kind, WorkKind::Deliver | WorkKind::Transfer)
}

/// The lane of a task: the connector that it goes to.
pub(super) fn of_task(connection: &Connection, kind: &str, subject: &str) -> Result<Option<String>> {
    let sql = if kind == WorkKind::Deliver.as_str() {
        "SELECT record ->> '$.connector' FROM deliveries WHERE id = ?"
    } else if kind == WorkKind::Transfer.as_str() {
        "SELECT connector FROM transfer_items WHERE id = ?"
    } else {
        return Ok(None);
    };
    query_scalar(sql).bind(subject).fetch_optional(connection).map_err(fault::read)
}

/// Sets how many of a connector's tasks may be leased at once, when the connector is put or edited. With none at all, they would
/// wait forever.
pub(super) fn set_limit(connection: &Connection, connector: &ConnectorId, limit: u32) -> Result<()> {
    query(
        "INSERT INTO lanes (id, capacity) VALUES (?, ?)
         ON CONFLICT (id) DO UPDATE SET capacity = excluded.capacity WHERE capacity <> excluded.capacity",
    )
    .bind(connector.as_str())
    .bind(i64::from(limit.max(1)))
    .execute(connection)
    .map_err(fault::write)?;
    Ok(())
}

/// The same for a transfer that starts, where nothing is known of the lane: of a connector that is there, the limit is.
pub(super) fn set_first_limit(connection: &Connection, connector: &ConnectorId, limit: u32) -> Result<()> {
    query("INSERT INTO lanes (id, capacity) VALUES (?, ?) ON CONFLICT (id) DO NOTHING")
        .bind(connector.as_str())
        .bind(i64::from(limit.max(1)))
        .execute(connection)
        .map_err(fault::write)?;
    Ok(())
}
