//! The port `Queue`: at-least-once, fenced by the number of the claim.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sealpost_core::Result;
use sealpost_core::id::TaskId;
use sealpost_core::port::Queue;
use sealpost_core::task::{DeadTask, Lease, QueueDepth, Work, WorkKind};

use super::step::step;
use super::tasks::{Task, key, lost, partition};
use super::{SkRange, Step, TableLedger, claim, dead, depth, forgotten};
use crate::value::{corrupt, later, nanos};

#[async_trait]
impl Queue for TableLedger {
    async fn claim(&self, kinds: &[WorkKind], lease: Duration) -> Result<Option<Lease>> {
        claim::claim(self, kinds, lease).await
    }

    async fn extend(&self, lease: &mut Lease, by: Duration) -> Result<()> {
        let until = step!(self, |step| extend(step, lease, by).await)?;
        lease.until = until;
        Ok(())
    }

    async fn complete(&self, lease: &Lease) -> Result<()> {
        step!(self, |step| {
            let task = step.held(lease).await?;
            step.remove_task(&lease.task, &task).await
        })
    }

    async fn release(&self, lease: &Lease, delay: Duration) -> Result<()> {
        step!(self, |step| {
            let before = step.held(lease).await?;
            let after = Task { leased: false, ready_at: nanos(later(Timestamp::now(), delay)), ..before.clone() };
            step.set_task(&lease.task, &after, Some(&before)).await?;
            match &after.lane {
                Some(lane) => step.place_is_free(lane).await,
                None => Ok(()),
            }
        })
    }

    async fn bury(&self, lease: &Lease, reason: &str) -> Result<()> {
        step!(self, |step| dead::bury(step, lease, reason, Timestamp::now()).await)
    }

    async fn dead(&self, limit: u32) -> Result<Vec<DeadTask>> {
        dead::list(self, limit).await
    }

    async fn revive(&self, task: &TaskId) -> Result<bool> {
        step!(self, |step| dead::revive(step, task, Timestamp::now()).await)
    }

    async fn depth(&self) -> Result<QueueDepth> {
        depth::depth(self, Timestamp::now()).await
    }

    async fn wait(&self, kinds: &[WorkKind], patience: Duration) {
        tokio::select! {
            () = self.bells.heard(kinds) => {}
            () = tokio::time::sleep(patience.min(self.settings.look_again)) => {}
        }
    }

    async fn sweep(&self) -> Result<u64> {
        // Bells first: somebody waits for them.
        let rung = self.ring_again().await;
        self.go_on_with_removals().await;
        rung
    }

    async fn tidy(&self) {
        self.go_on_with_removals().await;
    }

    async fn hurry(&self, work: &Work) -> Result<bool> {
        step!(self, |step| hurry(step, work, Timestamp::now()).await)
    }
}

impl TableLedger {
    /// Rings for what may have been forgotten, where anybody outside of this process hears it. How many bells that were.
    async fn ring_again(&self) -> Result<u64> {
        if !self.bells.is_heard_outside() {
            return Ok(0);
        }
        let rings = forgotten::forgotten(self, Timestamp::now()).await?;
        self.bells.ring(&rings).await;
        Ok(rings.len() as u64)
    }
}

/// One that has run out has given its place in its lane back, and needs another.
async fn extend(step: &mut Step, lease: &Lease, by: Duration) -> Result<Timestamp> {
    let before = step.held(lease).await?;
    let now = Timestamp::now();
    let until = later(now, by);
    if before.ready_at <= nanos(now)
        && let Some(connector) = &before.lane
        && !step.lane(connector).await?.has_room(nanos(now))
    {
        return Err(lost(lease));
    }
    let after = Task { ready_at: nanos(until), ..before.clone() };
    step.set_task(&lease.task, &after, Some(&before)).await?;
    Ok(until)
}

async fn hurry(step: &mut Step, work: &Work, now: Timestamp) -> Result<bool> {
    let found: Vec<(String, Task)> = step.range(&partition(work), SkRange::All, false, 20).await?;
    for (id, _) in found {
        let id: TaskId = id.parse().map_err(|_| corrupt(format!("`{id}` is no task's id")))?;
        let Some(before) = step.get::<Task>(&key(work, &id)).await? else { continue };
        if before.buried_at.is_none() && !before.leased && before.ready_at > nanos(now) {
            let after = Task { ready_at: nanos(now), ..before.clone() };
            step.set_task(&id, &after, Some(&before)).await?;
            return Ok(true);
        }
    }
    Ok(false)
}
