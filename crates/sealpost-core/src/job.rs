//! A job: one run of one report type for one partner, and its state machine.
//!
//! State moves only through [`Job::apply`], a pure function. It also says what follows from a move — deliveries to
//! create, tasks to enqueue — so that a ledger stores all of it in one step and a crash can never separate them.
//!
//! ```text
//!             Started              Stored                    Expired
//!   queued ───────────▶ running ───────────▶ succeeded ───────────────▶ expired
//!     ▲  ╲                │ │  ╲
//!     │   ╲ Cancelled     │ │   ╲ Failed
//!     │    ▶ cancelled ◀──┘ │    ▶ failed
//!     └─────────────────────┘
//!          AttemptFailed
//! ```
//!
//! Once someone has asked to cancel a running job, `Stored` and `AttemptFailed` lead to `cancelled` as well.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::delivery::Delivery;
use crate::error::{Error, Failure, Result, codes};
use crate::id::{ConnectorId, JobId, PartnerId, ReportTypeId};
use crate::notification::Announcement;
use crate::outage::is_waited_for;
use crate::param::ParameterValues;
use crate::sealed::{FileName, SealedFile};
use crate::task::{NewTask, Work};

/// The status that the API shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobStatus {
    /// Waiting for a worker, for the first time or to be tried again.
    Queued,
    /// A worker produces it.
    Running,
    /// The sealed file is stored.
    Succeeded,
    /// It can't be produced; `failure` says why.
    Failed,
    /// Cancelled before it was produced.
    Cancelled,
    /// It was produced; the file is gone by retention or deletion.
    Expired,
}

impl JobStatus {
    /// All statuses.
    pub const ALL: [Self; 6] =
        [Self::Queued, Self::Running, Self::Succeeded, Self::Failed, Self::Cancelled, Self::Expired];

    /// The stable lower-case name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    /// Whether production is over.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// What was asked for, checked: nothing further right validates it again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReportRequest {
    /// Who asked.
    pub partner: PartnerId,
    /// The report type.
    pub report_type: ReportTypeId,
    /// The format's name.
    pub format: String,
    /// The format's options, checked by the format.
    #[serde(default)]
    pub format_options: serde_json::Map<String, serde_json::Value>,
    /// Checked parameters.
    pub parameters: ParameterValues,
    /// Connectors to deliver to; empty when the partner fetches the file itself.
    #[serde(default)]
    pub deliver_to: Vec<ConnectorId>,
}

/// How far production is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Rows read so far.
    pub rows: u64,
    /// Ciphertext bytes handed to the store so far.
    pub bytes: u64,
}

/// A job as the ledger keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// What was asked for.
    pub request: ReportRequest,
    /// The name of the file, unique within the partner: fixed at admission, the same for every attempt.
    pub file_name: FileName,
    /// How long the file is kept once it is stored, in days.
    pub retention_days: u32,
    /// Where it stands.
    pub status: JobStatus,
    /// Attempts begun so far.
    pub attempts: u32,
    /// Attempts that failed and were recorded so; an attempt cut short by a crash is not among them.
    #[serde(default)]
    pub failed_attempts: u32,
    /// Those of them that found the secret store or the database away: they use up no attempt.
    #[serde(default)]
    pub waits: u32,
    /// Set while running after someone asked to cancel.
    pub cancel_requested: bool,
    /// How far the present or last attempt came.
    pub progress: Progress,
    /// Rows in the file, once succeeded.
    pub row_count: Option<u64>,
    /// The sealed file, once succeeded; kept as a record after expiry.
    pub file: Option<SealedFile>,
    /// Fingerprints that the file is sealed to.
    #[serde(default)]
    pub recipients: Vec<String>,
    /// Why it failed, or why the last attempt did.
    pub failure: Option<Failure>,
    /// When it is tried again, while queued after a failed attempt.
    pub retry_at: Option<Timestamp>,
    /// When it was admitted.
    pub created_at: Timestamp,
    /// When the first attempt began.
    pub started_at: Option<Timestamp>,
    /// When it reached a terminal status.
    pub finished_at: Option<Timestamp>,
    /// When the file expires, once succeeded.
    pub expires_at: Option<Timestamp>,
    /// Grows with every event: the optimistic lock of the ledgers and the API's `ETag`.
    pub version: u64,
}

/// What happens to a job. Each is kept in the timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum JobEvent {
    /// It was admitted; always the first.
    Admitted,
    /// A worker began an attempt.
    Started {
        /// Which attempt, from 1.
        attempt: u32,
        /// The worker's name.
        worker: String,
    },
    /// The sealed file is complete in the store.
    Stored {
        /// The file.
        file: SealedFile,
        /// Rows in it.
        row_count: u64,
        /// Fingerprints that it is sealed to.
        recipients: Vec<String>,
    },
    /// The attempt failed and will be repeated.
    AttemptFailed {
        /// Why.
        failure: Failure,
        /// When it is tried again.
        retry_at: Timestamp,
    },
    /// It failed for good.
    Failed {
        /// Why.
        failure: Failure,
    },
    /// Someone asked to cancel it.
    CancelRequested,
    /// The worker stopped because of that.
    Cancelled,
    /// The file is no longer offered; its objects are purged next.
    Expired {
        /// Whether someone deleted it, rather than its retention having passed.
        deleted: bool,
    },
    /// The objects are removed from the store.
    Purged,
}

impl JobEvent {
    /// The event's stable name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::Started { .. } => "started",
            Self::Stored { .. } => "stored",
            Self::AttemptFailed { .. } => "attempt_failed",
            Self::Failed { .. } => "failed",
            Self::CancelRequested => "cancel_requested",
            Self::Cancelled => "cancelled",
            Self::Expired { .. } => "expired",
            Self::Purged => "purged",
        }
    }
}

/// A move and what follows from it, to be stored in one step.
#[derive(Debug, Clone, PartialEq)]
pub struct JobMove {
    /// The job afterwards.
    pub job: Job,
    /// Deliveries to create, each with its task among `tasks`.
    pub deliveries: Vec<Delivery>,
    /// Tasks to enqueue.
    pub tasks: Vec<NewTask>,
    /// What the partner's webhooks are told.
    pub announcement: Option<Announcement>,
}

impl Job {
    /// A newly admitted job with its first task.
    #[must_use]
    pub fn admitted(
        id: JobId,
        request: ReportRequest,
        file_name: FileName,
        retention_days: u32,
        now: Timestamp,
    ) -> JobMove {
        let task = NewTask { work: Work::Produce(id.clone()), run_at: now };
        let job = Self {
            id,
            request,
            file_name,
            retention_days,
            status: JobStatus::Queued,
            attempts: 0,
            failed_attempts: 0,
            waits: 0,
            cancel_requested: false,
            progress: Progress::default(),
            row_count: None,
            file: None,
            recipients: Vec::new(),
            failure: None,
            retry_at: None,
            created_at: now,
            started_at: None,
            finished_at: None,
            expires_at: None,
            version: 1,
        };
        JobMove { job, deliveries: Vec::new(), tasks: vec![task], announcement: None }
    }

    /// The failed attempts that count against the most that there may be.
    #[must_use]
    pub fn used_attempts(&self) -> u32 {
        self.failed_attempts.saturating_sub(self.waits)
    }

    /// The move that `event` makes from here: the one place where a job changes.
    ///
    /// # Errors
    /// `SP-LEDGER-003` where the event does not fit the present status.
    pub fn apply(&self, event: &JobEvent, now: Timestamp) -> Result<JobMove> {
        use JobStatus::{Cancelled, Expired, Failed, Queued, Running, Succeeded};

        let mut job = self.clone();
        job.version += 1;
        let mut deliveries = Vec::new();
        let mut tasks = Vec::new();
        match (self.status, event) {
            // A second start without an end in between: the worker of the earlier attempt died or lost its lease.
            (Queued | Running, JobEvent::Started { attempt, .. }) if *attempt > self.attempts => {
                job.status = Running;
                job.attempts = *attempt;
                job.progress = Progress::default();
                job.retry_at = None;
                job.started_at.get_or_insert(now);
            }
            // Whoever asked to cancel was told that it is being done; the attempt may come to its end before its worker knows.
            (Running, JobEvent::Stored { .. } | JobEvent::AttemptFailed { .. }) if self.cancel_requested => {
                job.finish(Cancelled, now);
                tasks.push(NewTask { work: Work::Purge(self.id.clone()), run_at: now });
            }
            (Running, JobEvent::Stored { file, row_count, recipients }) => {
                let kept = SignedDuration::from_hours(24 * i64::from(self.retention_days));
                let expires_at = now.checked_add(kept).unwrap_or(Timestamp::MAX);
                job.finish(Succeeded, now);
                job.failure = None;
                job.progress = Progress { rows: *row_count, bytes: file.size };
                job.row_count = Some(*row_count);
                job.file = Some(file.clone());
                job.recipients.clone_from(recipients);
                job.expires_at = Some(expires_at);
                for connector in &self.request.deliver_to {
                    let (delivery, task) = Delivery::pending(&job, file.clone(), connector.clone(), now);
                    deliveries.push(delivery);
                    tasks.push(task);
                }
                tasks.push(NewTask { work: Work::Expire(self.id.clone()), run_at: expires_at });
            }
            (Running, JobEvent::AttemptFailed { failure, retry_at }) => {
                job.status = Queued;
                job.failed_attempts += 1;
                job.waits += u32::from(is_waited_for(&failure.code, self.created_at, now));
                job.failure = Some(failure.clone());
                job.retry_at = Some(*retry_at);
            }
            (Queued | Running, JobEvent::Failed { failure }) => {
                job.finish(Failed, now);
                job.failure = Some(failure.clone());
                tasks.push(NewTask { work: Work::Purge(self.id.clone()), run_at: now });
            }
            (Queued, JobEvent::CancelRequested) | (Running, JobEvent::Cancelled) => {
                job.finish(Cancelled, now);
                job.cancel_requested = true;
                tasks.push(NewTask { work: Work::Purge(self.id.clone()), run_at: now });
            }
            (Running, JobEvent::CancelRequested) => job.cancel_requested = true,
            (Succeeded, JobEvent::Expired { .. }) => {
                job.status = Expired;
                job.expires_at = Some(now);
                tasks.push(NewTask { work: Work::Purge(self.id.clone()), run_at: now });
            }
            (Failed | Cancelled | Expired, JobEvent::Purged) => {}
            (status, event) => {
                return Err(Error::new(
                    &codes::ledger::ILLEGAL_MOVE,
                    format!("report {} is {}, which `{}` does not fit", self.id, status.as_str(), event.name()),
                ));
            }
        }
        let announcement = Announcement::of_job(&job, event, now);
        Ok(JobMove { job, deliveries, tasks, announcement })
    }

    fn finish(&mut self, status: JobStatus, now: Timestamp) {
        self.status = status;
        self.finished_at = Some(now);
        self.retry_at = None;
    }
}

#[cfg(test)]
mod tests;
