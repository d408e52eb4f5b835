//! Notifications: one message to one webhook, and its state machine.
//!
//! What happened becomes an [`Announcement`]; the ledger makes a notification of it for each webhook that wants it, in
//! the same step as the event itself, so that none is lost and none is told of something that did not happen.
//!
//! ```text
//!   pending ──Delivered──▶ delivered ─┐
//!     ▲  ▲ ╲                          │ Replayed
//!     │  └─AttemptFailed  ──Failed──▶ failed
//!     └───────────────────────────────┘
//! ```

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::delivery::{Delivery, DeliveryEvent};
use crate::error::{Error, Failure, Result, codes};
use crate::id::{NotificationId, PartnerId, WebhookId};
use crate::job::{Job, JobEvent, JobStatus};
use crate::task::{NewTask, Work};
use crate::webhook::{EventKind, Webhook};

/// Something that a partner's webhooks are told.
#[derive(Debug, Clone, PartialEq)]
pub struct Announcement {
    /// Whose webhooks.
    pub partner: PartnerId,
    /// What kind of event.
    pub event: EventKind,
    /// When it happened.
    pub at: Timestamp,
    /// What happened to what. Ids and numbers; never rows, never what our own systems said.
    pub data: Json,
}

impl Announcement {
    /// What is told of a job's event, if anything. `job` is the job afterwards.
    #[must_use]
    pub fn of_job(job: &Job, event: &JobEvent, at: Timestamp) -> Option<Self> {
        let kind = match event {
            // A job that waits is cancelled at once; one that runs, by its worker, or by the end of its attempt.
            JobEvent::CancelRequested | JobEvent::Stored { .. } | JobEvent::AttemptFailed { .. }
                if job.status == JobStatus::Cancelled =>
            {
                EventKind::ReportCancelled
            }
            JobEvent::Stored { .. } => EventKind::ReportSucceeded,
            JobEvent::Failed { .. } => EventKind::ReportFailed,
            JobEvent::Cancelled => EventKind::ReportCancelled,
            JobEvent::Expired { .. } => EventKind::ReportExpired,
            _ => return None,
        };
        let file = job
            .file
            .as_ref()
            .map(|file| json!({ "name": job.file_name.as_str(), "size": file.size, "sha256": file.sha256 }));
        let data = json!({
            "report_id": job.id,
            "status": job.status,
            "report_type": job.request.report_type,
            "format": job.request.format,
            "created_at": job.created_at,
            "row_count": job.row_count,
            "file": file,
            "failure": job.failure.as_ref().filter(|_| kind == EventKind::ReportFailed).map(told),
        });
        Some(Self { partner: job.request.partner.clone(), event: kind, at, data })
    }

    /// What is told of a delivery's event, if anything. `delivery` is the delivery afterwards.
    #[must_use]
    pub fn of_delivery(delivery: &Delivery, event: &DeliveryEvent, at: Timestamp) -> Option<Self> {
        let kind = match event {
            DeliveryEvent::Delivered { .. } => EventKind::DeliveryDelivered,
            DeliveryEvent::Failed { .. } => EventKind::DeliveryFailed,
            _ => return None,
        };
        let data = json!({
            "delivery_id": delivery.id,
            "report_id": delivery.job,
            "destination_id": delivery.connector,
            "status": delivery.status,
            "attempts": delivery.attempts,
            "size": delivery.file.size,
            "sha256": delivery.file.sha256,
            "remote_path": delivery.receipt.as_ref().map(|receipt| receipt.remote_path.clone()),
            "failure": delivery.failure.as_ref().map(told),
        });
        Some(Self { partner: delivery.partner.clone(), event: kind, at, data })
    }

    /// A test of a webhook.
    #[must_use]
    pub fn ping(webhook: &Webhook, at: Timestamp) -> Self {
        let data = json!({ "webhook_id": webhook.id });
        Self { partner: webhook.partner.clone(), event: EventKind::Ping, at, data }
    }
}

/// What a stranger's server may know of a failure: not the detail, which may name our hosts and tables.
fn told(failure: &Failure) -> Json {
    json!({ "code": failure.code, "title": failure.title, "side": failure.side })
}

/// Where a notification stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotificationStatus {
    /// To be posted, for the first time or again.
    Pending,
    /// The webhook's server has taken it.
    Delivered,
    /// Given up: a dead letter. It can be replayed.
    Failed,
}

impl NotificationStatus {
    /// The stable lower-case name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }
}

/// A notification as the ledger keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    /// Its id; the receiver tells duplicates by it.
    pub id: NotificationId,
    /// Where it goes.
    pub webhook: WebhookId,
    /// Whose webhook it is.
    pub partner: PartnerId,
    /// What kind of event it tells of.
    pub event: EventKind,
    /// The body: the same bytes at every attempt.
    pub payload: String,
    /// Where it stands.
    pub status: NotificationStatus,
    /// Attempts begun since it was made or last replayed.
    pub attempts: u32,
    /// The HTTP status of the last answer.
    pub answer: Option<u16>,
    /// Why the last attempt failed.
    pub failure: Option<Failure>,
    /// When it is tried again.
    pub retry_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was delivered or given up.
    pub finished_at: Option<Timestamp>,
    /// Grows with every event.
    pub version: u64,
}

/// What happens to a notification.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum NotificationEvent {
    /// A worker began an attempt.
    Started {
        /// Which attempt, from 1.
        attempt: u32,
    },
    /// The server answered with a 2xx status.
    Delivered {
        /// Which.
        answer: u16,
    },
    /// The attempt failed and will be repeated.
    AttemptFailed {
        /// Why.
        failure: Failure,
        /// The status of the answer, if there was one.
        answer: Option<u16>,
        /// When it is tried again.
        retry_at: Timestamp,
    },
    /// Given up.
    Failed {
        /// Why.
        failure: Failure,
        /// The status of the answer, if there was one.
        answer: Option<u16>,
    },
    /// Someone asked to post it again.
    Replayed,
}

impl Notification {
    /// A notification of an announcement to a webhook, with its first task.
    #[must_use]
    pub fn pending(webhook: &Webhook, announcement: &Announcement) -> (Self, NewTask) {
        let Announcement { partner, event, at, data } = announcement;
        let payload = json!({ "type": event, "timestamp": at, "data": data }).to_string();
        let notification = Self {
            id: NotificationId::fresh(),
            webhook: webhook.id.clone(),
            partner: partner.clone(),
            event: *event,
            payload,
            status: NotificationStatus::Pending,
            attempts: 0,
            answer: None,
            failure: None,
            retry_at: None,
            created_at: *at,
            finished_at: None,
            version: 1,
        };
        let task = NewTask { work: Work::Notify(notification.id.clone()), run_at: *at };
        (notification, task)
    }

    /// The notification after `event`, with the task that follows from it: the one place where one changes.
    ///
    /// # Errors
    /// `SP-LEDGER-003` where the event does not fit the present status.
    pub fn apply(&self, event: &NotificationEvent, now: Timestamp) -> Result<(Self, Option<NewTask>)> {
        use NotificationStatus::{Delivered, Failed, Pending};

        let mut next = self.clone();
        let mut task = None;
        next.version += 1;
        match (self.status, event) {
            (Pending, NotificationEvent::Started { attempt }) if *attempt > self.attempts => {
                next.attempts = *attempt;
                next.retry_at = None;
            }
            (Pending, NotificationEvent::Delivered { answer }) => {
                next.status = Delivered;
                next.answer = Some(*answer);
                next.failure = None;
                next.finished_at = Some(now);
            }
            (Pending, NotificationEvent::AttemptFailed { failure, answer, retry_at }) => {
                next.failure = Some(failure.clone());
                next.answer = *answer;
                next.retry_at = Some(*retry_at);
            }
            (Pending, NotificationEvent::Failed { failure, answer }) => {
                next.status = Failed;
                next.failure = Some(failure.clone());
                next.answer = *answer;
                next.retry_at = None;
                next.finished_at = Some(now);
            }
            (Delivered | Failed, NotificationEvent::Replayed) => {
                next.status = Pending;
                next.attempts = 0;
                next.finished_at = None;
                task = Some(NewTask { work: Work::Notify(self.id.clone()), run_at: now });
            }
            (status, _) => {
                return Err(Error::new(
                    &codes::ledger::ILLEGAL_MOVE,
                    format!("notification {} is {}, which the event does not fit", self.id, status.as_str()),
                ));
            }
        }
        Ok((next, task))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notification() -> Notification {
        let webhook = Webhook {
            id: WebhookId::fresh(),
            partner: "acme".parse().expect("an id"),
            url: String::new(),
            events: Vec::new(),
            label: String::new(),
            enabled: true,
            secret_version: 1,
            previous_until: None,
            created_at: Timestamp::UNIX_EPOCH,
        };
        Notification::pending(&webhook, &Announcement::ping(&webhook, Timestamp::UNIX_EPOCH)).0
    }

    #[test]
    fn a_payload_has_the_members_of_standard_webhooks() {
        let payload: Json = serde_json::from_str(&notification().payload).expect("json");
        assert_eq!(payload["type"], "webhook.ping");
        assert_eq!(payload["timestamp"], "1970-01-01T00:00:00Z");
        assert!(payload["data"]["webhook_id"].is_string());
    }

    #[test]
    fn what_has_ended_moves_only_by_a_replay() {
        let now = Timestamp::UNIX_EPOCH;
        let (sent, _) = notification().apply(&NotificationEvent::Started { attempt: 1 }, now).expect("pending");
        let (done, _) = sent.apply(&NotificationEvent::Delivered { answer: 204 }, now).expect("sent");
        assert!(done.apply(&NotificationEvent::Started { attempt: 2 }, now).is_err());
        assert!(notification().apply(&NotificationEvent::Replayed, now).is_err());
        let (again, task) = done.apply(&NotificationEvent::Replayed, now).expect("delivered");
        assert_eq!((again.status, again.attempts, again.payload), (NotificationStatus::Pending, 0, done.payload));
        assert_eq!(task.expect("a task").work, Work::Notify(done.id));
    }
}
