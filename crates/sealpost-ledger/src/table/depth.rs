//! How much waits: counted from the entries, without a scan.
//!
//! Ready or not is a matter of time, so no counter could say it. What is looked through is bounded: in one partition no more
//! than [`MOST`] entries are counted, and a longer line shows as that many.

use futures::future::try_join_all;
use jiff::Timestamp;
use sealpost_core::Result;
use sealpost_core::task::{QueueDepth, WorkKind};
use serde::de::IgnoredAny;

use super::dead::DEAD;
use super::lanes::{KINDS, Next, REST, TURN, has_lanes, partition};
use super::runs::{self, Run};
use super::tasks::{Entry, read_time, ready};
use super::{SkRange, TableLedger};
use crate::value::nanos;

/// Most entries that are counted in one partition.
const MOST: u32 = 5_000;

pub(super) async fn depth(ledger: &TableLedger, now: Timestamp) -> Result<QueueDepth> {
    let places = WorkKind::ALL.into_iter().filter(|kind| !has_lanes(*kind));
    let places = places.flat_map(|kind| (0..ledger.settings.shards).map(move |shard| ready(kind, shard)));
    let free = try_join_all(places.map(async |pk| {
        let entries = ledger.read_range::<Entry>(&pk, SkRange::All, false, MOST).await?;
        count(ledger, entries, 0, now).await
    }));
    let (free, lanes, dead) =
        futures::try_join!(free, lanes(ledger, now), ledger.read_range::<IgnoredAny>(DEAD, SkRange::All, true, MOST))?;
    let mut depth = QueueDepth { dead: dead.len() as u64, ..QueueDepth::default() };
    for part in free.into_iter().chain(lanes) {
        depth.ready += part.ready;
        depth.delayed += part.delayed;
        depth.leased += part.leased;
    }
    Ok(depth)
}

async fn lanes(ledger: &TableLedger, now: Timestamp) -> Result<Vec<QueueDepth>> {
    let (turn, rest) = futures::try_join!(
        ledger.read_range::<Next>(TURN, SkRange::All, false, MOST),
        ledger.read_range::<Next>(REST, SkRange::All, false, MOST),
    )?;
    // A lane that moved between the two looks counts once.
    let ids: std::collections::BTreeSet<String> =
        turn.into_iter().chain(rest).filter_map(|(sk, _)| Some(sk.split_once('#')?.1.to_owned())).collect();
    let lines = ids.iter().flat_map(|id| KINDS.into_iter().map(move |kind| (id, kind)));
    try_join_all(lines.map(async |(id, kind)| {
        let Ok(connector) = id.parse() else { return Ok(QueueDepth::default()) };
        let prefix = format!("{}#", kind.as_str());
        let range = SkRange::Prefix(prefix.clone());
        let entries = ledger.read_range::<Entry>(&partition(&connector), range, false, MOST).await?;
        count(ledger, entries, prefix.len(), now).await
    }))
    .await
}

async fn count(
    ledger: &TableLedger,
    entries: Vec<(String, Entry)>,
    prefix: usize,
    now: Timestamp,
) -> Result<QueueDepth> {
    let mut depth = QueueDepth::default();
    for (sk, entry) in entries {
        let is_ready = read_time(sk.get(prefix..).unwrap_or_default())? <= nanos(now);
        let (number, leased) = match entry {
            Entry::Task { leased, .. } => (1, leased),
            Entry::Run { subject } => {
                let run: Option<Run> = ledger.read(&runs::key(&subject)).await?;
                (run.map_or(0, |run| run.remaining()), false)
            }
        };
        match (is_ready, leased) {
            (true, _) => depth.ready += number,
            (false, false) => depth.delayed += number,
            (false, true) => depth.leased += number,
        }
    }
    Ok(depth)
}
