//! Removing a webhook or a partner with its notifications: there may be a million of them, and one turn for all would keep every
//! other writer out for longer than it waits. So they go in turns of their own, and the record goes with the last of them.
//!
//! Where one turn is not enough, the first disables what is to go, so that nothing new is made for it. A removal that is cut
//! short leaves it disabled; the same call again goes on.

use std::sync::Arc;

use sealpost_core::error::codes;
use sealpost_core::id::{PartnerId, WebhookId};
use sealpost_core::{Error, Result};

use super::statement::query;
use super::turn::Writing;
use super::{Connection, Durability, Touched, fault, partners, webhooks};

/// Notifications that go in one turn.
const AT_ONCE: u64 = 500;

/// The first of a webhook's notifications. Of another partner's webhook, none.
pub(super) const OF_WEBHOOK: &str = "SELECT id FROM notifications
    WHERE webhook = (SELECT id FROM webhooks WHERE id = ?1 AND partner = ?2) ORDER BY created_at, id LIMIT ?3";

/// The first of a partner's notifications.
pub(super) const OF_PARTNER: &str = "SELECT id FROM notifications WHERE partner = ?1 ORDER BY created_at, id LIMIT ?2";

/// Where a removal stands after a turn.
enum Removal {
    /// There is more of it.
    Begun,
    /// It is done; whether there was anything to remove.
    Done(bool),
}

/// Removes a webhook of this partner with its notifications.
pub(super) async fn of_webhook(writing: &Arc<Writing>, partner: &PartnerId, id: &WebhookId) -> Result<bool> {
    let (partner, id) = (partner.clone(), id.clone());
    in_turns(writing, move |connection| {
        let gone = query(format!("DELETE FROM notifications WHERE id IN ({OF_WEBHOOK})"))
            .bind(id.as_str())
            .bind(partner.as_str())
            .bind(AT_ONCE.cast_signed())
            .execute(connection)
            .map_err(fault::write)?;
        if gone < AT_ONCE {
            return webhooks::remove(connection, &partner, &id).map(Removal::Done);
        }
        disable(connection, "webhooks", "id", id.as_str())
    })
    .await
}

/// Removes a partner with all that is its own, unless something of it is under way.
pub(super) async fn of_partner(writing: &Arc<Writing>, id: &PartnerId) -> Result<bool> {
    let id = id.clone();
    in_turns(writing, move |connection| {
        // In each turn: what was asked for just before the partner was disabled may come between them.
        partners::check_unused(connection, &id)?;
        let gone = query(format!("DELETE FROM notifications WHERE id IN ({OF_PARTNER})"))
            .bind(id.as_str())
            .bind(AT_ONCE.cast_signed())
            .execute(connection)
            .map_err(fault::write)?;
        if gone < AT_ONCE {
            return partners::remove(connection, &id).map(Removal::Done);
        }
        disable(connection, "webhooks", "partner", id.as_str())?;
        disable(connection, "partners", "id", id.as_str())
    })
    .await
}

fn disable(connection: &Connection, table: &str, column: &str, value: &str) -> Result<Removal> {
    query(format!("UPDATE {table} SET record = json_set(record, '$.enabled', json('false')) WHERE {column} = ?"))
        .bind(value)
        .execute(connection)
        .map_err(fault::write)?;
    Ok(Removal::Begun)
}

/// One turn after the other until it is done. Not by the caller, who may go away before.
async fn in_turns(
    writing: &Arc<Writing>,
    step: impl Fn(&Connection) -> Result<Removal> + Send + 'static,
) -> Result<bool> {
    let writing = writing.clone();
    let removing = tokio::spawn(async move {
        loop {
            let turn = writing.begin(Durability::Disk).await?;
            let outcome = step(turn.connection());
            let touched = |stands: &Removal| match stands {
                // It has removed notifications.
                Removal::Begun => Touched::NoReport,
                Removal::Done(_) => Touched::Anything,
            };
            if let Removal::Done(removed) = turn.end_touching(outcome, touched).await? {
                return Ok(removed);
            }
        }
    });
    removing.await.map_err(|error| Error::new(&codes::ledger::UNREACHABLE, format!("a removal: {error}")))?
}
