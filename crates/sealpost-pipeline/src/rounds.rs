//! What is looked at now and then, whoever does it: a worker beside its tasks, or a function that a schedule calls.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sealpost_core::error::Result;
use sealpost_core::task::QueueDepth;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{Pipeline, log, telemetry};

/// How often certificates and old counts are looked at.
const ROUND: SignedDuration = SignedDuration::from_hours(1);
/// How often a worker publishes the queue's depth and how many servers rest.
const PACE: Duration = Duration::from_secs(10);
/// How often a worker goes on with removals.
const TIDYING: Duration = Duration::from_secs(60);

/// What this process has looked at and warned of.
#[derive(Default)]
pub(crate) struct Rounds {
    /// By the wall clock: a process that is frozen between calls has no other.
    last: Option<Timestamp>,
    pub(crate) warned: BTreeSet<(String, i64)>,
    pub(crate) published: telemetry::CertificateDays,
}

/// What [`Pipeline::look_after`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LookedAfter {
    /// How often workers were called for tasks that may have been forgotten.
    pub rung: u64,
    /// How much waits.
    pub depth: QueueDepth,
}

impl Pipeline {
    /// What is due now: calls workers for tasks that may have been forgotten, goes on with removals, forgets servers that
    /// nobody tries any more and publishes the queue's depth; once an hour warns of certificates that expire and forgets old
    /// counts of requests. What fails keeps nothing else from being done.
    ///
    /// # Errors
    /// The first failure. Each is logged already.
    pub async fn look_after(&self) -> Result<LookedAfter> {
        self.breakers.forget(std::time::Instant::now());
        // Each where it fails: a function whose ledger keeps it waiting may be ended before all of it is done.
        let rung = self.parts.queue.sweep().await.inspect_err(log::queue_trouble);
        let round = self.round().await.inspect_err(log::queue_trouble);
        let depth = self.parts.queue.depth().await.inspect_err(log::queue_trouble);
        let depth = depth.inspect(|depth| telemetry::queue_depth(*depth));
        let looked = LookedAfter { rung: rung?, depth: depth? };
        round.map(|()| looked)
    }

    /// Looks around, where it is time to.
    async fn round(&self) -> Result<()> {
        let mut rounds = self.rounds.lock().await;
        let now = Timestamp::now();
        // A clock that was set back makes it due, too.
        if rounds.last.is_some_and(|last| last <= now && now.duration_since(last) < ROUND) {
            return Ok(());
        }
        rounds.last = Some(now);
        let warned = self.warn_of_expiry(&mut rounds).await;
        self.quotas.forget_old().await.and(warned)
    }

    /// Looks around beside a worker's tasks. It tidies the queue and does not sweep it: who works here looks for tasks itself,
    /// and many who ring for the same tasks would call more than there is work for.
    pub(crate) async fn watch(&self, shutdown: &CancellationToken) {
        // At once: the process before may have been cut short.
        let mut tidied: Option<Instant> = None;
        loop {
            if let Err(error) = self.round().await {
                log::queue_trouble(&error);
            }
            if tidied.is_none_or(|last| last.elapsed() >= TIDYING) {
                tidied = Some(Instant::now());
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    () = self.parts.queue.tidy() => {}
                }
            }
            self.breakers.forget(std::time::Instant::now());
            if let Ok(depth) = self.parts.queue.depth().await {
                telemetry::queue_depth(depth);
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(PACE) => {}
            }
        }
    }
}
