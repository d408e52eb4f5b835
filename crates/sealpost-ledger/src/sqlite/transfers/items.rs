//! Items of transfers as rows.

use jiff::Timestamp;
use sealpost_core::error::codes;
use sealpost_core::id::{TransferId, TransferItemId};
use sealpost_core::task::{Lease, NewTask, Work};
use sealpost_core::transfer::{ItemEvent, TransferItem};
use sealpost_core::{Error, Result};

use super::super::statement::{query, query_as, query_scalar};
use super::super::value::{corrupt, decode, encode, nanos, signed, unsigned};
use super::super::{Connection, fault, tasks};

/// An item from its row. Size and bytes have columns of their own: they change often, and alone.
fn item((record, size, bytes): (String, Option<i64>, i64)) -> Result<TransferItem> {
    let mut item: TransferItem = decode("a transfer item", &record)?;
    item.size = size.map(unsigned);
    item.bytes = unsigned(bytes);
    Ok(item)
}

pub(super) fn find(connection: &Connection, id: &TransferItemId) -> Result<Option<TransferItem>> {
    let row: Option<(String, Option<i64>, i64)> =
        query_as("SELECT record, size, bytes FROM transfer_items WHERE id = ?")
            .bind(id.as_str())
            .fetch_optional(connection)
            .map_err(fault::read)?;
    row.map(item).transpose().map_err(|error| error.context(id))
}

/// Those of a transfer by index, from this one on.
pub(super) fn of_transfer(
    connection: &Connection,
    transfer: &TransferId,
    from: u32,
    limit: u32,
) -> Result<Vec<TransferItem>> {
    let rows: Vec<(String, Option<i64>, i64)> = query_as(
        "SELECT record, size, bytes FROM transfer_items WHERE transfer = ? AND position >= ? ORDER BY position LIMIT ?",
    )
    .bind(transfer.as_str())
    .bind(i64::from(from))
    .bind(i64::from(limit))
    .fetch_all(connection)
    .map_err(fault::read)?;
    rows.into_iter().map(item).collect::<Result<_>>().map_err(|error| error.context(transfer))
}

/// How many have not ended. One that is tried again later waits as well, and is in progress meanwhile.
pub(super) fn open(connection: &Connection) -> Result<u64> {
    let open: i64 = query_scalar("SELECT COUNT(*) FROM transfer_items WHERE status IN ('QUEUED', 'IN_PROGRESS')")
        .fetch_one(connection)
        .map_err(fault::read)?;
    Ok(unsigned(open))
}

/// Stores a new item with its task.
pub(super) fn insert(connection: &Connection, item: &TransferItem) -> Result<()> {
    query("INSERT INTO transfer_items (id, transfer, position, connector, status, record) VALUES (?, ?, ?, ?, ?, ?)")
        .bind(item.id.as_str())
        .bind(item.transfer.as_str())
        .bind(i64::from(item.index))
        .bind(item.connector.as_str())
        .bind(item.status.as_str())
        .bind(encode("a transfer item", item)?)
        .execute(connection)
        .map_err(fault::write)?;
    let task = NewTask { work: Work::Transfer(item.id.clone()), run_at: item.queued_at };
    tasks::enqueue(connection, &[task])
}

/// Loads, moves by [`TransferItem::apply`] and stores; counts one that ends off its transfer, with the tasks to announce
/// it. Whether there are any.
pub(super) fn apply(
    connection: &Connection,
    id: &TransferItemId,
    event: &ItemEvent,
    lease: Option<&Lease>,
    now: Timestamp,
) -> Result<(TransferItem, bool)> {
    tasks::fence(connection, lease, now)?;
    let item = find(connection, id)?.ok_or_else(|| missing(id))?.apply(event, now)?;
    query("UPDATE transfer_items SET status = ?, size = ?, bytes = ?, record = ? WHERE id = ?")
        .bind(item.status.as_str())
        .bind(item.size.map(signed))
        .bind(signed(item.bytes))
        .bind(encode("a transfer item", &item)?)
        .bind(id.as_str())
        .execute(connection)
        .map_err(fault::write)?;
    let follow = if item.status.is_terminal() { count_off(connection, &item, now)? } else { Vec::new() };
    tasks::enqueue(connection, &follow)?;
    Ok((item, !follow.is_empty()))
}

/// One item less to wait for; the tasks that follow where the transfer is announced.
fn count_off(connection: &Connection, item: &TransferItem, now: Timestamp) -> Result<Vec<NewTask>> {
    let after: Option<(i64, bool)> = query_as(
        "UPDATE transfers SET open = open - 1, finished_at = CASE WHEN open = 1 THEN ? END WHERE id = ?
         RETURNING open, announced",
    )
    .bind(nanos(now))
    .bind(item.transfer.as_str())
    .fetch_optional(connection)
    .map_err(fault::write)?;
    let (open, announced) = after.ok_or_else(|| corrupt(format!("the transfer of item {} is gone", item.id)))?;
    let task = |work| NewTask { work, run_at: now };
    Ok(match (announced, open) {
        (false, _) => Vec::new(),
        (true, 0) => {
            vec![task(Work::Announce(item.id.clone())), task(Work::AnnounceTransfer(item.transfer.clone()))]
        }
        (true, _) => vec![task(Work::Announce(item.id.clone()))],
    })
}

/// Notes the size, once it is known, and how many bytes have come over.
pub(super) fn progress(
    connection: &Connection,
    id: &TransferItemId,
    size: Option<u64>,
    bytes: u64,
    lease: &Lease,
    now: Timestamp,
) -> Result<()> {
    tasks::fence(connection, Some(lease), now)?;
    let done = query("UPDATE transfer_items SET size = COALESCE(?, size), bytes = ? WHERE id = ?")
        .bind(size.map(signed))
        .bind(signed(bytes))
        .bind(id.as_str())
        .execute(connection)
        .map_err(fault::write)?;
    if done == 0 { Err(missing(id)) } else { Ok(()) }
}

fn missing(id: &TransferItemId) -> Error {
    Error::new(&codes::request::NOT_FOUND, format!("there is no transfer item {id}"))
}
