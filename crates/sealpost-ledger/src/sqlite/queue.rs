//! The port `Queue`: at-least-once, fenced by the number of the claim.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sealpost_core::Result;
use sealpost_core::id::TaskId;
use sealpost_core::port::Queue;
use sealpost_core::task::{DeadTask, Lease, QueueDepth, Work, WorkKind};

use super::statement::{query, query_as};
use super::value::{id, instant, later, nanos, unsigned};
use super::{Connection, Durability, SqliteLedger, Touched, fault, lanes, tasks};

pub(super) mod claim;
mod dead;

/// The longest pause between two looks at the file: other processes can't ring this one's bell.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// What waits for its time waits no longer.
pub(super) const HURRY: &str = "
    UPDATE tasks SET ready_at = ?1 WHERE subject = ?3 AND kind = ?2 AND leased = 0 AND ready_at > ?1";

#[async_trait]
impl Queue for SqliteLedger {
    async fn claim(&self, kinds: &[WorkKind], lease: Duration) -> Result<Option<Lease>> {
        // A look first: most claims of an idle worker find nothing, and a look takes no lock from anyone.
        let reader = self.reader()?;
        if claim::candidate(&reader, kinds, Timestamp::now())?.is_none() {
            return Ok(None);
        }
        drop(reader);
        let turn = self.begin(Durability::Process).await?;
        let outcome = claim::claim(turn.connection(), kinds, lease, Timestamp::now());
        // A claim counts its number up; that there was none may have written nothing.
        turn.end_touching(outcome, |claimed| match claimed {
            Some(_) => Touched::NoReport,
            None => Touched::Anything,
        })
        .await
    }

    async fn extend(&self, lease: &mut Lease, by: Duration) -> Result<()> {
        let turn = self.begin(Durability::Process).await?;
        // In our turn: while we waited for it the lease may have run out, and another have taken its place in the lane.
        let now = Timestamp::now();
        let until = later(now, by);
        let outcome = claim::extend(turn.connection(), lease, until, now).and_then(|met| held(met, lease));
        turn.end(outcome).await?;
        lease.until = until;
        Ok(())
    }

    async fn complete(&self, lease: &Lease) -> Result<()> {
        // No wait for the disk: what the task did is an event, which is there already. A task that comes back with the power
        // finds its work done, as one does whose worker died before this step.
        let turn = self.begin(Durability::Process).await?;
        let outcome = query("DELETE FROM tasks WHERE id = ? AND epoch = ? AND leased = 1")
            .bind(lease.task.as_str())
            .bind(i64::from(lease.epoch))
            .execute(turn.connection())
            .map_err(fault::write)
            .and_then(|done| held(done, lease));
        turn.end_touching(outcome, |()| Touched::NoReport).await?;
        self.place_is_free(lease);
        Ok(())
    }

    async fn release(&self, lease: &Lease, delay: Duration) -> Result<()> {
        // No wait for the disk: what a loss of power takes is the end of the log, and without this step the task is
        // still held, or was never claimed. It comes back when the lease ends at the latest — sooner than it was to, if
        // the delay was longer — which is what at least once allows. What happened meanwhile is an event, and on disk.
        let turn = self.begin(Durability::Process).await?;
        let outcome = query("UPDATE tasks SET ready_at = ?, leased = 0 WHERE id = ? AND epoch = ? AND leased = 1")
            .bind(nanos(later(Timestamp::now(), delay)))
            .bind(lease.task.as_str())
            .bind(i64::from(lease.epoch))
            .execute(turn.connection())
            .map_err(fault::write)
            .and_then(|done| held(done, lease));
        turn.end(outcome).await?;
        self.ring([lease.work.kind()]);
        Ok(())
    }

    async fn bury(&self, lease: &Lease, reason: &str) -> Result<()> {
        let turn = self.begin(Durability::Disk).await?;
        let outcome = dead::bury(turn.connection(), lease, reason, Timestamp::now());
        turn.end(outcome).await?;
        self.place_is_free(lease);
        Ok(())
    }

    async fn dead(&self, limit: u32) -> Result<Vec<DeadTask>> {
        self.look(move |connection| dead::list(connection, limit)).await
    }

    async fn revive(&self, task: &TaskId) -> Result<bool> {
        let turn = self.begin(Durability::Disk).await?;
        let outcome = dead::revive(turn.connection(), task, Timestamp::now());
        let revived = turn.end(outcome).await?;
        if revived {
            self.ring(WorkKind::ALL);
        }
        Ok(revived)
    }

    async fn depth(&self) -> Result<QueueDepth> {
        self.look(depth).await
    }

    async fn wait(&self, kinds: &[WorkKind], patience: Duration) {
        let rung = self.bells.heard(kinds);
        let pause = patience.min(LOOK_AGAIN).min(self.until_next(kinds).await);
        tokio::select! {
            () = rung => {}
            () = tokio::time::sleep(pause) => {}
        }
    }

    async fn sweep(&self) -> Result<u64> {
        Ok(0)
    }

    async fn tidy(&self) {
        // What was cut short is still there, disabled: who removes it again goes on.
    }

    async fn hurry(&self, work: &Work) -> Result<bool> {
        let (kind, subject) = tasks::columns(work);
        let turn = self.begin(Durability::Process).await?;
        let outcome = query(HURRY)
            .bind(nanos(Timestamp::now()))
            .bind(kind)
            .bind(subject)
            .execute(turn.connection())
            .map_err(fault::write);
        let hurried = turn.end(outcome).await? > 0;
        if hurried {
            self.ring([work.kind()]);
        }
        Ok(hurried)
    }
}

impl SqliteLedger {
    /// Another task of the same lane may be claimed now.
    fn place_is_free(&self, lease: &Lease) {
        if lanes::has_lanes(lease.work.kind()) {
            self.ring([lease.work.kind()]);
        }
    }

    /// How long until the next task of these kinds becomes ready. Those ready already don't count: they are of a lane that is
    /// full, and would make the caller spin.
    async fn until_next(&self, kinds: &[WorkKind]) -> Duration {
        let now = Timestamp::now();
        let next = match self.reader() {
            Ok(reader) => claim::next_after(&reader, kinds, now),
            Err(error) => Err(error),
        };
        match next {
            Ok(Some(next)) => Duration::try_from(next.duration_since(now)).unwrap_or(LOOK_AGAIN),
            // An unreachable ledger shows itself at the next claim, which has somebody to tell.
            Ok(None) | Err(_) => LOOK_AGAIN,
        }
    }
}

/// Counts all tasks.
fn depth(connection: &Connection) -> Result<QueueDepth> {
    let (ready, delayed, leased, dead): (i64, i64, i64, i64) = query_as(
        "SELECT COUNT(*) FILTER (WHERE ready_at <= ?1),
                COUNT(*) FILTER (WHERE ready_at > ?1 AND leased = 0),
                COUNT(*) FILTER (WHERE ready_at > ?1 AND leased = 1),
                (SELECT COUNT(*) FROM dead_tasks)
         FROM tasks",
    )
    .bind(nanos(Timestamp::now()))
    .fetch_one(connection)
    .map_err(fault::read)?;
    Ok(QueueDepth {
        ready: unsigned(ready),
        delayed: unsigned(delayed),
        leased: unsigned(leased),
        dead: unsigned(dead),
    })
}

/// `SP-LEDGER-004` unless the statement met the task under this lease.
fn held(met: u64, lease: &Lease) -> Result<()> {
    if met == 1 { Ok(()) } else { Err(tasks::lost(lease)) }
}
