//! A queue that keeps its callers waiting.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sealpost_core::error::Result;
use sealpost_core::id::TaskId;
use sealpost_core::port::Queue;
use sealpost_core::task::{DeadTask, Lease, QueueDepth, Work, WorkKind};
use tokio::sync::Semaphore;

pub(crate) struct Slow {
    pub(crate) queue: Arc<dyn Queue>,
    /// So many claims are answered.
    pub(crate) claims: Arc<Semaphore>,
    /// How many claims wait.
    pub(crate) waiting: Arc<Semaphore>,
    /// How often it was tidied.
    pub(crate) tidied: Arc<Semaphore>,
    /// Whether a lease is extended, or whoever asks for it never hears.
    pub(crate) extends: bool,
}

#[async_trait]
impl Queue for Slow {
    async fn claim(&self, kinds: &[WorkKind], lease: Duration) -> Result<Option<Lease>> {
        self.waiting.add_permits(1);
        self.claims.acquire().await.unwrap().forget();
        self.queue.claim(kinds, lease).await
    }

    async fn extend(&self, lease: &mut Lease, by: Duration) -> Result<()> {
        if !self.extends {
            std::future::pending::<()>().await;
        }
        self.queue.extend(lease, by).await
    }

    async fn complete(&self, lease: &Lease) -> Result<()> {
        self.queue.complete(lease).await
    }

    async fn release(&self, lease: &Lease, delay: Duration) -> Result<()> {
        self.queue.release(lease, delay).await
    }

    async fn bury(&self, lease: &Lease, reason: &str) -> Result<()> {
        self.queue.bury(lease, reason).await
    }

    async fn dead(&self, limit: u32) -> Result<Vec<DeadTask>> {
        self.queue.dead(limit).await
    }

    async fn revive(&self, task: &TaskId) -> Result<bool> {
        self.queue.revive(task).await
    }

    async fn depth(&self) -> Result<QueueDepth> {
        self.queue.depth().await
    }

    async fn wait(&self, kinds: &[WorkKind], patience: Duration) {
        self.queue.wait(kinds, patience).await;
    }

    async fn sweep(&self) -> Result<u64> {
        self.queue.sweep().await
    }

    async fn tidy(&self) {
        self.queue.tidy().await;
        self.tidied.add_permits(1);
    }

    async fn hurry(&self, work: &Work) -> Result<bool> {
        self.queue.hurry(work).await
    }
}
