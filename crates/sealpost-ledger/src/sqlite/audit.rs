//! The append-only audit trail.

use sealpost_core::Result;
use sealpost_core::audit::AuditEntry;
use sealpost_core::port::{AuditFilter, EntryPage};

use super::pages::{self, Asked, List};
use super::statement::query;
use super::value::{encode, nanos};
use super::{Connection, fault};

pub(super) static LIST: List = List { table: "audit", time: "at", what: "an audit entry" };

pub(super) fn append(connection: &Connection, entry: &AuditEntry) -> Result<()> {
    query("INSERT INTO audit (id, partner, at, record) VALUES (?, ?, ?, ?)")
        .bind(entry.id.as_str())
        .bind(entry.partner.as_str())
        .bind(nanos(entry.at))
        .bind(encode("an audit entry", entry)?)
        .execute(connection)
        .map_err(fault::write)?;
    Ok(())
}

pub(super) fn page(connection: &Connection, filter: &AuditFilter) -> Result<EntryPage<AuditEntry>> {
    let asked = Asked {
        owners: &[("partner", filter.partner.as_ref().map(AsRef::as_ref))],
        status: None,
        after: filter.after.as_ref().map(AsRef::as_ref),
        after_at: None,
        limit: filter.limit,
    };
    let (entries, more) = pages::page(connection, &LIST, &asked)?;
    Ok(EntryPage { entries, more })
}
