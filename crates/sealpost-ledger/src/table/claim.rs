//! Claiming: the task that has waited longest among those without a lane and those of the lane whose turn it is.
//!
//! A look finds the candidate, a step claims it. Who comes too late looks again, and after that a little further down the
//! line: many processes that claim at once would all reach for the same task. Within a process, claims take turns.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::try_join_all;
use jiff::Timestamp;
use sealpost_core::Result;
use sealpost_core::id::{ConnectorId, TaskId};
use sealpost_core::task::{Lease, WorkKind};

use super::lanes::{KINDS, Next, REST, TURN, has_lanes, partition};
use super::step::Tries;
use super::tasks::{Entry, Task, key, read_time, ready, time};
use super::{Item, Key, SkRange, Step, Table, TableLedger, value};
use crate::value::{corrupt, later, nanos};

/// Lanes of one look at those in turn.
const PAGE: u32 = 25;
/// How far down the line someone looks who comes too late again and again.
const FURTHEST: u32 = 8;
/// How often lanes whose time has come are tried that somebody holds, where there are no others.
const ROUNDS: u32 = 3;

/// A task that may be claimed.
struct Found {
    /// Decides which of two has waited longer.
    order: String,
    what: Candidate,
}

enum Candidate {
    /// One without a lane, by its entry, which stands at this place.
    Task(TaskId, Entry, Key),
    /// The first of this lane.
    Lane(ConnectorId),
}

/// What came of a candidate.
enum Taken {
    Lease(Lease),
    /// Nothing. What led to it said more than there is, and has been put right.
    PutRight,
    /// Nothing: somebody was faster.
    TooLate,
}

pub(super) async fn claim(ledger: &TableLedger, kinds: &[WorkKind], lease: Duration) -> Result<Option<Lease>> {
    let _alone = ledger.claiming.lock().await;
    let mut tries = Tries::of(ledger);
    let mut put_right = BTreeSet::new();
    loop {
        let now = Timestamp::now();
        let Some(found) = look(ledger, kinds, nanos(now), tries.failed()).await? else { return Ok(None) };
        let until = later(now, lease);
        let mut step = tries.begin();
        let (taken, lane) = match found.what {
            Candidate::Task(id, entry, place) => (take(&mut step, &id, &entry, &place, until).await, None),
            Candidate::Lane(connector) => {
                let claimed = take_of_lane(&mut step, &connector, kinds, now, until).await;
                (claimed.map(|lease| lease.map_or(Taken::PutRight, Taken::Lease)), Some(connector))
            }
        };
        match tries.end(step, taken).await? {
            Some(Taken::Lease(lease)) => return Ok(Some(lease)),
            // Nobody was met, and there is an end to what has to be put right: an entry is gone then, and a lane counts once.
            Some(Taken::PutRight) if lane.is_none_or(|lane| put_right.insert(lane)) => {}
            Some(Taken::PutRight | Taken::TooLate) => tries.again().await?,
            None => {}
        }
    }
}

/// The candidate. After `late` conflicts, one of the first few.
async fn look(ledger: &TableLedger, kinds: &[WorkKind], now: i64, late: u32) -> Result<Option<Found>> {
    let laned: Vec<WorkKind> = KINDS.into_iter().filter(|kind| kinds.contains(kind)).collect();
    let (free, lane) =
        futures::try_join!(without_lane(ledger, kinds, now, late), of_a_lane(ledger, &laned, now, late))?;
    Ok([free, lane].into_iter().flatten().min_by(|one, other| one.order.cmp(&other.order)))
}

async fn without_lane(ledger: &TableLedger, kinds: &[WorkKind], now: i64, late: u32) -> Result<Option<Found>> {
    let places = WorkKind::ALL.into_iter().filter(|kind| kinds.contains(kind) && !has_lanes(*kind));
    let places = places.flat_map(|kind| (0..ledger.settings.shards).map(move |shard| ready(kind, shard)));
    let limit = 1 + late.min(FURTHEST);
    let heads = try_join_all(places.map(async |pk| {
        let range = SkRange::UpTo(format!("{}~", time(now)));
        ledger.table.query(&pk, range, false, limit).await
    }));
    let mut all: Vec<Item> = heads.await?.into_iter().flatten().collect();
    all.sort_by(|one, other| one.key.sk.cmp(&other.key.sk));
    all.truncate(limit as usize);
    if all.is_empty() {
        return Ok(None);
    }
    let item = all.swap_remove(rand::random_range(0..all.len()));
    let (entry, order) = (value(&item)?, item.key.sk.clone());
    let id = order.rsplit('#').next().unwrap_or_default();
    let id = id.parse().map_err(|_| corrupt(format!("`{id}` is no task's id")))?;
    Ok(Some(Found { order, what: Candidate::Task(id, entry, item.key) }))
}

/// The first task of the lane whose turn it is.
async fn of_a_lane(ledger: &TableLedger, kinds: &[WorkKind], now: i64, late: u32) -> Result<Option<Found>> {
    if kinds.is_empty() {
        return Ok(None);
    }
    let mut met = 0;
    loop {
        let (rested, turn) = futures::try_join!(
            ledger.read_range::<Next>(REST, SkRange::UpTo(format!("{}~", time(now))), false, PAGE),
            in_turn(ledger, kinds, now, late),
        )?;
        if rested.is_empty() || met == ROUNDS || (met > 0 && turn.is_some()) {
            let Some(connector) = turn else { return Ok(None) };
            let heads = try_join_all(kinds.iter().map(async |kind| heads(&*ledger.table, &connector, *kind, 1).await));
            let order = heads.await?.into_iter().flatten().map(|head| head.order).min();
            // An empty order comes first: the lane is put right by the claim.
            return Ok(Some(Found { order: order.unwrap_or_default(), what: Candidate::Lane(connector) }));
        }
        // Their time has come: they take their turn among the others. Whoever else does that at the same time has done it,
        // or is a machine that is gone and holds its locks for a while. The turn goes on without such a lane.
        let moved = try_join_all(rested.into_iter().map(async |(sk, _)| {
            let connector = connector(&sk)?;
            let mut step = Step::new(ledger);
            step.lane(&connector).await?;
            step.commit().await.map(|rings| rings.is_some())
        }));
        met += u32::from(moved.await?.contains(&false));
    }
}

/// The lane served longest ago from which a task of these kinds may be claimed.
async fn in_turn(ledger: &TableLedger, kinds: &[WorkKind], now: i64, late: u32) -> Result<Option<ConnectorId>> {
    let mut range = SkRange::All;
    let most = 1 + late.min(FURTHEST) as usize;
    let mut found = Vec::new();
    loop {
        let page: Vec<(String, Next)> = ledger.read_range(TURN, range, false, PAGE).await?;
        let wanted = |next: &Next| kinds.iter().any(|kind| next.get(kind).is_some_and(|from| *from <= now));
        found.extend(page.iter().filter(|(_, next)| wanted(next)).map(|(sk, _)| sk.clone()).take(most - found.len()));
        match page.last() {
            Some((last, _)) if found.len() < most && page.len() == PAGE as usize => {
                range = SkRange::After(last.clone())
            }
            _ => break,
        }
    }
    if found.is_empty() {
        return Ok(None);
    }
    connector(&found.swap_remove(rand::random_range(0..found.len()))).map(Some)
}

fn connector(sk: &str) -> Result<ConnectorId> {
    let id = sk.split_once('#').map(|(_, id)| id).unwrap_or_default();
    id.parse().map_err(|_| corrupt(format!("`{sk}` names no connector")))
}

/// The beginning of a lane's line, for one kind.
struct Head {
    kind: WorkKind,
    /// Time and place, without the kind.
    order: String,
    entry: Entry,
}

async fn heads(table: &dyn Table, connector: &ConnectorId, kind: WorkKind, limit: u32) -> Result<Vec<Head>> {
    let prefix = format!("{}#", kind.as_str());
    let range = SkRange::Prefix(prefix.clone());
    let found = table.query(&partition(connector), range, false, limit).await?;
    let head = |item: Item| {
        let order = item.key.sk.strip_prefix(&prefix).unwrap_or_default().to_owned();
        Ok(Head { kind, order, entry: value(&item)? })
    };
    found.into_iter().map(head).collect()
}

/// Claims a task without a lane, which is not always as its entry says. The entry may stand elsewhere than the task's newest
/// one would, or may have been left behind: whoever has another number of shards writes to other places.
async fn take(step: &mut Step, id: &TaskId, entry: &Entry, place: &Key, until: Timestamp) -> Result<Taken> {
    let Entry::Task { work, .. } = entry else { return Err(corrupt(format!("{id} is a run without a lane"))) };
    let task: Option<Task> = step.get(&key(work, id)).await?;
    let task = task.filter(|task| task.buried_at.is_none());
    if let Some(before) = task.as_ref().filter(|task| task.ready_at <= nanos(Timestamp::now())) {
        step.delete(place);
        return lease(step, id, Some(before), before, until).await.map(Taken::Lease);
    }
    // By the order alone: in which of the shards its own entry stands, only the one who wrote it knows.
    let shards = step.settings.shards;
    let is_its_own = task.is_some_and(|task| task.entry_key(id, shards).sk == place.sk);
    // Whoever was faster has removed the entry. One that is still there after the task was read, both under guard, was left
    // behind.
    if is_its_own || step.get::<Entry>(place).await?.is_none() {
        return Ok(Taken::TooLate);
    }
    step.delete(place);
    Ok(Taken::PutRight)
}

/// Claims the first task of a lane that is ready. `None` where there is none or no room; the lane says so afterwards.
async fn take_of_lane(
    step: &mut Step,
    connector: &ConnectorId,
    kinds: &[WorkKind],
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<Lease>> {
    step.lane(connector).await?;
    let mut first: Option<(Head, Option<i64>)> = None;
    for kind in KINDS.into_iter().filter(|kind| kinds.contains(kind)) {
        let mut line = heads(&*step.table, connector, kind, 2).await?.into_iter();
        let (head, second) = (line.next(), line.next());
        let time_of = |head: &Head| read_time(&head.order);
        let next = head.as_ref().map(time_of).transpose()?;
        let second = second.as_ref().map(time_of).transpose()?;
        step.lane(connector).await?.set_next(kind, next);
        let Some(head) = head.filter(|_| next.is_some_and(|next| next <= nanos(now))) else { continue };
        if first.as_ref().is_none_or(|(first, _)| head.order < first.order) {
            first = Some((head, second));
        }
    }
    let Some((first, second)) = first else { return Ok(None) };
    let lane = step.lane(connector).await?;
    if !lane.has_room(nanos(now)) {
        return Ok(None);
    }
    lane.served = nanos(now).max(lane.served.saturating_add(1));
    match first.entry {
        Entry::Task { work, .. } => {
            let id = first.order.rsplit('#').next().unwrap_or_default();
            let id: TaskId = id.parse().map_err(|_| corrupt(format!("`{id}` is no task's id")))?;
            let Some(before) = step.get::<Task>(&key(&work, &id)).await? else { return Ok(None) };
            step.lane(connector).await?.set_next(first.kind, second);
            lease(step, &id, Some(&before), &before, until).await.map(Some)
        }
        Entry::Run { subject } => {
            let (id, task, more) = step.next_of_run(&subject).await?;
            if !more {
                step.lane(connector).await?.set_next(first.kind, second);
            }
            lease(step, &id, None, &task, until).await.map(Some)
        }
    }
}

async fn lease(step: &mut Step, id: &TaskId, before: Option<&Task>, task: &Task, until: Timestamp) -> Result<Lease> {
    let epoch = task.epoch.saturating_add(1);
    let after = Task { epoch, leased: true, ready_at: nanos(until), ..task.clone() };
    step.set_task(id, &after, before).await?;
    Ok(Lease { task: id.clone(), work: after.work, epoch, until })
}

#[cfg(test)]
mod tests;
