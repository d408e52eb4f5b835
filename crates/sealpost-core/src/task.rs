//! The queue's words: tasks and leases.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{DeliveryId, JobId, NotificationId, TaskId, TransferId, TransferItemId};

/// What a worker is asked to do. Ids only: the ledger has the data, so a duplicate is harmless.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "id", rename_all = "snake_case")]
pub enum Work {
    /// Produce the sealed file of a job.
    Produce(JobId),
    /// Carry a sealed file to its connector.
    Deliver(DeliveryId),
    /// Expire a job whose retention is over.
    Expire(JobId),
    /// Remove every object of a job from the store.
    Purge(JobId),
    /// Post a notification to its webhook.
    Notify(NotificationId),
    /// Do what an item of a transfer says.
    Transfer(TransferItemId),
    /// Announce that an item of a transfer has ended.
    Announce(TransferItemId),
    /// Announce that all items of a transfer have ended.
    AnnounceTransfer(TransferId),
    /// Announce that a delivery has ended.
    AnnounceDelivery(DeliveryId),
}

impl Work {
    /// The kind's stable name.
    #[must_use]
    pub fn kind(&self) -> WorkKind {
        match self {
            Self::Produce(_) => WorkKind::Produce,
            Self::Deliver(_) => WorkKind::Deliver,
            Self::Expire(_) => WorkKind::Expire,
            Self::Purge(_) => WorkKind::Purge,
            Self::Notify(_) => WorkKind::Notify,
            Self::Transfer(_) => WorkKind::Transfer,
            Self::Announce(_) => WorkKind::Announce,
            Self::AnnounceTransfer(_) => WorkKind::AnnounceTransfer,
            Self::AnnounceDelivery(_) => WorkKind::AnnounceDelivery,
        }
    }
}

/// The kinds of tasks, so that a worker can take only some.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkKind {
    /// See [`Work::Produce`].
    Produce,
    /// See [`Work::Deliver`].
    Deliver,
    /// See [`Work::Expire`].
    Expire,
    /// See [`Work::Purge`].
    Purge,
    /// See [`Work::Notify`].
    Notify,
    /// See [`Work::Transfer`].
    Transfer,
    /// See [`Work::Announce`].
    Announce,
    /// See [`Work::AnnounceTransfer`].
    AnnounceTransfer,
    /// See [`Work::AnnounceDelivery`].
    AnnounceDelivery,
}

impl WorkKind {
    /// All kinds.
    pub const ALL: [Self; 9] = [
        Self::Produce,
        Self::Deliver,
        Self::Expire,
        Self::Purge,
        Self::Notify,
        Self::Transfer,
        Self::Announce,
        Self::AnnounceTransfer,
        Self::AnnounceDelivery,
    ];

    /// The stable lower-case name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Produce => "produce",
            Self::Deliver => "deliver",
            Self::Expire => "expire",
            Self::Purge => "purge",
            Self::Notify => "notify",
            Self::Transfer => "transfer",
            Self::Announce => "announce",
            Self::AnnounceTransfer => "announce_transfer",
            Self::AnnounceDelivery => "announce_delivery",
        }
    }
}

/// A task to be put on the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTask {
    /// What to do.
    pub work: Work,
    /// Not before this time.
    pub run_at: Timestamp,
}

/// A worker's right to a task until a time. `epoch` grows with each claim; the ledger refuses a stale one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The task.
    pub task: TaskId,
    /// What to do.
    pub work: Work,
    /// How many times the task has been claimed, this time included: from 1.
    pub epoch: u32,
    /// When the right ends unless it is extended.
    pub until: Timestamp,
}

/// A task that was given up, kept for a person to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadTask {
    /// The task.
    pub task: TaskId,
    /// What it was to do.
    pub work: Work,
    /// How many times it was claimed.
    pub claims: u32,
    /// Why it was given up.
    pub reason: String,
    /// When.
    pub buried_at: Timestamp,
}

/// How much waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueDepth {
    /// Ready to be claimed now.
    pub ready: u64,
    /// Scheduled for later.
    pub delayed: u64,
    /// Claimed and under way.
    pub leased: u64,
    /// Given up.
    pub dead: u64,
}
