//! Webhooks as rows.

use sealpost_core::error::codes;
use sealpost_core::id::{PartnerId, WebhookId};
use sealpost_core::port::Edit;
use sealpost_core::webhook::Webhook;
use sealpost_core::{Error, Result};

use super::statement::{query, query_scalar};
use super::value::{decode, encode, nanos};
use super::{Connection, fault};

/// A webhook, of this partner only when one is given.
pub(super) fn find(connection: &Connection, partner: Option<&PartnerId>, id: &WebhookId) -> Result<Option<Webhook>> {
    let record: Option<String> =
        query_scalar("SELECT record FROM webhooks WHERE id = ?1 AND (?2 IS NULL OR partner = ?2)")
            .bind(id.as_str())
            .bind(partner.map(PartnerId::as_str))
            .fetch_optional(connection)
            .map_err(fault::read)?;
    record.map(|record| decode(&format!("webhook {id}"), &record)).transpose()
}

/// Those of a partner, oldest first.
pub(super) fn of_partner(connection: &Connection, partner: &PartnerId) -> Result<Vec<Webhook>> {
    let records: Vec<String> = query_scalar("SELECT record FROM webhooks WHERE partner = ? ORDER BY created_at, id")
        .bind(partner.as_str())
        .fetch_all(connection)
        .map_err(fault::read)?;
    records.iter().map(|record| decode(&format!("a webhook of partner {partner}"), record)).collect()
}

/// Stores a new one, unless there are enough.
pub(super) fn create(connection: &Connection, webhook: &Webhook, most: u32) -> Result<()> {
    let there: i64 = query_scalar("SELECT COUNT(*) FROM webhooks WHERE partner = ?")
        .bind(webhook.partner.as_str())
        .fetch_one(connection)
        .map_err(fault::read)?;
    if there >= i64::from(most) {
        return Err(Error::new(&codes::request::TOO_MANY, format!("there are {there} webhooks; {most} are allowed")));
    }
    query("INSERT INTO webhooks (id, partner, created_at, record) VALUES (?, ?, ?, ?)")
        .bind(webhook.id.as_str())
        .bind(webhook.partner.as_str())
        .bind(nanos(webhook.created_at))
        .bind(encode("a webhook", webhook)?)
        .execute(connection)
        .map_err(|error| fault::owned(error, &webhook.partner))?;
    Ok(())
}

/// Loads, changes and stores.
pub(super) fn edit(
    connection: &Connection,
    partner: &PartnerId,
    id: &WebhookId,
    edit: &Edit<Webhook>,
) -> Result<Option<Webhook>> {
    let Some(before) = find(connection, Some(partner), id)? else { return Ok(None) };
    // An edit changes what a record says, never which one it is.
    let created_at = before.created_at;
    let after = Webhook { id: id.clone(), partner: partner.clone(), created_at, ..edit(before)? };
    query("UPDATE webhooks SET record = ? WHERE id = ?")
        .bind(encode("a webhook", &after)?)
        .bind(id.as_str())
        .execute(connection)
        .map_err(fault::write)?;
    Ok(Some(after))
}

/// Its notifications go with it (ON DELETE CASCADE), and their tasks with them (a trigger). There are few by then, see
/// [`removal`](super::removal).
pub(super) fn remove(connection: &Connection, partner: &PartnerId, id: &WebhookId) -> Result<bool> {
    let done = query("DELETE FROM webhooks WHERE id = ? AND partner = ?")
        .bind(id.as_str())
        .bind(partner.as_str())
        .execute(connection)
        .map_err(fault::write)?;
    Ok(done == 1)
}
