//! Starting a transfer: token, limit, transfer, items and tasks together.
//!
//! A few items are one write. Of many, the rows are written first, in several writes, where nobody finds them: an item is
//! found only where its transfer is there. The last write makes the transfer and hands its tasks to the queue as one.

use jiff::Timestamp;
use sealpost_core::error::codes;
use sealpost_core::id::{TransferId, TransferItemId};
use sealpost_core::transfer::{NewTransfer, StartedTransfer, Transfer, TransferItem};
use sealpost_core::{Error, Result};

use super::super::step::step;
use super::super::{Key, Step, TableLedger};
use super::{count, forget, items, staged, token};

/// Most items of which everything is one write.
const AT_ONCE: usize = 40;
/// Items written at once where there are more.
const ROWS_AT_ONCE: usize = 45;

/// The partition of a transfer and its items.
pub(super) fn partition(id: &TransferId) -> String {
    format!("transfer#{id}")
}

pub(super) fn record(id: &TransferId) -> Key {
    Key::new(partition(id), "record")
}

pub(super) async fn start(ledger: &TableLedger, new: &NewTransfer) -> Result<StartedTransfer> {
    let items = new.items();
    if items.len() <= AT_ONCE { small(ledger, new, &items).await } else { large(ledger, new, &items).await }
}

async fn small(ledger: &TableLedger, new: &NewTransfer, items: &[TransferItem]) -> Result<StartedTransfer> {
    step!(ledger, |step| {
        if let Some(before) = admit(step, new, items.len()).await? {
            return Ok(StartedTransfer::Replayed(before));
        }
        for item in items {
            items::insert(step, item)?;
        }
        Ok(StartedTransfer::New(create(step, new, items).await?))
    })
}

async fn large(ledger: &TableLedger, new: &NewTransfer, items: &[TransferItem]) -> Result<StartedTransfer> {
    // What is refused, or was started before, leaves no rows.
    if let Some(before) = step!(ledger, |step| admit(step, new, items.len()).await)? {
        return Ok(StartedTransfer::Replayed(before));
    }
    let id = &new.transfer.id;
    staged::tidy(ledger, Timestamp::now()).await;
    staged::begin(ledger, id, Timestamp::now()).await?;
    for some in items.chunks(ROWS_AT_ONCE) {
        step!(ledger, |step| some.iter().try_for_each(|item| items::insert(step, item)))?;
    }
    let started = step!(ledger, |step| {
        if let Some(before) = admit(step, new, items.len()).await? {
            return Ok(StartedTransfer::Replayed(before));
        }
        staged::end(step, id).await?;
        Ok(StartedTransfer::New(create(step, new, items).await?))
    });
    match started {
        Ok(StartedTransfer::New(_)) => {}
        Ok(StartedTransfer::Replayed(_)) => staged::give_up(ledger, id).await?,
        // It may have been written all the same: then nothing is given up.
        Err(_) => staged::tidied(staged::give_up(ledger, id).await),
    }
    started
}

/// Whether so many items may join those that are open; or the transfer that the same token and request started before.
async fn admit(step: &mut Step, new: &NewTransfer, asked: usize) -> Result<Option<Transfer>> {
    if let Some((token, sha256)) = &new.idempotency {
        let Transfer { caller, created_at, .. } = &new.transfer;
        let before = token::before(step, caller, (token, sha256), *created_at).await?;
        if before.is_some() {
            return Ok(before);
        }
    }
    let open = count::open(step).await?;
    if open.saturating_add(asked as u64) > u64::from(new.queue_limit) {
        let detail = format!(
            "{open} files of transfers have not ended and {asked} were to join them; the limit is {}",
            new.queue_limit
        );
        return Err(Error::new(&codes::request::TOO_MANY_ACTIVE, detail));
    }
    Ok(None)
}

/// Makes the transfer and hands its tasks to the queue.
async fn create(step: &mut Step, new: &NewTransfer, items: &[TransferItem]) -> Result<Transfer> {
    let number = u32::try_from(items.len()).unwrap_or(u32::MAX);
    // One without items has nothing to wait for.
    let finished_at = items.is_empty().then_some(new.transfer.created_at);
    let transfer = Transfer { items: number, open: number, finished_at, ..new.transfer.clone() };
    step.create(&record(&transfer.id), &transfer)?;
    forget::note(step, &transfer)?;
    count::start(step, u64::from(number)).await?;
    if let Some((token, sha256)) = &new.idempotency {
        token::remember(step, &transfer, token, sha256)?;
    }
    step.set_first_limit(&transfer.connector, new.connections).await?;
    let ids: Vec<TransferItemId> = items.iter().map(|item| item.id.clone()).collect();
    step.enqueue_run(&transfer.id, &transfer.connector, &ids, transfer.created_at).await?;
    Ok(transfer)
}
