//! Lanes: the tasks that go to one connector take turns with those that go to others, and only so many of them are leased
//! at once.
//!
//! The item of a lane says all that decides about it, and every step that touches one of its tasks writes it: so two of
//! them meet, and a claim never gives more than there is room for. Once a step is done with a lane, the lane stands in
//! `turn`, if something may be claimed from it, or in `rest`, until the time from which that may be so.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sealpost_core::Result;
use sealpost_core::id::{ConnectorId, TaskId};
use sealpost_core::task::WorkKind;
use serde::{Deserialize, Serialize};

use super::tasks::time;
use super::{Key, Step};
use crate::value::nanos;

/// Lanes from which something may be claimed.
pub(super) const TURN: &str = "turn";
/// Lanes from which nothing may be claimed until a time.
pub(super) const REST: &str = "rest";
/// The kinds of tasks that have lanes.
pub(super) const KINDS: [WorkKind; 2] = [WorkKind::Deliver, WorkKind::Transfer];
/// As many as a connector has that says nothing.
const CAPACITY: u32 = 2;
/// How long a lane that nobody has and nothing stands in is remembered.
const KEPT_S: i64 = 30 * 24 * 3600;

/// A lane as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Lane {
    /// How many tasks may be leased at once.
    pub(super) capacity: u32,
    /// Whether its connector is there.
    owned: bool,
    /// When it was served last, in nanoseconds since 1970, and after each claim more than before.
    pub(super) served: i64,
    /// How many tasks it has, of any state.
    pub(super) tasks: u64,
    /// The ends of the leases.
    pub(super) leases: BTreeMap<TaskId, i64>,
    /// For each kind that it has tasks of, a time before which none of them is ready.
    next: BTreeMap<WorkKind, i64>,
    /// Where it stands.
    stands: Option<Standing>,
}

/// The place of a lane among the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Standing {
    pk: String,
    sk: String,
    next: BTreeMap<WorkKind, i64>,
}

impl Standing {
    fn key(&self) -> Key {
        Key::new(&*self.pk, &*self.sk)
    }
}

/// What an item of `turn` or `rest` says about its lane: for each kind, a time before which no task is ready.
pub(super) type Next = BTreeMap<WorkKind, i64>;

/// The partition of a lane and its tasks.
pub(super) fn partition(connector: &ConnectorId) -> String {
    format!("lane#{connector}")
}

/// Where a lane is.
pub(super) fn key(connector: &ConnectorId) -> Key {
    Key::new(partition(connector), "lane")
}

/// Whether tasks of this kind have a lane.
pub(super) fn has_lanes(kind: WorkKind) -> bool {
    KINDS.contains(&kind)
}

impl Default for Lane {
    fn default() -> Self {
        Self {
            capacity: CAPACITY,
            owned: false,
            served: 0,
            tasks: 0,
            leases: BTreeMap::new(),
            next: BTreeMap::new(),
            stands: None,
        }
    }
}

impl Lane {
    /// A task of this kind may be ready from this time on.
    pub(super) fn expect(&mut self, kind: WorkKind, ready_at: i64) {
        let next = self.next.entry(kind).or_insert(ready_at);
        *next = ready_at.min(*next);
    }

    /// The first task of this kind is ready at this time; or there is none.
    pub(super) fn set_next(&mut self, kind: WorkKind, ready_at: Option<i64>) {
        match ready_at {
            Some(ready_at) => drop(self.next.insert(kind, ready_at)),
            None => drop(self.next.remove(&kind)),
        }
    }

    /// The kinds of which a task that nobody has may be ready at `now`.
    pub(super) fn waiting(&self, now: i64) -> impl Iterator<Item = WorkKind> {
        let held = self.leases.values().filter(|until| **until > now).count();
        let is_waited = self.tasks > held as u64;
        self.next.iter().filter(move |(_, from)| is_waited && **from <= now).map(|(kind, _)| *kind)
    }

    /// Whether one more may be leased at `now`.
    pub(super) fn has_room(&self, now: i64) -> bool {
        let held = self.leases.values().filter(|until| **until > now).count();
        held < self.capacity as usize
    }

    /// From when on something may be claimed, if it has tasks.
    fn from(&self, now: i64) -> Option<i64> {
        let next = *self.next.values().min()?;
        let mut held: Vec<i64> = self.leases.values().copied().filter(|until| *until > now).collect();
        held.sort_unstable();
        // With so many leases fewer, there is room.
        let too_many = (held.len() + 1).saturating_sub(self.capacity as usize);
        let room = too_many.checked_sub(1).and_then(|last| held.get(last)).copied().unwrap_or(now);
        Some(next.max(room))
    }

    fn standing(&self, connector: &ConnectorId, now: i64) -> Option<Standing> {
        let from = self.from(now)?;
        let (pk, at) = if from <= now { (TURN, self.served) } else { (REST, from) };
        Some(Standing { pk: pk.to_owned(), sk: format!("{}#{connector}", time(at)), next: self.next.clone() })
    }

    /// What is to be written: the lane with its new standing, and the standing that it leaves.
    fn settle(&mut self, connector: &ConnectorId, now: i64) -> (Option<Key>, Option<(Key, Next)>) {
        self.leases.retain(|_, until| *until > now);
        if self.tasks == 0 {
            self.next.clear();
        }
        let after = self.standing(connector, now);
        if after == self.stands {
            return (None, None);
        }
        let before = std::mem::replace(&mut self.stands, after);
        let new = self.stands.as_ref().map(|stands| (stands.key(), stands.next.clone()));
        let left = before.map(|stands| stands.key()).filter(|key| new.as_ref().is_none_or(|(new, _)| new != key));
        (left, new)
    }
}

impl Step {
    /// A lane under guard, to be changed; it is written at the step's end.
    pub(super) async fn lane(&mut self, connector: &ConnectorId) -> Result<&mut Lane> {
        if !self.lanes.contains_key(connector) {
            let found: Option<Lane> = self.get(&key(connector)).await?;
            self.lanes.insert(connector.clone(), found.unwrap_or_default());
        }
        Ok(self.lanes.entry(connector.clone()).or_default())
    }

    /// Sets how many of a connector's tasks may be leased at once, when the connector is put or edited. With none at all, they
    /// would wait forever.
    pub(crate) async fn set_limit(&mut self, connector: &ConnectorId, limit: u32) -> Result<()> {
        let lane = self.lane(connector).await?;
        let grows = limit > lane.capacity;
        (lane.capacity, lane.owned) = (limit.max(1), true);
        if grows { self.place_is_free(connector).await } else { Ok(()) }
    }

    /// The same for a transfer that starts, where its connector is not there: of one that is, the limit is known.
    pub(crate) async fn set_first_limit(&mut self, connector: &ConnectorId, limit: u32) -> Result<()> {
        if self.lane(connector).await?.owned { Ok(()) } else { self.set_limit(connector, limit).await }
    }

    /// The connector goes. Its lane stays until it has no task, and a while longer.
    pub(crate) async fn close_lane(&mut self, connector: &ConnectorId) -> Result<()> {
        self.lane(connector).await?.owned = false;
        Ok(())
    }

    /// Writes the lanes that the step has changed, each with its place among the others.
    pub(super) fn settle_lanes(&mut self) -> Result<()> {
        let now = Timestamp::now();
        for (connector, mut lane) in std::mem::take(&mut self.lanes) {
            let (left, stands) = lane.settle(&connector, nanos(now));
            if let Some(left) = left {
                self.delete(&left);
            }
            if let Some((key, next)) = stands {
                self.put(&key, &next)?;
            }
            if lane.owned || lane.tasks > 0 {
                self.put(&key(&connector), &lane)?;
            } else {
                self.put_until(&key(&connector), &lane, now.as_second() + KEPT_S)?;
            }
        }
        Ok(())
    }
}
