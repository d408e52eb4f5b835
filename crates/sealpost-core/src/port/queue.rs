//! Tasks to workers.

use std::time::Duration;

use async_trait::async_trait;

use crate::error::Result;
use crate::id::TaskId;
use crate::task::{DeadTask, Lease, QueueDepth, WorkKind};

/// At-least-once hand-off of tasks: a task is claimed by one worker at a time, comes back when its lease runs out, and
/// leaves only by `complete` or `bury`.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Claims the task that has waited longest among those ready, if any. `epoch` counts the claims.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn claim(&self, kinds: &[WorkKind], lease: Duration) -> Result<Option<Lease>>;

    /// Extends a lease from now.
    ///
    /// # Errors
    /// `SP-LEDGER-004` where another worker has it, or the task is gone.
    async fn extend(&self, lease: &mut Lease, by: Duration) -> Result<()>;

    /// Removes the task: it is done.
    ///
    /// # Errors
    /// `SP-LEDGER-004` where another worker has it.
    async fn complete(&self, lease: &Lease) -> Result<()>;

    /// Gives the task back, to be claimed again after `delay`.
    ///
    /// # Errors
    /// `SP-LEDGER-004` where another worker has it.
    async fn release(&self, lease: &Lease, delay: Duration) -> Result<()>;

    /// Moves the task to the dead letters.
    ///
    /// # Errors
    /// `SP-LEDGER-004` where another worker has it.
    async fn bury(&self, lease: &Lease, reason: &str) -> Result<()>;

    /// The dead letters, newest first.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn dead(&self, limit: u32) -> Result<Vec<DeadTask>>;

    /// Puts a dead letter back on the queue. `false` where there is none of this id.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn revive(&self, task: &TaskId) -> Result<bool>;

    /// How much waits.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn depth(&self) -> Result<QueueDepth>;

    /// Returns when a task may be ready, at once or after at most `patience`. A hint: it may return early or late.
    async fn wait(&self, patience: Duration);
}
