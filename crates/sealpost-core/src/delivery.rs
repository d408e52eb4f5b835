//! A delivery: one sealed file on its way to one connector, and its state machine.
//!
//! ```text
//!   pending ──Started──▶ sending ──Delivered──▶ delivered
//!      ▲                  │   ╲
//!      └──AttemptFailed───┘    ╲──Failed──▶ failed
//! ```

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Failure, Result, codes};
use crate::id::{ConnectorId, DeliveryId, JobId, PartnerId};
use crate::job::Job;
use crate::outage::is_waited_for;
use crate::receipt::Receipt;
use crate::sealed::SealedFile;
use crate::task::{NewTask, Work};

/// Most deliveries of one report, all that were ever made. Whoever looks at a report reads every one of them, and ledgers keep
/// their ids with the report, in a record whose size is limited.
pub const MOST_DELIVERIES: usize = 200;

/// The status that the API shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// Waiting for a worker, for the first time or to be tried again.
    Pending,
    /// A worker sends it.
    Sending,
    /// The partner's server shows the file under its final name.
    Delivered,
    /// Given up; it can be redelivered.
    Failed,
}

impl DeliveryStatus {
    /// The stable lower-case name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sending => "sending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    /// Whether nothing more happens to it.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Delivered | Self::Failed)
    }
}

/// What a worker is about to do on the server, recorded before it does it.
///
/// After a crash, a temporary name that is gone means that this rename happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The complete, verified, hidden file.
    pub temporary_path: String,
    /// The name it is about to get.
    pub final_path: String,
    /// The server and account that both are on, see [`ConnectorSettings::account`]. After an operator pointed the
    /// connector elsewhere, a file that is missing there says nothing.
    ///
    /// [`ConnectorSettings::account`]: crate::connector::ConnectorSettings::account
    pub account: String,
}

/// A delivery as the ledger keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// The job whose file it is.
    pub job: JobId,
    /// Whose file it is.
    pub partner: PartnerId,
    /// Where it goes.
    pub connector: ConnectorId,
    /// What goes there.
    pub file: SealedFile,
    /// Where it stands.
    pub status: DeliveryStatus,
    /// Attempts begun so far.
    pub attempts: u32,
    /// Attempts that failed and were recorded so; an attempt cut short by a crash is not among them.
    #[serde(default)]
    pub failed_attempts: u32,
    /// Those of them that found the secret store away: they use up no attempt.
    #[serde(default)]
    pub waits: u32,
    /// Bytes that the server has so far, as of the last progress report.
    pub bytes_sent: u64,
    /// The recorded intent of the present or an interrupted attempt.
    pub intent: Option<Intent>,
    /// The proof, once delivered.
    pub receipt: Option<Receipt>,
    /// Why it failed, or why the last attempt did.
    pub failure: Option<Failure>,
    /// When it is tried again, while pending after a failed attempt.
    pub retry_at: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When the first attempt began.
    pub started_at: Option<Timestamp>,
    /// When it reached a terminal status.
    pub finished_at: Option<Timestamp>,
    /// Grows with every event.
    pub version: u64,
}

/// What happens to a delivery. Each is kept in the timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum DeliveryEvent {
    /// It was created; always the first.
    Created,
    /// A worker began an attempt.
    Started {
        /// Which attempt, from 1.
        attempt: u32,
        /// The worker's name.
        worker: String,
    },
    /// The hidden file is complete and verified; the rename is next.
    Intended {
        /// The rename.
        intent: Intent,
    },
    /// The server refused the rename, so it certainly did not happen.
    IntentWithdrawn,
    /// The server shows the file under its final name.
    Delivered {
        /// The proof.
        receipt: Receipt,
    },
    /// The attempt failed and will be repeated.
    AttemptFailed {
        /// Why.
        failure: Failure,
        /// When it is tried again.
        retry_at: Timestamp,
    },
    /// Given up.
    Failed {
        /// Why.
        failure: Failure,
    },
}

impl DeliveryEvent {
    /// The event's stable name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Started { .. } => "started",
            Self::Intended { .. } => "intended",
            Self::IntentWithdrawn => "intent_withdrawn",
            Self::Delivered { .. } => "delivered",
            Self::AttemptFailed { .. } => "attempt_failed",
            Self::Failed { .. } => "failed",
        }
    }
}

impl Delivery {
    /// Refuses further deliveries of a report that would have too many then.
    ///
    /// # Errors
    /// `SP-REQUEST-044`.
    pub fn check_number(job: &JobId, there: usize, further: usize) -> Result<()> {
        if there.saturating_add(further) <= MOST_DELIVERIES {
            return Ok(());
        }
        let detail = format!("report {job} has {there} deliveries; {MOST_DELIVERIES} is the most");
        Err(Error::new(&codes::request::SENT_TOO_OFTEN, detail))
    }

    /// A new delivery of a stored file, with its first task.
    #[must_use]
    pub fn pending(job: &Job, file: SealedFile, connector: ConnectorId, now: Timestamp) -> (Self, NewTask) {
        let delivery = Self {
            id: DeliveryId::fresh(),
            job: job.id.clone(),
            partner: job.request.partner.clone(),
            connector,
            file,
            status: DeliveryStatus::Pending,
            attempts: 0,
            failed_attempts: 0,
            waits: 0,
            bytes_sent: 0,
            intent: None,
            receipt: None,
            failure: None,
            retry_at: None,
            created_at: now,
            started_at: None,
            finished_at: None,
            version: 1,
        };
        let task = NewTask { work: Work::Deliver(delivery.id.clone()), run_at: now };
        (delivery, task)
    }

    /// The failed attempts that count against the most that there may be.
    #[must_use]
    pub fn used_attempts(&self) -> u32 {
        self.failed_attempts.saturating_sub(self.waits)
    }

    /// The delivery after `event`: the one place where a delivery changes.
    ///
    /// # Errors
    /// `SP-LEDGER-003` where the event does not fit the present status.
    pub fn apply(&self, event: &DeliveryEvent, now: Timestamp) -> Result<Self> {
        use DeliveryStatus::{Delivered, Failed, Pending, Sending};

        let mut delivery = self.clone();
        delivery.version += 1;
        match (self.status, event) {
            (Pending | Sending, DeliveryEvent::Started { attempt, .. }) if *attempt > self.attempts => {
                delivery.status = Sending;
                delivery.attempts = *attempt;
                delivery.retry_at = None;
                delivery.started_at.get_or_insert(now);
            }
            (Sending, DeliveryEvent::Intended { intent }) => delivery.intent = Some(intent.clone()),
            (Sending, DeliveryEvent::IntentWithdrawn) => delivery.intent = None,
            (Sending, DeliveryEvent::Delivered { receipt }) => {
                delivery.status = Delivered;
                delivery.bytes_sent = receipt.size;
                delivery.failure = None;
                delivery.receipt = Some(receipt.clone());
                delivery.finished_at = Some(now);
            }
            (Sending, DeliveryEvent::AttemptFailed { failure, retry_at }) => {
                delivery.status = Pending;
                delivery.failed_attempts += 1;
                delivery.waits += u32::from(is_waited_for(&failure.code, self.created_at, now));
                delivery.failure = Some(failure.clone());
                delivery.retry_at = Some(*retry_at);
            }
            (Pending | Sending, DeliveryEvent::Failed { failure }) => {
                delivery.status = Failed;
                delivery.failure = Some(failure.clone());
                delivery.retry_at = None;
                delivery.finished_at = Some(now);
            }
            (status, event) => {
                return Err(Error::new(
                    &codes::ledger::ILLEGAL_MOVE,
                    format!("delivery {} is {}, which `{}` does not fit", self.id, status.as_str(), event.name()),
                ));
            }
        }
        Ok(delivery)
    }
}
