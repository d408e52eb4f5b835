//! Workers: claim a task, work while its lease is kept alive, then complete it, give it back, or leave it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::FutureExt;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::id::{DeliveryId, JobId, TransferItemId};
use sealpost_core::task::{Lease, Work, WorkKind};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::produce::Counters;
use crate::transfer::Progress;
use crate::{Pipeline, log};

/// How long a worker waits for a task before it looks at the queue again.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long running tasks may go on after shutdown was asked for; what is left is taken up by the next worker.
const GRACE: Duration = Duration::from_secs(20);
/// Deliveries wait for partners rather than for a core, so there may be more of them.
const DELIVERIES_PER_SLOT: usize = 4;
/// Notifications do nothing but wait for strangers' servers. Slots of their own: none waits for a delivery, nor the other
/// way round.
const NOTIFICATIONS_PER_SLOT: usize = 16;

/// Items of transfers are mostly small files, many of which share one connection. How many of one connector are under way
/// is the connector's own limit.
const ITEMS_PER_SLOT: usize = 16;
/// What tells receivers of events that something has ended.
const ANNOUNCEMENTS: &[WorkKind] = &[WorkKind::Announce, WorkKind::AnnounceTransfer, WorkKind::AnnounceDelivery];
/// They wait for whoever takes them.
const ANNOUNCEMENTS_PER_SLOT: usize = 4;

/// The pause of a task that needs a record which this process can't read.
const UNREAD_PAUSE: Duration = Duration::from_secs(60);
/// From so many claims on it is given up: about a day of such pauses.
const MOST_UNREAD: u32 = 24 * 60;

/// Whether a task waits since this process can't read a record: one of a newer version may have written it, and can. A task
/// that was buried instead would have to be revived by hand. What an attempt has made already is not made again for that.
pub(crate) fn waits_unread(error: &Error, lease: &Lease) -> bool {
    error.is(&codes::ledger::CORRUPT) && lease.epoch < MOST_UNREAD
}

/// What became of a task.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It is done, one way or the other; the ledger says which.
    Done,
    /// To be claimed again after a pause.
    Again(Duration),
    /// To the dead letters: its work was begun, and what became of that can't be recorded.
    Dead(Error),
}

/// What [`Pipeline::work_one`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worked {
    /// No task of these kinds is ready.
    Nothing,
    /// A task was worked on; the ledger says what became of it.
    Task,
    /// A task was begun and handed back, since there was no time left.
    HandedBack,
    /// There was no time to begin any.
    NoTime,
}

/// What a heartbeat writes beside the lease. (Not a closure: an async one that borrows can't be proven `Send`.)
pub(crate) enum Beat<'a> {
    /// Progress of a report.
    Report(&'a JobId, &'a Counters),
    /// Progress of a delivery.
    Delivery(&'a DeliveryId, &'a AtomicU64),
    /// Progress of an item of a transfer.
    Item(&'a TransferItemId, &'a Progress),
    /// Nothing: the work is short.
    LeaseOnly,
}

impl Pipeline {
    /// Writes progress; says whether someone asked to cancel.
    async fn beat(&self, beat: &Beat<'_>, lease: &Lease) -> Result<bool> {
        match beat {
            Beat::Report(id, counters) => self.parts.ledger.progress(id, counters.progress(), lease).await,
            Beat::Delivery(id, sent) => {
                self.parts.ledger.delivery_progress(id, sent.load(Ordering::Relaxed), lease).await?;
                Ok(false)
            }
            Beat::Item(id, progress) => {
                if let Some((size, bytes)) = progress.news() {
                    self.parts.transfers.item_progress(id, size, bytes, lease).await?;
                }
                Ok(false)
            }
            Beat::LeaseOnly => Ok(false),
        }
    }

    /// Works until `shutdown`. Running tasks then get 20 seconds; what is left over goes back to the queue.
    pub async fn work(&self, shutdown: CancellationToken) {
        let slots = self.parts.settings.concurrency.max(1);
        tokio::join!(
            self.work_on(&[WorkKind::Produce], slots, &shutdown),
            self.work_on(&[WorkKind::Deliver], slots * DELIVERIES_PER_SLOT, &shutdown),
            self.work_on(&[WorkKind::Transfer], slots * ITEMS_PER_SLOT, &shutdown),
            self.work_on(ANNOUNCEMENTS, slots * ANNOUNCEMENTS_PER_SLOT, &shutdown),
            self.work_on(&[WorkKind::Notify], slots * NOTIFICATIONS_PER_SLOT, &shutdown),
            self.work_on(&[WorkKind::Expire, WorkKind::Purge], 1, &shutdown),
            self.watch(&shutdown),
        );
    }

    async fn work_on(&self, kinds: &'static [WorkKind], slots: usize, shutdown: &CancellationToken) {
        let room = Arc::new(Semaphore::new(slots));
        let tasks = TaskTracker::new();
        let abort = CancellationToken::new();
        loop {
            let slot = tokio::select! {
                () = shutdown.cancelled() => break,
                slot = room.clone().acquire_owned() => slot,
            };
            let Ok(slot) = slot else { break };
            let (queue, lease) = (self.parts.queue.clone(), self.parts.settings.lease);
            let mut claim = Box::pin(async move { queue.claim(kinds, lease).await });
            let claimed = tokio::select! {
                biased;
                () = shutdown.cancelled() => {
                    // It may take long, and have happened already: what it brings is for the next worker, and at once.
                    let queue = self.parts.queue.clone();
                    tasks.spawn(async move {
                        let Ok(Some(lease)) = claim.await else { return };
                        log::handed_back(&lease);
                        let released = queue.release(&lease, Duration::ZERO).await;
                        drop(released.inspect_err(|error| log::task_trouble(&lease, error)));
                    });
                    break;
                }
                claimed = &mut claim => claimed,
            };
            match claimed {
                Ok(Some(lease)) => {
                    let (pipeline, abort) = (self.clone(), abort.clone());
                    tasks.spawn(async move {
                        // What went wrong was logged where it did.
                        drop(pipeline.work_off(lease, &abort).await);
                        drop(slot);
                    });
                }
                Ok(None) => {
                    drop(slot);
                    tokio::select! {
                        () = shutdown.cancelled() => break,
                        () = self.parts.queue.wait(kinds, PATIENCE) => {}
                    }
                }
                Err(error) => {
                    drop(slot);
                    log::queue_trouble(&error);
                    tokio::select! {
                        () = shutdown.cancelled() => break,
                        () = tokio::time::sleep(PATIENCE) => {}
                    }
                }
            }
        }
        tasks.close();
        if tokio::time::timeout(GRACE, tasks.wait()).await.is_err() {
            abort.cancel();
            tasks.wait().await;
        }
    }

    /// Claims one task of these kinds, if one is ready, and works on it: for processes that are called for work. Cancelled,
    /// it hands the task back for another process to go on with at once, a delivery where it stopped, a report from its
    /// beginning.
    ///
    /// # Errors
    /// The ledger's, logged already: nothing was claimed, or what became of the task was not recorded. Then its lease runs out,
    /// and it comes back.
    pub async fn work_one(&self, kinds: &[WorkKind], abort: &CancellationToken) -> Result<Worked> {
        if abort.is_cancelled() {
            return Ok(Worked::NoTime);
        }
        let claimed = self.parts.queue.claim(kinds, self.parts.settings.lease).await;
        match claimed.inspect_err(log::queue_trouble)? {
            Some(lease) => self.work_off(lease, abort).await,
            None => Ok(Worked::Nothing),
        }
    }

    async fn work_off(&self, mut lease: Lease, abort: &CancellationToken) -> Result<Worked> {
        let held = lease.clone();
        let mut worked = Worked::Task;
        let outcome = tokio::select! {
            outcome = self.handle(&mut lease) => outcome,
            () = abort.cancelled() => {
                log::handed_back(&held);
                worked = Worked::HandedBack;
                Ok(Outcome::Again(Duration::ZERO))
            }
        };
        let ended = match &outcome {
            Ok(Outcome::Done) => self.parts.queue.complete(&held).await,
            Ok(Outcome::Again(pause)) => self.parts.queue.release(&held, *pause).await,
            // Another worker has it: nothing of it is ours any more.
            Err(error) if error.is(&codes::ledger::LEASE_LOST) || error.is(&codes::deliver::LEASE_LOST) => {
                log::lease_lost(&held);
                return Ok(worked);
            }
            // The ledger itself failed us: nothing was recorded, so it is tried again soon.
            Err(error) if error.is_retried() => {
                log::task_trouble(&held, error);
                self.parts.queue.release(&held, PATIENCE * 2).await
            }
            Err(error) if waits_unread(error, &held) => {
                log::task_unread(&held, error, UNREAD_PAUSE);
                self.parts.queue.release(&held, UNREAD_PAUSE).await
            }
            Ok(Outcome::Dead(error)) | Err(error) => {
                log::task_buried(&held, error);
                self.parts.queue.bury(&held, &error.to_string()).await
            }
        };
        // Otherwise the lease runs out and the task comes back; handling it twice is harmless.
        ended.inspect_err(|error| log::task_trouble(&held, error)).map(|()| worked)
    }

    async fn handle(&self, lease: &mut Lease) -> Result<Outcome> {
        match lease.work.clone() {
            Work::Produce(job) => self.produce(&job, lease).await,
            Work::Deliver(delivery) => self.deliver(&delivery, lease).await,
            Work::Expire(job) => self.expire(&job, lease).await,
            Work::Purge(job) => self.purge(&job, lease).await,
            Work::Notify(notification) => self.notify(&notification, lease).await,
            Work::Transfer(item) => self.perform(&item, lease).await,
            Work::Announce(item) => self.announce_item(&item, lease).await,
            Work::AnnounceTransfer(transfer) => self.announce_transfer(&transfer, lease).await,
            Work::AnnounceDelivery(delivery) => self.announce_delivery(&delivery, lease).await,
        }
    }

    /// Runs `work` and keeps its lease alive: `beat` writes progress twice a second
    /// and says whether someone asked to cancel.
    ///
    /// # Errors
    /// What `work` says; `SP-LEDGER-004` when the lease is lost; `SP-SOURCE-015` when it is cancelled.
    pub(crate) async fn while_leased<T>(
        &self,
        lease: &mut Lease,
        beat: Beat<'_>,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let (lease_work, lease_task) = (lease.work.clone(), lease.task.clone());
        // A panic becomes an error at this boundary: the report is tried again, and the ledger says why.
        // Both are polled together: the heartbeat may have to wait for a writer that `work` holds.
        tokio::select! {
            done = AssertUnwindSafe(work).catch_unwind() => done.unwrap_or_else(|_| {
                Err(Error::new(&codes::ledger::DEFECT, format!("{} {}", lease_work.kind().as_str(), lease_task)))
            }),
            reason = self.keep_alive(lease, &beat) => Err(reason),
        }
    }

    /// Extends the lease and writes progress until there is a reason to stop the work. At the latest that is the end of the lease,
    /// also while the ledger keeps us waiting: another worker may be at it then.
    async fn keep_alive(&self, lease: &mut Lease, beat: &Beat<'_>) -> Error {
        let duration = self.parts.settings.lease;
        let pace = (duration / 3).min(Duration::from_millis(500));
        let mut last_extended = Instant::now();
        loop {
            let over = last_extended + duration;
            let Ok(beaten) = timeout_at(over, async {
                tokio::time::sleep(pace).await;
                self.beat(beat, lease).await
            })
            .await
            else {
                return run_out(lease);
            };
            match beaten {
                Ok(false) => {}
                Ok(true) => return Error::new(&codes::source::CANCELLED, "cancelled while it was produced"),
                Err(error) if error.is(&codes::ledger::LEASE_LOST) => return error,
                Err(error) => log::heartbeat_trouble(lease, &error),
            }
            if last_extended.elapsed() >= duration / 3 {
                // Before it is asked for: the answer may take long, and the lease does not begin with it.
                let asked = Instant::now();
                let Ok(extended) = timeout_at(over, self.parts.queue.extend(lease, duration)).await else {
                    return run_out(lease);
                };
                match extended {
                    Ok(()) => last_extended = asked,
                    Err(error) if error.is(&codes::ledger::LEASE_LOST) => return error,
                    // A ledger that can't be reached: go on until the lease is really over.
                    Err(error) => log::heartbeat_trouble(lease, &error),
                }
            }
        }
    }
}

/// The error for a lease that is over and was not extended.
fn run_out(lease: &Lease) -> Error {
    let detail = format!("the lease of {} (claim {}) has run out", lease.task, lease.epoch);
    Error::new(&codes::ledger::LEASE_LOST, detail)
}
