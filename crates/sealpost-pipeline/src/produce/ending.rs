//! How an attempt to produce ends: stored, tried again, given up, cancelled.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sealpost_core::error::{Error, Failure, Result, codes};
use sealpost_core::id::JobId;
use sealpost_core::job::{Job, JobEvent, JobStatus};
use sealpost_core::task::Lease;

use super::Produced;
use crate::outage::pause_for_outage;
use crate::telemetry::Stopwatch;
use crate::worker::Outcome;
use crate::{Pipeline, log, telemetry};

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

impl Pipeline {
    /// Ends a report of which the ledger has refused an event for good: it would stay as it is for ever, and count against the
    /// partner's limit. Only where the ledger does not take its end either is that left to an operator.
    pub(super) async fn end_refused(&self, id: &JobId, error: Error, lease: &Lease) -> Result<Outcome> {
        let event = JobEvent::Failed { failure: Failure::from(&error) };
        match self.parts.ledger.apply(id, &event, Some(lease), Timestamp::now()).await {
            Ok(job) => {
                telemetry::failed(&job, &error);
                log::failed(&job, &error);
                Ok(Outcome::Done)
            }
            // Another worker has it, or the ledger can't be reached just now: it comes back.
            Err(another) if another.is_retried() => Err(another),
            Err(_) => Ok(Outcome::Dead(error)),
        }
    }

    /// Records what an attempt has made.
    pub(super) async fn stored(
        &self,
        job: &Job,
        attempt: u32,
        produced: Produced,
        lease: &Lease,
        stopwatch: Stopwatch,
    ) -> Result<Outcome> {
        let event =
            JobEvent::Stored { file: produced.file, row_count: produced.row_count, recipients: produced.recipients };
        match self.parts.ledger.apply(&job.id, &event, Some(lease), Timestamp::now()).await {
            Ok(job) if job.status == JobStatus::Cancelled => Ok(cancelled_meanwhile(&job)),
            Ok(job) => {
                telemetry::produced(&job, stopwatch);
                log::stored(&job, stopwatch);
                Ok(Outcome::Done)
            }
            Err(error) => {
                // Another worker goes on with this job, it was cancelled, or it can't be recorded at all: our file is nobody's.
                if error.is(&codes::ledger::LEASE_LOST) || !error.is_retried() {
                    self.parts.store.discard_attempt(&job.request.partner, &job.id, attempt).await?;
                }
                Err(error)
            }
        }
    }

    /// Records why an attempt has failed: to be tried again, or given up.
    pub(super) async fn not_produced(&self, job: &Job, error: &Error, lease: &Lease) -> Result<Outcome> {
        let ended_elsewhere;
        let mut error = error;
        if error.is(&codes::source::CANCELLED) {
            let now = self.parts.ledger.job_of_any_partner(&job.id).await?;
            if now.is_none_or(|now| now.cancel_requested) {
                return self.cancelled(job, lease).await;
            }
            // The database ends queries for reasons of its own too: a watchdog, an operator, a change of the table.
            let detail =
                format!("the database ended the query, and nobody has cancelled the report: {}", error.detail());
            ended_elsewhere = Error::new(&codes::source::BROKEN, detail);
            error = &ended_elsewhere;
        }
        let counted = || self.pause_after(job.used_attempts() + 1).filter(|_| error.is_retried());
        let waited = pause_for_outage(error, job.created_at);
        // A database that was started again is back in seconds: it is tried as soon, and as often, as after any other failure first.
        let is_database = error.is(&codes::source::UNREACHABLE) || error.is(&codes::source::BUSY);
        let soon = self.pause_after(job.failed_attempts + 1).filter(|_| is_database && waited.is_some());
        let Some(pause) = soon.or(waited).or_else(counted) else {
            return self.give_up(job, error, lease).await;
        };
        let retry_at = Timestamp::now() + SignedDuration::try_from(pause).unwrap_or_default();
        let event = JobEvent::AttemptFailed { failure: Failure::from(error), retry_at };
        let after = self.parts.ledger.apply(&job.id, &event, Some(lease), Timestamp::now()).await?;
        if after.status == JobStatus::Cancelled {
            return Ok(cancelled_meanwhile(&after));
        }
        telemetry::attempt_failed(error);
        log::attempt_failed(job, error, pause);
        Ok(Outcome::Again(pause))
    }

    /// The pause after so many attempts that failed; `None` when none is left.
    fn pause_after(&self, failures: u32) -> Option<Duration> {
        let settings = &self.parts.settings;
        let doubled = settings.produce_pause * 2u32.pow(failures.saturating_sub(1).min(10));
        let pause = doubled.min(LONGEST_PAUSE).mul_f64(0.5 + rand::random::<f64>() / 2.0);
        (failures < settings.produce_attempts).then_some(pause)
    }

    /// Ends a report that someone has asked to cancel.
    pub(super) async fn cancelled(&self, job: &Job, lease: &Lease) -> Result<Outcome> {
        let event = if job.status == JobStatus::Running { JobEvent::Cancelled } else { JobEvent::CancelRequested };
        let job = self.parts.ledger.apply(&job.id, &event, Some(lease), Timestamp::now()).await?;
        Ok(cancelled_meanwhile(&job))
    }

    /// Gives a report up.
    pub(super) async fn give_up(&self, job: &Job, error: &Error, lease: &Lease) -> Result<Outcome> {
        let event = JobEvent::Failed { failure: Failure::from(error) };
        let job = self.parts.ledger.apply(&job.id, &event, Some(lease), Timestamp::now()).await?;
        telemetry::failed(&job, error);
        log::failed(&job, error);
        Ok(Outcome::Done)
    }
}

/// The end of a report that was cancelled while its attempt went on. What the attempt stored is purged as a task of its own.
fn cancelled_meanwhile(job: &Job) -> Outcome {
    log::revised(job, &JobEvent::Cancelled);
    Outcome::Done
}
