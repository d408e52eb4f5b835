//! Rows of transfers that are not there yet. An entry says so until the transfer is there, in the same write, or its rows
//! are gone: what a crash leaves behind is removed by a later start.

use jiff::{SignedDuration, Timestamp};
use sealpost_core::error::codes;
use sealpost_core::id::TransferId;
use sealpost_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::super::step::step;
use super::super::{Key, SkRange, Step, TableLedger};
use super::forget;

/// After so long, whoever began has died.
const GIVEN_UP_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// Entries looked at by one start.
const LOOKED_AT: u32 = 5;

const LIST: &str = "transfers-staged";

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Staged {
    id: TransferId,
    at: Timestamp,
    /// Somebody removes its rows: it can't be there any more.
    given_up: bool,
}

fn key(id: &TransferId) -> Key {
    Key::new(LIST, id.as_str())
}

pub(super) async fn begin(ledger: &TableLedger, id: &TransferId, at: Timestamp) -> Result<()> {
    step!(ledger, |step| step.create(&key(id), &Staged { id: id.clone(), at, given_up: false }))
}

/// The step makes the transfer, unless it was given up meanwhile.
pub(super) async fn end(step: &mut Step, id: &TransferId) -> Result<()> {
    match step.get::<Staged>(&key(id)).await? {
        Some(Staged { given_up: false, .. }) => {
            step.delete(&key(id));
            Ok(())
        }
        _ => Err(Error::new(&codes::ledger::CONTENDED, format!("it took too long to start transfer {id}"))),
    }
}

/// Removes the rows, unless the transfer is there.
pub(super) async fn give_up(ledger: &TableLedger, id: &TransferId) -> Result<()> {
    let is_given_up = step!(ledger, |step| {
        let Some(staged) = step.get::<Staged>(&key(id)).await? else { return Ok(false) };
        step.put(&key(id), &Staged { given_up: true, ..staged })?;
        Ok(true)
    })?;
    if is_given_up {
        forget::rows(ledger, id).await?;
        step!(ledger, |step| {
            step.delete(&key(id));
            Ok(())
        })?;
    }
    Ok(())
}

/// Gives up what others have left behind.
pub(super) async fn tidy(ledger: &TableLedger, now: Timestamp) {
    tidied(old(ledger, now).await);
}

/// A start is a start, whatever comes of tidying up; a later one tries again.
pub(super) fn tidied(outcome: Result<()>) {
    if let Err(error) = outcome {
        tracing::warn!(%error, "rows of a transfer that was never started could not be removed");
    }
}

async fn old(ledger: &TableLedger, now: Timestamp) -> Result<()> {
    let began_before = now.checked_sub(GIVEN_UP_AFTER).unwrap_or(Timestamp::MIN);
    let staged: Vec<(String, Staged)> = ledger.read_range(LIST, SkRange::All, false, LOOKED_AT).await?;
    for (_, one) in staged {
        if one.given_up || one.at < began_before {
            give_up(ledger, &one.id).await?;
        }
    }
    Ok(())
}
