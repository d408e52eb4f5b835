//! Webhooks and notifications as both planes show them.

use jiff::Timestamp;
use sealpost_core::error::Result;
use sealpost_core::notification::{Notification as CoreNotification, NotificationStatus as Status};
use sealpost_core::secret::Secret;
use sealpost_core::webhook::{EventKind, Webhook as CoreWebhook};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use utoipa::ToSchema;

use crate::plane::Plane;
use crate::reports::wire::Failure;

/// An address that is told what happens.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "whk_01kavs0h9yq4m4d2tkv1c7rbn5", "url": "https://hooks.acme.example/sealpost",
    "events": ["report.succeeded", "report.failed"], "label": "month end", "enabled": true, "secret_version": 2,
    "previous_secret_until": "2026-02-02T06:00:00Z", "created_at": "2026-02-01T06:00:00Z"
}))]
pub struct Webhook {
    /// Its id.
    id: String,
    /// Whose it is; only operators are told.
    #[serde(skip_serializing_if = "Option::is_none")]
    partner: Option<String>,
    /// Where notifications are posted to.
    url: String,
    /// What it is told; everything when empty.
    events: Vec<WebhookEvent>,
    /// What it is used for.
    label: String,
    /// Whether it is told anything at present. A server that answers 410 is told no more until this is set again.
    enabled: bool,
    /// Which secret signs: 1 at first, one more after each rotation.
    secret_version: u32,
    /// The secret before signs too until this time.
    #[schema(required)]
    previous_secret_until: Option<Timestamp>,
    /// When it was made.
    created_at: Timestamp,
}

impl Webhook {
    pub(crate) fn of(webhook: &CoreWebhook, plane: Plane) -> Self {
        Self {
            id: webhook.id.to_string(),
            partner: (plane == Plane::Operator).then(|| webhook.partner.to_string()),
            url: webhook.url.clone(),
            events: webhook.events.iter().filter_map(|event| WebhookEvent::of(*event)).collect(),
            label: webhook.label.clone(),
            enabled: webhook.enabled,
            secret_version: webhook.secret_version,
            previous_secret_until: webhook.previous_until.filter(|until| *until > Timestamp::now()),
            created_at: webhook.created_at,
        }
    }
}

/// A webhook with its secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookWithSecret {
    /// What notifications are signed with. It is shown now and never again.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=")]
    secret: String,
    /// The webhook.
    #[serde(flatten)]
    webhook: Webhook,
}

impl WebhookWithSecret {
    pub(crate) fn of(webhook: &CoreWebhook, secret: &Secret) -> Result<Self> {
        Ok(Self { secret: secret.expose_text()?.to_owned(), webhook: Webhook::of(webhook, Plane::Partner) })
    }
}

/// What a webhook can be told.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
pub enum WebhookEvent {
    /// The report's file is stored.
    #[serde(rename = "report.succeeded")]
    ReportSucceeded,
    /// The report can't be produced.
    #[serde(rename = "report.failed")]
    ReportFailed,
    /// The report was cancelled.
    #[serde(rename = "report.cancelled")]
    ReportCancelled,
    /// The file is no longer offered.
    #[serde(rename = "report.expired")]
    ReportExpired,
    /// Your server shows the file.
    #[serde(rename = "delivery.delivered")]
    DeliveryDelivered,
    /// The delivery was given up.
    #[serde(rename = "delivery.failed")]
    DeliveryFailed,
}

impl WebhookEvent {
    fn of(kind: EventKind) -> Option<Self> {
        Some(match kind {
            EventKind::ReportSucceeded => Self::ReportSucceeded,
            EventKind::ReportFailed => Self::ReportFailed,
            EventKind::ReportCancelled => Self::ReportCancelled,
            EventKind::ReportExpired => Self::ReportExpired,
            EventKind::DeliveryDelivered => Self::DeliveryDelivered,
            EventKind::DeliveryFailed => Self::DeliveryFailed,
            EventKind::Ping => return None,
        })
    }

    pub(crate) fn kind(self) -> EventKind {
        match self {
            Self::ReportSucceeded => EventKind::ReportSucceeded,
            Self::ReportFailed => EventKind::ReportFailed,
            Self::ReportCancelled => EventKind::ReportCancelled,
            Self::ReportExpired => EventKind::ReportExpired,
            Self::DeliveryDelivered => EventKind::DeliveryDelivered,
            Self::DeliveryFailed => EventKind::DeliveryFailed,
        }
    }
}

/// One message to one webhook.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "msg_01kavs0k2mq4m4d2tkv1c7rbn5", "webhook": "whk_01kavs0h9yq4m4d2tkv1c7rbn5", "type": "report.succeeded",
    "status": "pending", "attempts": 1, "answer": 500, "failure": null, "retry_at": "2026-02-01T06:00:09Z",
    "created_at": "2026-02-01T06:00:03Z", "finished_at": null,
    "payload": {"type": "report.succeeded", "timestamp": "2026-02-01T06:00:03Z", "data": {"report_id": "rep_01kavs0h9yq4m4d2tkv1c7rbn5", "status": "succeeded"}}
}))]
pub struct Notification {
    /// Its id: the header `webhook-id`, the same at every attempt.
    id: String,
    /// Where it goes.
    webhook: String,
    /// Whose it is; only operators are told.
    #[serde(skip_serializing_if = "Option::is_none")]
    partner: Option<String>,
    /// What it tells of: one of the events, or `webhook.ping`.
    r#type: &'static str,
    /// Where it stands.
    status: NotificationStatus,
    /// Attempts since it was made or last replayed.
    attempts: u32,
    /// The HTTP status of the last answer.
    #[schema(required)]
    answer: Option<u16>,
    /// Why the last attempt failed.
    #[schema(required)]
    failure: Option<Failure>,
    /// When it is tried again.
    #[schema(required)]
    retry_at: Option<Timestamp>,
    /// When it was made.
    created_at: Timestamp,
    /// When it was delivered or given up.
    #[schema(required)]
    finished_at: Option<Timestamp>,
    /// What is posted. The bytes that are signed are those of the request, not of this.
    #[schema(value_type = Object)]
    payload: Json,
}

impl Notification {
    pub(crate) fn of(notification: &CoreNotification, plane: Plane) -> Self {
        Self {
            id: notification.id.to_string(),
            webhook: notification.webhook.to_string(),
            partner: (plane == Plane::Operator).then(|| notification.partner.to_string()),
            r#type: notification.event.as_str(),
            status: match notification.status {
                Status::Pending => NotificationStatus::Pending,
                Status::Delivered => NotificationStatus::Delivered,
                Status::Failed => NotificationStatus::Failed,
            },
            attempts: notification.attempts,
            answer: notification.answer,
            failure: notification.failure.as_ref().map(|failure| Failure::of(failure, plane)),
            retry_at: notification.retry_at,
            created_at: notification.created_at,
            finished_at: notification.finished_at,
            payload: serde_json::from_str(&notification.payload).unwrap_or_default(),
        }
    }
}

/// Where a notification stands.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotificationStatus {
    /// To be posted, for the first time or again.
    Pending,
    /// Your server has taken it.
    Delivered,
    /// Given up. It can be replayed.
    Failed,
}
