//! The ledger's queue, with bells on SQS for those who wait.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use sealpost_core::Result;
use sealpost_core::id::TaskId;
use sealpost_core::port::Queue;
use sealpost_core::task::{DeadTask, Lease, QueueDepth, Work, WorkKind};
use tokio::sync::Notify;

use super::held::{Bell, Held};
use super::{Sqs, ring_of};

/// How long a bell that was heard is hidden from others before somebody here has followed it. Short: if this process dies,
/// others hear it then.
const HIDDEN: Duration = Duration::from_secs(30);
/// The pause after an answer that failed.
const PAUSE: Duration = Duration::from_secs(1);

/// A queue whose waiting workers listen to SQS.
pub(crate) struct SqsQueue {
    inner: Arc<dyn Queue>,
    ear: Arc<Ear>,
}

/// What listens. One of this process listens at a time, for all who wait.
struct Ear {
    sqs: Arc<Sqs>,
    held: Mutex<Held>,
    heard: Notify,
    is_listening: AtomicBool,
}

impl SqsQueue {
    /// Bells for this queue. The ledger rings them.
    pub(crate) fn new(inner: Arc<dyn Queue>, sqs: Arc<Sqs>) -> Self {
        let ear = Ear { sqs, held: Mutex::default(), heard: Notify::new(), is_listening: AtomicBool::new(false) };
        Self { inner, ear: Arc::new(ear) }
    }

    /// The task is no longer worked on here: its bell has done its work. After a lost lease too: the other worker's task
    /// is no reason to wake anybody.
    async fn let_go(&self, lease: &Lease) {
        let bell = self.ear.held().let_go(&lease.task);
        self.ear.delete(bell.into_iter().collect()).await;
    }
}

impl Ear {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Listens once. Not cut short when whoever asked for it has been woken otherwise: what SQS hands out then would be lost for
    /// a while.
    async fn listen(&self, patience: Duration) {
        match self.sqs.receive(patience, HIDDEN).await {
            Ok(messages) => {
                let until = Instant::now() + HIDDEN;
                let mut useless = Vec::new();
                for message in messages {
                    let bell = Bell { handle: message.receipt_handle, until };
                    match ring_of(&message.body) {
                        Ok(kind) => useless.extend(self.held().keep(kind, bell)),
                        Err(error) => {
                            tracing::warn!(%error, "a message was dropped");
                            useless.push(bell);
                        }
                    }
                }
                self.delete(useless).await;
            }
            Err(error) => {
                tracing::warn!(%error, "the bells can't be heard; workers look at the ledger now and then");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    async fn delete(&self, bells: Vec<Bell>) {
        let handles: Vec<String> = bells.into_iter().map(|bell| bell.handle).collect();
        if let Err(error) = self.sqs.delete(&handles).await {
            // It is heard again, and leads to nothing.
            tracing::debug!(%error, "a bell was not deleted");
        }
    }

    async fn hide(&self, bell: Option<Bell>, by: Duration) {
        if let Some(bell) = bell
            && let Err(error) = self.sqs.hide(&bell.handle, by).await
        {
            // Somebody hears it, and claims what is next: not this task, which is leased.
            tracing::debug!(%error, "a bell is no longer hidden");
        }
    }
}

#[async_trait]
impl Queue for SqsQueue {
    async fn claim(&self, kinds: &[WorkKind], lease: Duration) -> Result<Option<Lease>> {
        let claimed = self.inner.claim(kinds, lease).await?;
        if let Some(claimed) = &claimed {
            let bell = self.ear.held().follow(claimed.work.kind(), &claimed.task);
            self.ear.hide(bell, lease).await;
        } else {
            let idle = self.ear.held().idle(kinds);
            self.ear.delete(idle).await;
        }
        Ok(claimed)
    }

    async fn extend(&self, lease: &mut Lease, by: Duration) -> Result<()> {
        self.inner.extend(lease, by).await?;
        let bell = self.ear.held().extended(&lease.task, by);
        self.ear.hide(bell, by).await;
        Ok(())
    }

    async fn complete(&self, lease: &Lease) -> Result<()> {
        let done = self.inner.complete(lease).await;
        self.let_go(lease).await;
        done
    }

    async fn release(&self, lease: &Lease, delay: Duration) -> Result<()> {
        // The ledger rings for when it is ready again.
        let done = self.inner.release(lease, delay).await;
        self.let_go(lease).await;
        done
    }

    async fn bury(&self, lease: &Lease, reason: &str) -> Result<()> {
        let done = self.inner.bury(lease, reason).await;
        self.let_go(lease).await;
        done
    }

    async fn dead(&self, limit: u32) -> Result<Vec<DeadTask>> {
        self.inner.dead(limit).await
    }

    async fn revive(&self, task: &TaskId) -> Result<bool> {
        self.inner.revive(task).await
    }

    async fn depth(&self) -> Result<QueueDepth> {
        self.inner.depth().await
    }

    async fn wait(&self, kinds: &[WorkKind], patience: Duration) {
        let heard = self.ear.heard.notified();
        if !self.ear.is_listening.swap(true, Ordering::AcqRel) {
            let ear = self.ear.clone();
            tokio::spawn(async move {
                ear.listen(patience).await;
                ear.is_listening.store(false, Ordering::Release);
                ear.heard.notify_waiters();
            });
        }
        tokio::select! {
            () = heard => {}
            () = self.inner.wait(kinds, patience) => {}
        }
    }

    async fn sweep(&self) -> Result<u64> {
        self.inner.sweep().await
    }

    async fn tidy(&self) {
        self.inner.tidy().await;
    }

    async fn hurry(&self, work: &Work) -> Result<bool> {
        self.inner.hurry(work).await
    }
}
