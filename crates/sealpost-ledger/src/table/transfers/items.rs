//! Items of transfers: in the partition of their transfer by index, with a way to them by id.

use jiff::Timestamp;
use sealpost_core::error::codes;
use sealpost_core::id::{TransferId, TransferItemId};
use sealpost_core::task::{Lease, NewTask, Work};
use sealpost_core::transfer::{ItemEvent, Transfer, TransferItem};
use sealpost_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::super::{Key, SkRange, Step, TableLedger};
use super::{count, forget, start};
use crate::value::corrupt;

/// What the sort keys of a transfer's items begin with.
pub(super) const PREFIX: &str = "item#";
/// Items that are read at once.
const PAGE: u32 = 1_000;

/// Where an item is. It never changes.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Way {
    transfer: TransferId,
    index: u32,
}

fn way(id: &TransferItemId) -> Key {
    Key::new(format!("transfer-item#{id}"), "way")
}

fn record(transfer: &TransferId, index: u32) -> Key {
    Key::new(start::partition(transfer), place(index))
}

fn place(index: u32) -> String {
    format!("{PREFIX}{index:010}")
}

/// An item, as long as its transfer is there.
pub(super) async fn find(ledger: &TableLedger, id: &TransferItemId) -> Result<Option<TransferItem>> {
    let Some(Way { transfer, index }) = ledger.read(&way(id)).await? else { return Ok(None) };
    let is_there = ledger.read::<Transfer>(&start::record(&transfer)).await?.is_some();
    if is_there { ledger.read(&record(&transfer, index)).await } else { Ok(None) }
}

/// Those of a transfer by index, from this one on.
pub(super) async fn of_transfer(
    ledger: &TableLedger,
    transfer: &TransferId,
    from: u32,
    limit: u32,
) -> Result<Vec<TransferItem>> {
    if ledger.read::<Transfer>(&start::record(transfer)).await?.is_none() {
        return Ok(Vec::new());
    }
    let mut items: Vec<TransferItem> = Vec::new();
    let mut from = Some(from);
    while let Some(next) = from
        && items.len() < limit as usize
    {
        let most = (limit - u32::try_from(items.len()).unwrap_or(u32::MAX)).min(PAGE);
        let range = SkRange::Between(place(next), place(u32::MAX));
        let some: Vec<(String, TransferItem)> =
            ledger.read_range(&start::partition(transfer), range, false, most).await?;
        from = some.last().filter(|_| some.len() == most as usize).and_then(|(_, last)| last.index.checked_add(1));
        items.extend(some.into_iter().map(|(_, item)| item));
    }
    Ok(items)
}

/// Stores a new item, without its task.
pub(super) fn insert(step: &mut Step, item: &TransferItem) -> Result<()> {
    let leads = Way { transfer: item.transfer.clone(), index: item.index };
    step.put(&way(&item.id), &leads)?;
    step.put(&record(&item.transfer, item.index), item)
}

/// Removes one with its tasks.
pub(super) async fn remove(step: &mut Step, item: &TransferItem) -> Result<()> {
    step.delete(&way(&item.id));
    step.delete(&record(&item.transfer, item.index));
    step.drop_tasks_of(&Work::Transfer(item.id.clone())).await?;
    step.drop_tasks_of(&Work::Announce(item.id.clone())).await
}

/// The item, which has to be the same when the step is written.
async fn held(step: &mut Step, id: &TransferItemId) -> Result<TransferItem> {
    let missing = || Error::new(&codes::request::NOT_FOUND, format!("there is no transfer item {id}"));
    let Way { transfer, index } = step.peek(&way(id)).await?.ok_or_else(missing)?;
    if step.peek::<Transfer>(&start::record(&transfer)).await?.is_none() {
        return Err(missing());
    }
    step.get(&record(&transfer, index)).await?.ok_or_else(missing)
}

/// Loads, moves by [`TransferItem::apply`] and stores; counts one that ends off its transfer, with the tasks to announce
/// it.
pub(super) async fn apply(
    step: &mut Step,
    id: &TransferItemId,
    event: &ItemEvent,
    lease: Option<&Lease>,
    now: Timestamp,
) -> Result<TransferItem> {
    step.fence(lease, now).await?;
    let item = held(step, id).await?.apply(event, now)?;
    step.put(&record(&item.transfer, item.index), &item)?;
    if item.status.is_terminal() {
        let follow = count_off(step, &item, now).await?;
        step.enqueue(&follow).await?;
    }
    Ok(item)
}

/// One item less to wait for; the tasks that follow where the transfer is announced.
async fn count_off(step: &mut Step, item: &TransferItem, now: Timestamp) -> Result<Vec<NewTask>> {
    let key = start::record(&item.transfer);
    let before: Option<Transfer> = step.get(&key).await?;
    let before = before.ok_or_else(|| corrupt(format!("the transfer of item {} is gone", item.id)))?;
    let open = before.open.saturating_sub(1);
    let transfer = Transfer { open, finished_at: (open == 0).then_some(now), ..before };
    step.put(&key, &transfer)?;
    count::end(step, &transfer.id).await?;
    forget::note(step, &transfer)?;
    let task = |work| NewTask { work, run_at: now };
    let mut follow = Vec::new();
    if transfer.announced {
        follow.push(task(Work::Announce(item.id.clone())));
        if open == 0 {
            follow.push(task(Work::AnnounceTransfer(transfer.id)));
        }
    }
    Ok(follow)
}

/// Notes the size, once it is known, and how many bytes have come over.
pub(super) async fn progress(
    step: &mut Step,
    id: &TransferItemId,
    size: Option<u64>,
    bytes: u64,
    lease: &Lease,
    now: Timestamp,
) -> Result<()> {
    step.fence(Some(lease), now).await?;
    let item = held(step, id).await?;
    let item = TransferItem { size: size.or(item.size), bytes, ..item };
    step.put(&record(&item.transfer, item.index), &item)
}
