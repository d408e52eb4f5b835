//! How many items of transfers are open: begun or waiting, of all connectors together.
//!
//! Two counters, because they are written by different people. Starts write how many were ever started, one after the
//! other, so that the limit is exact. Ends write how many have ended, in several items, so that files that end at once
//! don't wait for each other, nor a start for them: the number of ended only grows, so what a start has read of it is never
//! too many.

use sealpost_core::Result;
use sealpost_core::id::TransferId;

use super::super::{Key, SkRange, Step, shards};

const LIST: &str = "items-ended";

fn started() -> Key {
    Key::new("count", "items-started")
}

/// All of them in one partition: a start reads them in one go.
fn ended(transfer: &TransferId) -> Key {
    Key::new(LIST, shards::of(LIST, transfer.as_str()))
}

/// How many are open, at most, as long as the step holds.
pub(super) async fn open(step: &mut Step) -> Result<u64> {
    let started: u64 = step.get(&started()).await?.unwrap_or_default();
    let ended: Vec<(String, u64)> = step.range(LIST, SkRange::All, false, 1_000).await?;
    Ok(started.saturating_sub(ended.into_iter().map(|(_, ended)| ended).sum()))
}

/// Counts so many that are started.
pub(super) async fn start(step: &mut Step, items: u64) -> Result<()> {
    let before: u64 = step.get(&started()).await?.unwrap_or_default();
    step.put(&started(), &(before + items))
}

/// Counts one that has ended.
pub(super) async fn end(step: &mut Step, transfer: &TransferId) -> Result<()> {
    let key = ended(transfer);
    let before: u64 = step.get(&key).await?.unwrap_or_default();
    step.put(&key, &(before + 1))
}
