//! The port `UsageMeter`: counters per partner and calendar window, one item each, whose version makes them exact.

use async_trait::async_trait;
use futures::future::try_join_all;
use jiff::{SignedDuration, Timestamp};
use sealpost_core::Result;
use sealpost_core::id::PartnerId;
use sealpost_core::port::{Reserved, UsageMeter};
use sealpost_core::usage::UsageWindow;
use serde::{Deserialize, Serialize};

use super::step::step;
use super::{Key, SkRange, Step, TableLedger, pages, partners, shards};

/// How much longer than its window a counter is kept, at least: what was reserved may be given back a little later.
const SLACK: SignedDuration = SignedDuration::from_hours(48);
/// Counters that are forgotten in one step.
const FORGOTTEN_AT_ONCE: u32 = 40;
/// What the sort keys of a partner's counters begin with.
pub(super) const PREFIX: &str = "usage#";

/// The list of all counters by the end of their window.
const ENDS: &str = "usage-ends";

/// A counter, and where it stands in the list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Counter {
    reserved: u64,
    end: Timestamp,
}

/// What stands in the list: whose counter of which window.
#[derive(Serialize, Deserialize)]
struct Ending {
    partner: PartnerId,
    counter: String,
}

fn name(window: &UsageWindow) -> String {
    format!("{PREFIX}{}#{}", window.period.as_str(), window.start)
}

fn key(partner: &PartnerId, counter: &str) -> Key {
    Key::new(partners::partition(partner), counter)
}

fn ending(partner: &PartnerId, counter: &str, end: Timestamp) -> Key {
    Key::new(shards::of(ENDS, partner.as_str()), pages::place(end, &format!("{partner}#{counter}")))
}

#[async_trait]
impl UsageMeter for TableLedger {
    async fn reserve(&self, partner: &PartnerId, window: &UsageWindow, amount: u64, limit: u64) -> Result<Reserved> {
        step!(self, |step| reserve(step, partner, window, amount, limit).await)
    }

    async fn give_back(&self, partner: &PartnerId, window: &UsageWindow, amount: u64) -> Result<()> {
        step!(self, |step| {
            let Some(mut counter) = step.get::<Counter>(&key(partner, &name(window))).await? else { return Ok(()) };
            counter.reserved = counter.reserved.saturating_sub(amount);
            store(step, partner, window, &counter)
        })
    }

    async fn reserved(&self, partner: &PartnerId, window: &UsageWindow) -> Result<u64> {
        let counter: Option<Counter> = self.read(&key(partner, &name(window))).await?;
        Ok(counter.map_or(0, |counter| counter.reserved))
    }

    async fn forget_before(&self, time: Timestamp) -> Result<()> {
        try_join_all(shards::all(ENDS).iter().map(|list| self.forget_counters(list, time))).await?;
        Ok(())
    }
}

async fn reserve(
    step: &mut Step,
    partner: &PartnerId,
    window: &UsageWindow,
    amount: u64,
    limit: u64,
) -> Result<Reserved> {
    let name = name(window);
    let found = step.get::<Counter>(&key(partner, &name)).await?;
    let is_new = found.is_none();
    let mut counter = found.unwrap_or(Counter { reserved: 0, end: window.end });
    let granted = amount.min(limit.saturating_sub(counter.reserved));
    if granted > 0 {
        counter.reserved = counter.reserved.saturating_add(granted);
        store(step, partner, window, &counter)?;
        if is_new {
            let listed = Ending { partner: partner.clone(), counter: name.clone() };
            step.put_until(&ending(partner, &name, window.end), &listed, kept_until(window.end))?;
        }
    }
    Ok(Reserved { granted, total: counter.reserved })
}

fn store(step: &mut Step, partner: &PartnerId, window: &UsageWindow, counter: &Counter) -> Result<()> {
    step.put_until(&key(partner, &name(window)), counter, kept_until(window.end))
}

/// Never in the past: a window that has ended may still be counted in by a clock that is behind.
fn kept_until(end: Timestamp) -> i64 {
    end.max(Timestamp::now()).checked_add(SLACK).unwrap_or(Timestamp::MAX).as_second()
}

/// Removes a counter of a partner that is gone.
pub(super) fn remove(step: &mut Step, partner: &PartnerId, name: &str, counter: &Counter) {
    step.delete(&key(partner, name));
    step.delete(&ending(partner, name, counter.end));
}

impl TableLedger {
    async fn forget_counters(&self, list: &str, time: Timestamp) -> Result<()> {
        // Up to this time, and with it: no text of a place begins with more than its time and `#`.
        let until = SkRange::UpTo(pages::place(time, "~"));
        loop {
            let ended: Vec<(String, Ending)> = self.read_range(list, until.clone(), false, FORGOTTEN_AT_ONCE).await?;
            if ended.is_empty() {
                return Ok(());
            }
            step!(self, |step| {
                for (place, Ending { partner, counter }) in &ended {
                    step.delete(&key(partner, counter));
                    step.delete(&Key::new(list, place.clone()));
                }
                Ok(())
            })?;
        }
    }
}
