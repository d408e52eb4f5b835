//! Starting a transfer: token, limit, transfer, items and tasks in one transaction.

use jiff::{SignedDuration, Timestamp};
use sealpost_core::error::codes;
use sealpost_core::id::{AccessKeyId, TransferId};
use sealpost_core::transfer::{NewTransfer, RESULTS_KEPT_DAYS, StartedTransfer, Transfer};
use sealpost_core::{Error, Result};

use super::super::statement::{query, query_as};
use super::super::value::{corrupt, decode, encode, id, instant, nanos, unsigned};
use super::super::{Connection, fault, idempotency, lanes};
use super::items;

/// Old transfers removed with each new one: more than one, so that they run out; few, so that no start waits for them.
const FORGOTTEN_AT_ONCE: i64 = 2;

pub(super) fn start(connection: &Connection, new: &NewTransfer) -> Result<StartedTransfer> {
    let (caller, now) = (&new.transfer.caller, new.transfer.created_at);
    if let Some((token, sha256)) = &new.idempotency
        && let Some(before) = before(connection, caller, (token, sha256), now)?
    {
        return Ok(StartedTransfer::Replayed(before));
    }
    check_limit(connection, new)?;
    forget_old(connection, new.transfer.created_at)?;
    let items = new.items();
    let count = u32::try_from(items.len()).unwrap_or(u32::MAX);
    // One without items has nothing to wait for.
    let finished_at = items.is_empty().then_some(new.transfer.created_at);
    let transfer = Transfer { items: count, open: count, finished_at, ..new.transfer.clone() };
    insert(connection, &transfer)?;
    lanes::set_first_limit(connection, &transfer.connector, new.connections)?;
    for item in &items {
        items::insert(connection, item)?;
    }
    if let Some((token, sha256)) = &new.idempotency {
        remember(connection, &transfer, token, sha256)?;
    }
    Ok(StartedTransfer::New(transfer))
}

/// The transfer that this token and request started before, as it is now.
pub(super) fn before(
    connection: &Connection,
    caller: &AccessKeyId,
    (token, sha256): (&str, &str),
    now: Timestamp,
) -> Result<Option<Transfer>> {
    let known: Option<(String, String)> = query_as(
        "SELECT request_sha256, transfer FROM transfer_tokens WHERE caller = ? AND token = ? AND created_at > ?",
    )
    .bind(caller.as_str())
    .bind(token)
    .bind(nanos(idempotency::forgotten_before(now)))
    .fetch_optional(connection)
    .map_err(fault::read)?;
    match known {
        None => Ok(None),
        Some((known, of)) if known == sha256 => {
            let of: TransferId = id("a token's transfer", &of)?;
            let before = find(connection, &of)?;
            before.map(Some).ok_or_else(|| corrupt(format!("a token's transfer {of} is gone")))
        }
        Some(_) => Err(idempotency::mismatch()),
    }
}

fn remember(connection: &Connection, transfer: &Transfer, token: &str, sha256: &str) -> Result<()> {
    query(
        "DELETE FROM transfer_tokens WHERE (caller, token) IN
         (SELECT caller, token FROM transfer_tokens WHERE created_at <= ? ORDER BY created_at LIMIT ?)",
    )
    .bind(nanos(idempotency::forgotten_before(transfer.created_at)))
    .bind(idempotency::PURGED_AT_ONCE)
    .execute(connection)
    .map_err(fault::write)?;
    query(
        "INSERT OR REPLACE INTO transfer_tokens (caller, token, request_sha256, transfer, created_at)
         VALUES (?, ?, ?, ?, ?)",
    )
    .bind(transfer.caller.as_str())
    .bind(token)
    .bind(sha256)
    .bind(transfer.id.as_str())
    .bind(nanos(transfer.created_at))
    .execute(connection)
    .map_err(fault::write)?;
    Ok(())
}

fn check_limit(connection: &Connection, new: &NewTransfer) -> Result<()> {
    let open = items::open(connection)?;
    let asked = new.actions.len();
    if open.saturating_add(asked as u64) > u64::from(new.queue_limit) {
        let detail = format!(
            "{open} files of transfers have not ended and {asked} were to join them; the limit is {}",
            new.queue_limit
        );
        return Err(Error::new(&codes::request::TOO_MANY_ACTIVE, detail));
    }
    Ok(())
}

/// Removes a few whose results are no longer kept; what belongs to them goes with them (ON DELETE CASCADE, triggers).
fn forget_old(connection: &Connection, now: Timestamp) -> Result<()> {
    let kept = SignedDuration::from_hours(24 * RESULTS_KEPT_DAYS);
    query(
        "DELETE FROM transfers WHERE id IN
         (SELECT id FROM transfers WHERE finished_at <= ? ORDER BY finished_at LIMIT ?)",
    )
    .bind(nanos(now.checked_sub(kept).unwrap_or(Timestamp::MIN)))
    .bind(FORGOTTEN_AT_ONCE)
    .execute(connection)
    .map_err(fault::write)?;
    Ok(())
}

fn insert(connection: &Connection, transfer: &Transfer) -> Result<()> {
    query("INSERT INTO transfers (id, announced, open, finished_at, record) VALUES (?, ?, ?, ?, ?)")
        .bind(transfer.id.as_str())
        .bind(transfer.announced)
        .bind(i64::from(transfer.open))
        .bind(transfer.finished_at.map(nanos))
        .bind(encode("a transfer", transfer)?)
        .execute(connection)
        .map_err(fault::write)?;
    Ok(())
}

/// A transfer. What counts its items down has columns of its own.
pub(super) fn find(connection: &Connection, id: &TransferId) -> Result<Option<Transfer>> {
    let row: Option<(String, i64, Option<i64>)> =
        query_as("SELECT record, open, finished_at FROM transfers WHERE id = ?")
            .bind(id.as_str())
            .fetch_optional(connection)
            .map_err(fault::read)?;
    let Some((record, open, finished_at)) = row else { return Ok(None) };
    let transfer: Transfer = decode(&format!("transfer {id}"), &record)?;
    let open = u32::try_from(unsigned(open)).unwrap_or(u32::MAX);
    Ok(Some(Transfer { open, finished_at: finished_at.map(instant), ..transfer }))
}
