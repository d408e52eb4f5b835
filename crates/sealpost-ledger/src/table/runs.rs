//! Runs: many tasks of one lane, enqueued by a few writes.
//!
//! A run has one entry in its lane, which stands for all its tasks; each gets an item of its own when it is claimed. The
//! subjects are kept in chunks, so that a claim reads some of them only.

use jiff::Timestamp;
use sealpost_core::Result;
use sealpost_core::id::{ConnectorId, TaskId, TransferId, TransferItemId};
use sealpost_core::task::{Work, WorkKind};
use serde::{Deserialize, Serialize};

use super::tasks::{Entry, Task, time};
use super::{Key, Ring, Step, lanes};
use crate::value::{corrupt, nanos};

/// Subjects of one chunk: about 4 KB, which DynamoDB reads as one unit.
const CHUNK: usize = 100;

/// A run as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Run {
    lane: ConnectorId,
    run_at: i64,
    /// The subject that is next.
    next: usize,
    /// How many there are.
    pub(super) count: usize,
}

impl Run {
    /// How many have not been claimed.
    pub(super) fn remaining(&self) -> u64 {
        self.count.saturating_sub(self.next) as u64
    }

    fn entry_key(&self, subject: &str) -> Key {
        let sk = format!("{}#{}#000000#{subject}", WorkKind::Transfer.as_str(), time(self.run_at));
        Key::new(lanes::partition(&self.lane), sk)
    }
}

/// Where a run is.
pub(super) fn key(subject: &str) -> Key {
    Key::new(format!("run#{subject}"), "run")
}

fn chunk_key(subject: &str, position: usize) -> Key {
    Key::new(format!("run#{subject}"), format!("{:06}", position / CHUNK))
}

impl Step {
    /// Enqueues the tasks of a transfer's items, in their order, in the lane of their connector, with one write for each
    /// hundred of them and three more. An item whose turn has not come has no task of its own: where it goes before, its
    /// whole run has to go, by [`drop_run`](Self::drop_run).
    ///
    /// The items themselves need a write each. For more than about fifty, write them by steps of their own before, under an
    /// expiry; nobody finds them before this step. Then write the transfer, the token and the run in one step; and take the
    /// expiry off the items as each is first applied an event to, or give it to the transfer as well.
    pub(crate) async fn enqueue_run(
        &mut self,
        transfer: &TransferId,
        connector: &ConnectorId,
        items: &[TransferItemId],
        run_at: Timestamp,
    ) -> Result<()> {
        if items.is_empty() {
            return Ok(());
        }
        let run = Run { lane: connector.clone(), run_at: nanos(run_at), next: 0, count: items.len() };
        self.create(&key(transfer.as_str()), &run)?;
        for (number, chunk) in items.chunks(CHUNK).enumerate() {
            self.put(&chunk_key(transfer.as_str(), number * CHUNK), &chunk)?;
        }
        self.put(&run.entry_key(transfer.as_str()), &Entry::Run { subject: transfer.to_string() })?;
        let lane = self.lane(connector).await?;
        lane.tasks += items.len() as u64;
        lane.expect(WorkKind::Transfer, run.run_at);
        // One bell for each that can be claimed at once; who is done with one rings for the next.
        let at_once = items.len().min(lane.capacity as usize);
        for _ in 0..at_once {
            self.ring(Ring { kind: WorkKind::Transfer, at: run_at });
        }
        Ok(())
    }

    /// Takes off what is left of a transfer's run, if anything: the tasks of items whose turn has not come.
    pub(crate) async fn drop_run(&mut self, transfer: &TransferId) -> Result<()> {
        let subject = transfer.as_str();
        let Some(run) = self.get::<Run>(&key(subject)).await? else { return Ok(()) };
        let lane = self.lane(&run.lane).await?;
        lane.tasks = lane.tasks.saturating_sub(run.remaining());
        self.end_run(subject, &run);
        for position in (run.next..run.count).step_by(CHUNK).chain([run.count - 1]) {
            self.delete(&chunk_key(subject, position));
        }
        Ok(())
    }

    /// The next task of a run, as it is before its first claim; and whether more remain.
    pub(super) async fn next_of_run(&mut self, subject: &str) -> Result<(TaskId, Task, bool)> {
        let gone = || corrupt(format!("the run of {subject} is gone"));
        let mut run: Run = self.get(&key(subject)).await?.ok_or_else(gone)?;
        let chunk: Vec<TransferItemId> = self.peek(&chunk_key(subject, run.next)).await?.ok_or_else(gone)?;
        let item = chunk.get(run.next % CHUNK).ok_or_else(gone)?.clone();
        let task = Task {
            work: Work::Transfer(item),
            epoch: 0,
            ready_at: run.run_at,
            place: run.next as u64,
            leased: false,
            lane: Some(run.lane.clone()),
            buried_at: None,
        };
        run.next += 1;
        if run.next.is_multiple_of(CHUNK) || run.next == run.count {
            self.delete(&chunk_key(subject, run.next - 1));
        }
        let more = run.next < run.count;
        if more {
            self.put(&key(subject), &run)?;
        } else {
            self.end_run(subject, &run);
        }
        Ok((TaskId::fresh(), task, more))
    }

    fn end_run(&mut self, subject: &str, run: &Run) {
        self.delete(&key(subject));
        self.delete(&run.entry_key(subject));
    }
}
