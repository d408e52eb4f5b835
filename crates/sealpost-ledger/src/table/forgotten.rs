//! What is ready and has waited so long that its bell may have been lost.

use futures::future::try_join_all;
use jiff::{SignedDuration, Timestamp};
use sealpost_core::Result;
use sealpost_core::task::WorkKind;

use super::lanes::{KINDS, Next, REST, TURN, has_lanes};
use super::tasks::{Entry, ready, time};
use super::{Ring, SkRange, TableLedger};
use crate::value::nanos;

/// A bell that was heard has brought somebody by then.
const PATIENCE: SignedDuration = SignedDuration::from_mins(1);
/// Most bells of one kind and shard at once: each brings one who claims what is next, and the next sweep rings again.
const MOST: u32 = 50;

/// A bell for each task without a lane that has been ready for a minute, and for each lane that may give something.
pub(super) async fn forgotten(ledger: &TableLedger, now: Timestamp) -> Result<Vec<Ring>> {
    let until = now.checked_sub(PATIENCE).unwrap_or(Timestamp::MIN);
    let places = WorkKind::ALL.into_iter().filter(|kind| !has_lanes(*kind));
    let places = places.flat_map(|kind| (0..ledger.settings.shards).map(move |shard| (kind, ready(kind, shard))));
    let free = try_join_all(places.map(async |(kind, pk)| {
        let range = SkRange::UpTo(format!("{}~", time(nanos(until))));
        let entries = ledger.read_range::<Entry>(&pk, range, false, MOST).await?;
        Ok::<_, sealpost_core::Error>(entries.into_iter().map(move |_| Ring { kind, at: now }))
    }));
    let lanes = try_join_all([TURN, REST].map(async |pk| {
        let range = if pk == REST { SkRange::UpTo(format!("{}~", time(nanos(until)))) } else { SkRange::All };
        ledger.read_range::<Next>(pk, range, false, MOST).await
    }));
    let (free, lanes) = futures::try_join!(free, lanes)?;
    let mut rings: Vec<Ring> = free.into_iter().flatten().collect();
    for (_, next) in lanes.into_iter().flatten() {
        let ready = |kind: &WorkKind| next.get(kind).is_some_and(|from| *from <= nanos(until));
        rings.extend(KINDS.into_iter().filter(ready).map(|kind| Ring { kind, at: now }));
    }
    Ok(rings)
}
