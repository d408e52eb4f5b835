//! The port `Changes`: what partners ask to have changed, challenges, the audit trail.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use jiff::Timestamp;
use sealpost_core::audit::{Actor, AuditEntry};
use sealpost_core::change::{Challenge, Change, ChangeStatus, Claim, Decision, MOST_PENDING};
use sealpost_core::error::codes;
use sealpost_core::id::{ChangeId, PartnerId};
use sealpost_core::port::{AuditFilter, ChangeFilter, Changes, EntryPage};
use sealpost_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::step::step;
use super::{Key, Step, TableLedger, audit, challenges, pages, partners, shards};

const ALL: &str = "changes";

/// What waits for approval, by what it is about: its version guards that each thing is there once, and their number.
pub(super) type Pending = BTreeMap<String, ChangeId>;

pub(super) fn pending(partner: &PartnerId) -> Key {
    Key::new(partners::partition(partner), "pending")
}

#[derive(Serialize, Deserialize)]
struct Listed {
    id: ChangeId,
    status: ChangeStatus,
}

fn record(id: &ChangeId) -> Key {
    Key::new(format!("change#{id}"), "record")
}

fn list_of(partner: &PartnerId) -> String {
    format!("changes-of#{partner}")
}

fn places(change: &Change) -> [Key; 2] {
    let place = pages::place(change.asked_at, change.id.as_str());
    [Key::new(list_of(&change.partner), place.clone()), Key::new(shards::of(ALL, change.id.as_str()), place)]
}

#[async_trait]
impl Changes for TableLedger {
    async fn create_change(&self, change: &Change) -> Result<()> {
        step!(self, |step| create(step, change).await)
    }

    async fn change(&self, id: &ChangeId) -> Result<Option<Change>> {
        find(self, id).await
    }

    async fn changes(&self, filter: &ChangeFilter) -> Result<EntryPage<Change>> {
        let is_of_list = |change: &Change| filter.partner.as_ref().is_none_or(|partner| change.partner == *partner);
        let after = match &filter.after {
            Some(after) => {
                let found = self.change(after).await?.filter(is_of_list);
                let found = found.ok_or_else(|| pages::no_cursor("a change", after.as_str()))?;
                Some(pages::place(found.asked_at, found.id.as_str()))
            }
            None => None,
        };
        let partitions = filter.partner.as_ref().map_or_else(|| shards::all(ALL), |partner| vec![list_of(partner)]);
        let is_shown = |listed: &Listed| filter.status.is_none_or(|status| listed.status == status);
        let (listed, more) = pages::page(self, &partitions, after.as_deref(), filter.limit, &is_shown).await?;
        let listed: Vec<ChangeId> = listed.into_iter().map(|listed| listed.id).collect();
        // What went in between is left out.
        Ok(EntryPage { entries: shown(self, &listed).await?, more })
    }

    async fn begin(&self, id: &ChangeId, actor: &Actor, now: Timestamp) -> Result<Claim> {
        step!(self, |step| {
            let claim = existing(step, id).await?.begin(actor, now)?;
            step.put(&record(id), &claim.change)?;
            Ok(claim)
        })
    }

    async fn unbegin(&self, claim: &Claim) -> Result<bool> {
        let id = &claim.change.id;
        step!(self, |step| {
            let found = held(step, id).await?;
            let Some(free) = found.and_then(|found| found.unbegin(claim)) else { return Ok(false) };
            step.put(&record(id), &free)?;
            Ok(true)
        })
    }

    async fn decide(&self, id: &ChangeId, decision: &Decision, now: Timestamp) -> Result<Change> {
        step!(self, |step| decide(step, id, decision, now).await)
    }

    async fn note(&self, entry: &AuditEntry) -> Result<()> {
        step!(self, |step| audit::append(step, entry))
    }

    async fn audit(&self, filter: &AuditFilter) -> Result<EntryPage<AuditEntry>> {
        audit::page(self, filter).await
    }

    async fn open_challenge(&self, challenge: &Challenge) -> Result<()> {
        step!(self, |step| challenges::open(step, challenge).await)
    }

    async fn take_challenge(&self, partner: &PartnerId, fingerprint: &str) -> Result<Option<Challenge>> {
        step!(self, |step| challenges::take(step, partner, fingerprint).await)
    }
}

async fn create(step: &mut Step, change: &Change) -> Result<()> {
    partners::must_exist(step, &change.partner).await?;
    let subject = change.action.subject(&change.partner);
    let key = pending(&change.partner);
    let mut waiting: Pending = step.get(&key).await?.unwrap_or_default();
    if let Some(waiting) = waiting.get(&subject) {
        let detail = format!("change {waiting} of {subject} waits for approval");
        return Err(Error::new(&codes::request::CHANGE_PENDING, detail));
    }
    if change.status == ChangeStatus::Pending {
        if waiting.len() >= MOST_PENDING as usize {
            let detail = format!("{MOST_PENDING} changes wait for approval; withdraw one, or wait for the operator");
            return Err(Error::new(&codes::request::TOO_MANY, detail));
        }
        waiting.insert(subject, change.id.clone());
        step.put(&key, &waiting)?;
    }
    let change = change.clone().settled();
    step.create(&record(&change.id), &change)?;
    list(step, &change)
}

fn list(step: &mut Step, change: &Change) -> Result<()> {
    let listed = Listed { id: change.id.clone(), status: change.status };
    places(change).iter().try_for_each(|key| step.put(key, &listed))
}

/// A change. One that waits, only while it is among those of its partner.
async fn find(ledger: &TableLedger, id: &ChangeId) -> Result<Option<Change>> {
    Ok(shown(ledger, std::slice::from_ref(id)).await?.pop())
}

/// Those of these ids that are there.
async fn shown(ledger: &TableLedger, ids: &[ChangeId]) -> Result<Vec<Change>> {
    let keys: Vec<Key> = ids.iter().map(record).collect();
    let mut found: Vec<Option<Change>> = ledger.read_all(&keys).await?;
    let waits = |change: &&Change| change.status == ChangeStatus::Pending;
    let owners: BTreeSet<&PartnerId> = found.iter().flatten().filter(waits).map(|change| &change.partner).collect();
    let owners: Vec<Key> = owners.into_iter().map(pending).collect();
    let waiting: Vec<Option<Pending>> = ledger.read_all(&owners).await?;
    let waiting: BTreeSet<ChangeId> = waiting.into_iter().flatten().flat_map(BTreeMap::into_values).collect();
    for (change, key) in found.iter_mut().zip(&keys) {
        if change.as_ref().is_some_and(|change| waits(&change) && !waiting.contains(&change.id)) {
            // It was decided between the two looks, or its partner is gone.
            *change = ledger.read(key).await?.filter(|change| !waits(&change));
        }
    }
    Ok(found.into_iter().flatten().collect())
}

/// A change, which has to be the same when the step is written, and wait where it waits.
async fn held(step: &mut Step, id: &ChangeId) -> Result<Option<Change>> {
    let Some(change) = step.get::<Change>(&record(id)).await? else { return Ok(None) };
    if change.status != ChangeStatus::Pending {
        return Ok(Some(change));
    }
    let waiting: Pending = step.get(&pending(&change.partner)).await?.unwrap_or_default();
    Ok(waiting.values().any(|waiting| waiting == id).then_some(change))
}

async fn existing(step: &mut Step, id: &ChangeId) -> Result<Change> {
    let found = held(step, id).await?;
    found.ok_or_else(|| Error::new(&codes::request::NOT_FOUND, format!("there is no change {id}")))
}

async fn decide(step: &mut Step, id: &ChangeId, decision: &Decision, now: Timestamp) -> Result<Change> {
    let before = existing(step, id).await?;
    let after = before.decide(decision, now)?;
    let key = pending(&after.partner);
    let mut waiting: Pending = step.get(&key).await?.unwrap_or_default();
    waiting.retain(|_, waiting| waiting != id);
    step.put(&key, &waiting)?;
    step.put(&record(id), &after)?;
    list(step, &after)?;
    Ok(after)
}

/// Removes one that waited, of a partner that is gone.
pub(super) async fn remove(step: &mut Step, id: &ChangeId) -> Result<()> {
    let Some(change) = step.get::<Change>(&record(id)).await? else { return Ok(()) };
    if change.status == ChangeStatus::Pending {
        step.delete(&record(id));
        places(&change).iter().for_each(|key| step.delete(key));
    }
    Ok(())
}
