//! The port `Changes`: what partners ask to have changed, challenges, the audit trail.

use async_trait::async_trait;
use jiff::Timestamp;
use sealpost_core::audit::{Actor, AuditEntry};
use sealpost_core::change::{Challenge, Change, ChangeStatus, Claim, Decision, MOST_PENDING};
use sealpost_core::error::codes;
use sealpost_core::id::{ChangeId, PartnerId};
use sealpost_core::port::{AuditFilter, ChangeFilter, Changes, EntryPage};
use sealpost_core::{Error, Result};

use super::pages::{self, Asked, List};
use super::statement::{query, query_scalar};
use super::value::{decode, encode, nanos};
use super::{Connection, Durability, SqliteLedger, audit, challenges, fault};

pub(super) static LIST: List = List { table: "changes", time: "asked_at", what: "a change" };

#[async_trait]
impl Changes for SqliteLedger {
    async fn create_change(&self, change: &Change) -> Result<()> {
        let turn = self.begin(Durability::Disk).await?;
        let outcome = create(turn.connection(), change);
        turn.end(outcome).await
    }

    async fn change(&self, id: &ChangeId) -> Result<Option<Change>> {
        let reader = self.reader()?;
        find(&reader, id)
    }

    async fn changes(&self, filter: &ChangeFilter) -> Result<EntryPage<Change>> {
        let filter = filter.clone();
        self.look(move |connection| page(connection, &filter)).await
    }

    async fn begin(&self, id: &ChangeId, actor: &Actor, now: Timestamp) -> Result<Claim> {
        let turn = self.begin(Durability::Disk).await?;
        let outcome = begin(turn.connection(), id, actor, now);
        turn.end(outcome).await
    }

    async fn unbegin(&self, claim: &Claim) -> Result<bool> {
        let turn = self.begin(Durability::Disk).await?;
        let outcome = unbegin(turn.connection(), claim);
        turn.end(outcome).await
    }

    async fn decide(&self, id: &ChangeId, decision: &Decision, now: Timestamp) -> Result<Change> {
        let turn = self.begin(Durability::Disk).await?;
        let outcome = decide(turn.connection(), id, decision, now);
        turn.end(outcome).await
    }

    async fn note(&self, entry: &AuditEntry) -> Result<()> {
        let turn = self.begin(Durability::Disk).await?;
        let outcome = audit::append(turn.connection(), entry);
        turn.end(outcome).await
    }

    async fn audit(&self, filter: &AuditFilter) -> Result<EntryPage<AuditEntry>> {
        let filter = filter.clone();
        self.look(move |connection| audit::page(connection, &filter)).await
    }

    async fn open_challenge(&self, challenge: &Challenge) -> Result<()> {
        let turn = self.begin(Durability::Disk).await?;
        let outcome = challenges::open(turn.connection(), challenge);
        turn.end(outcome).await
    }

    async fn take_challenge(&self, partner: &PartnerId, fingerprint: &str) -> Result<Option<Challenge>> {
        let turn = self.begin(Durability::Disk).await?;
        let outcome = challenges::take(turn.connection(), partner, fingerprint);
        turn.end(outcome).await
    }
}

fn page(connection: &Connection, filter: &ChangeFilter) -> Result<EntryPage<Change>> {
    let asked = Asked {
        owners: &[("partner", filter.partner.as_ref().map(AsRef::as_ref))],
        status: filter.status.map(ChangeStatus::as_str),
        after: filter.after.as_ref().map(AsRef::as_ref),
        after_at: None,
        limit: filter.limit,
    };
    let (entries, more) = pages::page(connection, &LIST, &asked)?;
    Ok(EntryPage { entries, more })
}

fn create(connection: &Connection, change: &Change) -> Result<()> {
    let subject = change.action.subject(&change.partner);
    let waiting: Option<String> =
        query_scalar("SELECT id FROM changes WHERE partner = ? AND subject = ? AND status = 'pending'")
            .bind(change.partner.as_str())
            .bind(&subject)
            .fetch_optional(connection)
            .map_err(fault::read)?;
    if let Some(waiting) = waiting {
        let detail = format!("change {waiting} of {subject} waits for approval");
        return Err(Error::new(&codes::request::CHANGE_PENDING, detail));
    }
    if change.status == ChangeStatus::Pending {
        let pending: i64 = query_scalar("SELECT COUNT(*) FROM changes WHERE partner = ? AND status = 'pending'")
            .bind(change.partner.as_str())
            .fetch_one(connection)
            .map_err(fault::read)?;
        if pending >= i64::from(MOST_PENDING) {
            let detail = format!("{MOST_PENDING} changes wait for approval; withdraw one, or wait for the operator");
            return Err(Error::new(&codes::request::TOO_MANY, detail));
        }
    }
    // Not by a foreign key, which would take those decided with the partner: one that waits must not outlive it and
    // wake up with the next partner of its name.
    let done = query(
        "INSERT INTO changes (id, partner, subject, status, asked_at, record)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE EXISTS (SELECT 1 FROM partners WHERE id = ?2)",
    )
    .bind(change.id.as_str())
    .bind(change.partner.as_str())
    .bind(&subject)
    .bind(change.status.as_str())
    .bind(nanos(change.asked_at))
    .bind(encode("a change", &change.clone().settled())?)
    .execute(connection)
    .map_err(fault::write)?;
    if done == 1 { Ok(()) } else { Err(fault::no_partner(&change.partner)) }
}

fn find(connection: &Connection, id: &ChangeId) -> Result<Option<Change>> {
    let record: Option<String> = query_scalar("SELECT record FROM changes WHERE id = ?")
        .bind(id.as_str())
        .fetch_optional(connection)
        .map_err(fault::read)?;
    record.map(|record| decode(&format!("change {id}"), &record)).transpose()
}

fn existing(connection: &Connection, id: &ChangeId) -> Result<Change> {
    let found = find(connection, id)?;
    found.ok_or_else(|| Error::new(&codes::request::NOT_FOUND, format!("there is no change {id}")))
}

fn begin(connection: &Connection, id: &ChangeId, actor: &Actor, now: Timestamp) -> Result<Claim> {
    let claim = existing(connection, id)?.begin(actor, now)?;
    store(connection, &claim.change)?;
    Ok(claim)
}

fn unbegin(connection: &Connection, claim: &Claim) -> Result<bool> {
    let found = find(connection, &claim.change.id)?;
    let Some(free) = found.and_then(|found| found.unbegin(claim)) else { return Ok(false) };
    store(connection, &free)?;
    Ok(true)
}

fn decide(connection: &Connection, id: &ChangeId, decision: &Decision, now: Timestamp) -> Result<Change> {
    let after = existing(connection, id)?.decide(decision, now)?;
    store(connection, &after)?;
    Ok(after)
}

fn store(connection: &Connection, change: &Change) -> Result<()> {
    query("UPDATE changes SET status = ?, record = ? WHERE id = ?")
        .bind(change.status.as_str())
        .bind(encode("a change", change)?)
        .bind(change.id.as_str())
        .execute(connection)
        .map_err(fault::write)?;
    Ok(())
}
