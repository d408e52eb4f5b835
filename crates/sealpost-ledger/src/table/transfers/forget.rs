//! Transfers whose results are no longer kept.

use jiff::{SignedDuration, Timestamp};
use sealpost_core::Result;
use sealpost_core::id::TransferId;
use sealpost_core::task::Work;
use sealpost_core::transfer::{RESULTS_KEPT_DAYS, Transfer, TransferItem};

use super::super::step::step;
use super::super::{Key, SkRange, Step, TableLedger, pages};
use super::{items, start};

/// Old transfers removed with each new one: more than one, so that they run out; few, so that no start waits for them.
const FORGOTTEN_AT_ONCE: u32 = 2;
/// Items that go in one step, each with its tasks: up to twelve writes each.
const ITEMS_AT_ONCE: u32 = 7;

/// The list of transfers that have ended, by their end. An entry stays until all of its transfer is gone: who comes next
/// after a crash goes on.
const ENDED: &str = "transfers-ended";

/// Notes when a transfer has ended.
pub(super) fn note(step: &mut Step, transfer: &Transfer) -> Result<()> {
    match transfer.finished_at {
        Some(end) => step.put(&Key::new(ENDED, pages::place(end, transfer.id.as_str())), &transfer.id),
        None => Ok(()),
    }
}

/// Removes a few. A start is a start, whatever comes of this; the next one tries again.
pub(super) async fn some(ledger: &TableLedger, now: Timestamp) {
    if let Err(error) = old(ledger, now).await {
        tracing::warn!(%error, "old transfers could not be removed");
    }
}

async fn old(ledger: &TableLedger, now: Timestamp) -> Result<()> {
    let kept = now.checked_sub(SignedDuration::from_hours(24 * RESULTS_KEPT_DAYS)).unwrap_or(Timestamp::MIN);
    let until = SkRange::UpTo(pages::place(kept, "~"));
    let ended: Vec<(String, TransferId)> = ledger.read_range(ENDED, until, false, FORGOTTEN_AT_ONCE).await?;
    for (place, id) in ended {
        // From here on nothing of it is found.
        step!(ledger, |step| {
            step.delete(&start::record(&id));
            step.drop_run(&id).await?;
            step.drop_tasks_of(&Work::AnnounceTransfer(id.clone())).await
        })?;
        rows(ledger, &id).await?;
        step!(ledger, |step| {
            step.delete(&Key::new(ENDED, place.clone()));
            Ok(())
        })?;
    }
    Ok(())
}

/// Removes the items of a transfer that is not there.
pub(super) async fn rows(ledger: &TableLedger, id: &TransferId) -> Result<()> {
    let range = SkRange::Prefix(items::PREFIX.to_owned());
    loop {
        let some: Vec<(String, TransferItem)> =
            ledger.read_range(&start::partition(id), range.clone(), false, ITEMS_AT_ONCE).await?;
        if some.is_empty() {
            return Ok(());
        }
        step!(ledger, |step| {
            for (_, item) in &some {
                items::remove(step, item).await?;
            }
            Ok(())
        })?;
    }
}
