//! Tasks as items, and the fence that a lease is.
//!
//! A task has an item under its work, by which its lease and whatever it is about find it, and an entry in the order in which
//! tasks are claimed. Both change together.

use jiff::Timestamp;
use sealpost_core::error::codes;
use sealpost_core::id::{ConnectorId, TaskId};
use sealpost_core::task::{Lease, NewTask, Work, WorkKind};
use sealpost_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{Key, Ring, SkRange, Step, deliveries, lanes};
use crate::value::{corrupt, instant, nanos};

/// A task as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Task {
    pub(super) work: Work,
    /// How many times it was claimed.
    pub(super) epoch: u32,
    /// When it may be claimed: its `run_at`, or the end of the present lease. Nanoseconds since 1970.
    pub(super) ready_at: i64,
    /// Among those of the same time: when it was enqueued, and in which place of its step.
    pub(super) place: u64,
    pub(super) leased: bool,
    pub(super) lane: Option<ConnectorId>,
    /// When it was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) buried_at: Option<i64>,
}

/// A place in the order in which tasks are claimed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Entry {
    /// Of a task.
    Task { work: Work, leased: bool },
    /// Of many that have none of their own yet, see [`super::runs`].
    Run { subject: String },
}

/// Where a task is, under its work.
pub(super) fn key(work: &Work, task: &TaskId) -> Key {
    Key::new(partition(work), task.as_str())
}

/// The tasks of one work.
pub(super) fn partition(work: &Work) -> String {
    format!("work#{}#{}", work.kind().as_str(), subject(work))
}

/// What a work is about.
pub(super) fn subject(work: &Work) -> &str {
    match work {
        Work::Produce(job) | Work::Expire(job) | Work::Purge(job) => job.as_str(),
        Work::Deliver(delivery) | Work::AnnounceDelivery(delivery) => delivery.as_str(),
        Work::Notify(notification) => notification.as_str(),
        Work::Transfer(item) | Work::Announce(item) => item.as_str(),
        Work::AnnounceTransfer(transfer) => transfer.as_str(),
    }
}

/// A time as a part of a key: in the order of time, from 1970 on.
pub(super) fn time(nanos: i64) -> String {
    format!("{:020}", nanos.max(0))
}

/// The time and what stands behind it, from the part of a key.
pub(super) fn read_time(text: &str) -> Result<i64> {
    let digits = text.split('#').next().unwrap_or_default();
    digits.parse().map_err(|_| corrupt(format!("`{text}` does not begin with a time")))
}

/// The partition of ready tasks without a lane, of a kind and shard.
pub(super) fn ready(kind: WorkKind, shard: u32) -> String {
    format!("ready#{}#{shard}", kind.as_str())
}

impl Task {
    /// Where its entry is.
    pub(super) fn entry_key(&self, id: &TaskId, shards: u32) -> Key {
        let order = format!("{}#{:020}#{id}", time(self.ready_at), self.place);
        match &self.lane {
            Some(lane) => Key::new(lanes::partition(lane), format!("{}#{order}", self.work.kind().as_str())),
            None => Key::new(ready(self.work.kind(), shard_of(id.as_str(), shards)), order),
        }
    }

    fn entry(&self) -> Entry {
        Entry::Task { work: self.work.clone(), leased: self.leased }
    }

    /// Whether this lease is its newest.
    pub(super) fn is_held_by(&self, lease: &Lease) -> bool {
        self.leased && self.epoch == lease.epoch && self.buried_at.is_none()
    }
}

/// Spreads ids over shards: FNV-1a.
pub(super) fn shard_of(id: &str, shards: u32) -> u32 {
    let hash = id.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash % shards.max(1)
}

/// The error for a lease that is not the task's newest.
pub(super) fn lost(lease: &Lease) -> Error {
    Error::new(&codes::ledger::LEASE_LOST, format!("{} is no longer held by claim {}", lease.task, lease.epoch))
}

impl Step {
    /// Enqueues tasks, those of deliveries in the lanes of their connectors: what a task is about is written before it.
    /// Tasks of transfers come by [`enqueue_run`](Self::enqueue_run).
    pub(crate) async fn enqueue(&mut self, tasks: &[NewTask]) -> Result<()> {
        let enqueued = u64::try_from(nanos(Timestamp::now())).unwrap_or_default();
        for (place, new) in (enqueued..).zip(tasks) {
            let lane = match &new.work {
                Work::Deliver(delivery) => Some(deliveries::connector(self, delivery).await?),
                Work::Transfer(item) => return Err(corrupt(format!("the task of item {item} has no lane"))),
                _ => None,
            };
            let ready_at = nanos(new.run_at);
            let task = Task { work: new.work.clone(), epoch: 0, ready_at, place, leased: false, lane, buried_at: None };
            if let Some(lane) = &task.lane {
                self.lane(lane).await?.tasks += 1;
            }
            self.set_task(&TaskId::fresh(), &task, None).await?;
        }
        Ok(())
    }

    /// Writes a task with its entry, where it had one before in that entry's stead, and rings for it.
    pub(super) async fn set_task(&mut self, id: &TaskId, task: &Task, before: Option<&Task>) -> Result<()> {
        self.put(&key(&task.work, id), task)?;
        let shards = self.settings.shards;
        if let Some(before) = before.filter(|before| before.buried_at.is_none()) {
            self.delete(&before.entry_key(id, shards));
        }
        if task.buried_at.is_none() {
            self.put(&task.entry_key(id, shards), &task.entry())?;
        }
        if let Some(connector) = &task.lane {
            let lane = self.lane(connector).await?;
            if task.leased && task.buried_at.is_none() {
                lane.leases.insert(id.clone(), task.ready_at);
            } else {
                lane.leases.remove(id);
            }
            if task.buried_at.is_none() {
                lane.expect(task.work.kind(), task.ready_at);
            }
        }
        if !task.leased && task.buried_at.is_none() {
            self.ring(Ring { kind: task.work.kind(), at: instant(task.ready_at) });
        }
        Ok(())
    }

    /// Takes a task off: the item, its entry, its place in its lane.
    pub(super) async fn remove_task(&mut self, id: &TaskId, task: &Task) -> Result<()> {
        self.delete(&key(&task.work, id));
        if task.buried_at.is_some() {
            return Ok(());
        }
        self.delete(&task.entry_key(id, self.settings.shards));
        if let Some(connector) = &task.lane {
            self.leave_lane(connector, id).await?;
        }
        Ok(())
    }

    /// One task less in a lane, and who waits for a place is told.
    pub(super) async fn leave_lane(&mut self, connector: &ConnectorId, task: &TaskId) -> Result<()> {
        let lane = self.lane(connector).await?;
        lane.tasks = lane.tasks.saturating_sub(1);
        lane.leases.remove(task);
        self.place_is_free(connector).await
    }

    /// Another task of the lane may be claimed now, if one waits. Those that are ready later have bells of their own.
    pub(super) async fn place_is_free(&mut self, connector: &ConnectorId) -> Result<()> {
        let waiting: Vec<WorkKind> = self.lane(connector).await?.waiting(nanos(Timestamp::now())).collect();
        for kind in waiting {
            self.ring(Ring { kind, at: Timestamp::UNIX_EPOCH });
        }
        Ok(())
    }

    /// The task of a lease, where the lease is its newest.
    ///
    /// # Errors
    /// `SP-LEDGER-004` for a lost lease.
    pub(super) async fn held(&mut self, lease: &Lease) -> Result<Task> {
        let task: Option<Task> = self.get(&key(&lease.work, &lease.task)).await?;
        task.filter(|task| task.is_held_by(lease)).ok_or_else(|| lost(lease))
    }

    /// Holds the step to its lease: the task's newest, and not past at `now`. Nobody can claim the task before the step's
    /// end.
    ///
    /// # Errors
    /// `SP-LEDGER-004` for a lost lease.
    pub(crate) async fn fence(&mut self, lease: Option<&Lease>, now: Timestamp) -> Result<()> {
        let Some(lease) = lease else { return Ok(()) };
        if self.held(lease).await?.ready_at > nanos(now) {
            return Ok(());
        }
        let detail = format!("the lease of {} (claim {}) has run out", lease.task, lease.epoch);
        Err(Error::new(&codes::ledger::LEASE_LOST, detail))
    }

    /// Takes every task of this work off, dead ones too: what it is about goes. The step must also write what is written
    /// when such a task is enqueued. Costs up to five writes each.
    pub(crate) async fn drop_tasks_of(&mut self, work: &Work) -> Result<()> {
        let found: Vec<(String, Task)> = self.range(&partition(work), SkRange::All, false, 20).await?;
        for (id, _) in found {
            let id: TaskId = id.parse().map_err(|_| corrupt(format!("`{id}` is no task's id")))?;
            let Some(task) = self.get::<Task>(&key(work, &id)).await? else { continue };
            if let Some(buried_at) = task.buried_at {
                super::dead::forget(self, &id, buried_at);
            }
            self.remove_task(&id, &task).await?;
        }
        Ok(())
    }
}
