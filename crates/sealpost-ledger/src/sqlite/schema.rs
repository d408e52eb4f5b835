//! The schema, by numbered steps: `PRAGMA user_version` is the number of steps a file has seen.

use sealpost_core::error::codes;
use sealpost_core::{Error, Result};

use super::statement::query_scalar;
use super::{Connection, fault};

/// Marks a file as ours (`PRAGMA application_id`): "Seal".
const APPLICATION: i64 = 0x5365_616C;

/// The steps, in order. A released step is never edited: later changes are further steps.
static STEPS: &[&str] = &[
    include_str!("schema/001_first.sql"),
    include_str!("schema/002_edge.sql"),
    include_str!("schema/003_transfers.sql"),
    include_str!("schema/004_lanes.sql"),
    include_str!("schema/005_open_items.sql"),
    include_str!("schema/006_hurry.sql"),
    include_str!("schema/007_active.sql"),
    include_str!("schema/008_admitted.sql"),
];

/// Refuses a file that another program has made, or a newer version of this one. Gives the number of steps that it has seen.
pub(super) fn recognise(connection: &Connection) -> Result<usize> {
    // In this order: another process that makes the file marks it together with its tables, and may do so between the two.
    let tables = number(connection, "SELECT COUNT(*) FROM sqlite_schema")?;
    let application = number(connection, "PRAGMA application_id")?;
    let fresh = application == 0 && tables == 0;
    if application != APPLICATION && !fresh {
        return Err(Error::new(
            &codes::ledger::CORRUPT,
            "it is the SQLite file of another program: give the ledger a file of its own",
        ));
    }
    let version = number(connection, "PRAGMA user_version")?;
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    if version > known {
        return Err(Error::new(
            &codes::ledger::CORRUPT,
            format!("a newer version has written it (schema {version}; this version knows {known}): use that version"),
        ));
    }
    Ok(usize::try_from(version).unwrap_or(0))
}

/// Brings the file to the newest schema in one transaction. Processes that start together wait for one another. A file that
/// is there already, as at nearly every start, is not written to: that would wait for the disk, and for other writers.
pub(super) fn migrate(connection: &Connection, seen: usize) -> Result<()> {
    if seen == STEPS.len() {
        return Ok(());
    }
    connection.execute_batch("BEGIN IMMEDIATE").map_err(fault::write)?;
    // Again, under the lock: another process may have come first.
    let seen = recognise(connection)?;
    for step in STEPS.iter().skip(seen) {
        connection.execute_batch(step).map_err(fault::write)?;
    }
    let mark = format!("PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {}", STEPS.len());
    connection.execute_batch(&mark).map_err(fault::write)?;
    connection.execute_batch("COMMIT").map_err(fault::write)?;
    Ok(())
}

fn number(connection: &Connection, sql: &'static str) -> Result<i64> {
    query_scalar(sql).fetch_one(connection).map_err(fault::read)
}
