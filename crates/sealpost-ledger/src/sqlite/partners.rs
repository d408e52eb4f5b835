//! Partners as rows, with the identities that stand for them.

use sealpost_core::error::codes;
use sealpost_core::id::PartnerId;
use sealpost_core::identity::Identity;
use sealpost_core::partner::Partner;
use sealpost_core::port::Edit;
use sealpost_core::{Error, Result};

use super::statement::{query, query_as, query_scalar};
use super::value::{decode, encode};
use super::{Connection, fault};

fn find(connection: &Connection, id: &PartnerId) -> Result<Option<Partner>> {
    let record: Option<String> = query_scalar("SELECT record FROM partners WHERE id = ?")
        .bind(id.as_str())
        .fetch_optional(connection)
        .map_err(fault::read)?;
    record.map(|record| decode(&format!("partner {id}"), &record)).transpose()
}

/// The partner that an identity stands for.
pub(super) fn of_identity(connection: &Connection, identity: &Identity) -> Result<Option<Partner>> {
    let record: Option<String> = query_scalar(
        "SELECT partners.record FROM identities JOIN partners ON partners.id = identities.partner
         WHERE issuer = ? AND subject = ?",
    )
    .bind(&identity.issuer)
    .bind(&identity.subject)
    .fetch_optional(connection)
    .map_err(fault::read)?;
    record.map(|record| decode(&format!("the partner of {identity}"), &record)).transpose()
}

/// Creates or replaces, with its identities.
pub(super) fn store(connection: &Connection, partner: &Partner) -> Result<()> {
    query("INSERT INTO partners (id, record) VALUES (?, ?) ON CONFLICT DO UPDATE SET record = excluded.record")
        .bind(partner.id.as_str())
        .bind(encode("a partner", partner)?)
        .execute(connection)
        .map_err(fault::write)?;
    query("DELETE FROM identities WHERE partner = ?")
        .bind(partner.id.as_str())
        .execute(connection)
        .map_err(fault::write)?;
    for identity in &partner.identities {
        let owner: String = query_scalar(
            "INSERT INTO identities (issuer, subject, partner) VALUES (?, ?, ?)
             ON CONFLICT DO UPDATE SET partner = partner RETURNING partner",
        )
        .bind(&identity.issuer)
        .bind(&identity.subject)
        .bind(partner.id.as_str())
        .fetch_one(connection)
        .map_err(fault::write)?;
        if owner != partner.id.as_str() {
            return Err(Error::new(
                &codes::request::IDENTITY_TAKEN,
                format!("identity {identity} belongs to partner {owner}; partner {} can't have it too", partner.id),
            ));
        }
    }
    Ok(())
}

/// Loads, changes and stores.
pub(super) fn edit(connection: &Connection, id: &PartnerId, edit: &Edit<Partner>) -> Result<Option<Partner>> {
    let Some(before) = find(connection, id)? else { return Ok(None) };
    // An edit changes what a record says, never which one it is.
    let after = Partner { id: id.clone(), ..edit(before)? };
    store(connection, &after)?;
    Ok(Some(after))
}

/// Refuses where something of it is under way.
pub(super) fn check_unused(connection: &Connection, id: &PartnerId) -> Result<()> {
    let (jobs, deliveries): (i64, i64) = query_as(
        "SELECT COALESCE((SELECT jobs FROM active_jobs WHERE partner = ?1), 0),
                (SELECT COUNT(*) FROM deliveries WHERE partner = ?1 AND status IN ('pending', 'sending'))",
    )
    .bind(id.as_str())
    .fetch_one(connection)
    .map_err(fault::read)?;
    if jobs + deliveries > 0 {
        return Err(Error::new(
            &codes::ledger::IN_USE,
            format!("partner {id} has {jobs} reports queued or running and {deliveries} deliveries under way"),
        ));
    }
    Ok(())
}

/// Removes it with all that is its own. Of notifications there are few by then, see [`removal`](super::removal).
pub(super) fn remove(connection: &Connection, id: &PartnerId) -> Result<bool> {
    for sql in ["DELETE FROM usage WHERE partner = ?", "DELETE FROM changes WHERE partner = ? AND status = 'pending'"] {
        query(sql).bind(id.as_str()).execute(connection).map_err(fault::write)?;
    }
    // What refers to it goes with it (ON DELETE CASCADE): connectors, keys, identities, webhooks and their
    // notifications, challenges. Its past reports, decided changes and the audit trail stay as a record.
    let done =
        query("DELETE FROM partners WHERE id = ?").bind(id.as_str()).execute(connection).map_err(fault::write)?;
    Ok(done == 1)
}
