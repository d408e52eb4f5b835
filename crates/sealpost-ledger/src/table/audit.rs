//! The append-only audit trail: what is once written is never written again.

use jiff::Timestamp;
use sealpost_core::Result;
use sealpost_core::audit::AuditEntry;
use sealpost_core::id::{AuditId, PartnerId};
use sealpost_core::port::{AuditFilter, EntryPage};
use serde::{Deserialize, Serialize};

use super::{Key, Step, TableLedger, pages, shards};

const ALL: &str = "audit";

/// Where an entry stands in the lists.
#[derive(Serialize, Deserialize)]
struct Position {
    partner: PartnerId,
    at: Timestamp,
}

fn position(id: &AuditId) -> Key {
    Key::new(format!("audit-entry#{id}"), "position")
}

fn list_of(partner: &PartnerId) -> String {
    format!("audit-of#{partner}")
}

pub(super) fn append(step: &mut Step, entry: &AuditEntry) -> Result<()> {
    let AuditEntry { id, at, partner, .. } = entry;
    step.create(&position(id), &Position { partner: partner.clone(), at: *at })?;
    let place = pages::place(*at, id.as_str());
    step.create(&Key::new(list_of(partner), place.clone()), entry)?;
    step.create(&Key::new(shards::of(ALL, id.as_str()), place), entry)
}

pub(super) async fn page(ledger: &TableLedger, filter: &AuditFilter) -> Result<EntryPage<AuditEntry>> {
    let after = match &filter.after {
        Some(after) => {
            let found: Option<Position> = ledger.read(&position(after)).await?;
            let is_of_list = |found: &Position| filter.partner.as_ref().is_none_or(|owner| found.partner == *owner);
            let found = found.filter(is_of_list).ok_or_else(|| pages::no_cursor("an audit entry", after.as_str()))?;
            Some(pages::place(found.at, after.as_str()))
        }
        None => None,
    };
    let partitions = filter.partner.as_ref().map_or_else(|| shards::all(ALL), |partner| vec![list_of(partner)]);
    let (entries, more) = pages::page(ledger, &partitions, after.as_deref(), filter.limit, &|_| true).await?;
    Ok(EntryPage { entries, more })
}
