//! Tasks to workers.

use std::time::Duration;

use async_trait::async_trait;

use crate::error::Result;
use crate::id::TaskId;
use crate::task::{DeadTask, Lease, QueueDepth, Work, WorkKind};

/// At-least-once hand-off of tasks: a task is claimed by one worker at a time, comes back when its lease runs out, and
/// leaves only by `complete` or `bury`.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Claims the task that has waited longest among those ready, if any. `epoch` counts the claims.
    ///
    /// Tasks that go to a connector ([`WorkKind::Deliver`], [`WorkKind::Transfer`]) stand in its lane, and lanes take
    /// turns: of those that have a ready task, the one that was served longest ago gives its task that has waited longest,
    /// so that a long line at one connector holds up no other. Never are more tasks of a lane leased at once, over all
    /// processes, than its connector's limit: `limits.concurrency` of a partner's connector as it was last put or edited,
    /// and for transfers [`NewTransfer::connections`](crate::transfer::NewTransfer), or what its connector was edited to
    /// since. A lease that ran out has given its place back.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn claim(&self, kinds: &[WorkKind], lease: Duration) -> Result<Option<Lease>>;

    /// Extends a lease from now.
    ///
    /// # Errors
    /// `SP-LEDGER-004` where another worker has it, the task is gone, or the lease had run out and its place in its lane
    /// is taken.
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

    /// Returns when a task of these kinds may be ready, or a lane has room again, at once or after at most `patience`. A hint: it
    /// may return early or late.
    async fn wait(&self, kinds: &[WorkKind], patience: Duration);

    /// Rings again for what is ready and has waited so long that whoever was sent for may not have come, where workers are
    /// sent for rather than looking by themselves: for tasks ready longer than a minute, long delays that are over, leases that
    /// ran out. It [tidies](Self::tidy), too. To be called once a minute. How many bells were rung: 0 where workers look by
    /// themselves.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn sweep(&self) -> Result<u64>;

    /// Goes on, for some seconds at most, with what removals of partners and webhooks have left to be removed, and rings for
    /// nobody. What fails is logged, and left to the next time. To be called once a minute by who works without being sent for.
    async fn tidy(&self);

    /// A task of this work that waits for its time becomes ready now. `false` where there is none that waits: it is ready
    /// already, or leased, or there is none at all.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn hurry(&self, work: &Work) -> Result<bool>;
}
