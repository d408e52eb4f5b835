//! Webhooks, and the notifications on their way to them.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::error::Result;
use crate::id::{NotificationId, PartnerId, WebhookId};
use crate::notification::{Announcement, Notification, NotificationEvent, NotificationStatus};
use crate::task::Lease;
use crate::webhook::Webhook;

/// Keeps webhooks and notifications. What a job or delivery announces becomes a notification with its task, for each
/// webhook of the partner that wants it, in the same atomic step as the event (see [`Ledger`](super::Ledger)).
#[async_trait]
pub trait Outbox: Send + Sync {
    /// A webhook of this partner.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn webhook(&self, partner: &PartnerId, id: &WebhookId) -> Result<Option<Webhook>>;

    /// The webhooks of a partner, oldest first.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn webhooks(&self, partner: &PartnerId) -> Result<Vec<Webhook>>;

    /// Creates a webhook, unless the partner has `most` of them already.
    ///
    /// # Errors
    /// `SP-LEDGER-001`; `SP-REQUEST-037`.
    async fn create_webhook(&self, webhook: &Webhook, most: u32) -> Result<()>;

    /// Changes a webhook by a pure function in one atomic step. `None` where the partner has no such webhook.
    ///
    /// # Errors
    /// What `edit` says; `SP-LEDGER-001`.
    async fn edit_webhook(
        &self,
        partner: &PartnerId,
        id: &WebhookId,
        edit: &super::Edit<Webhook>,
    ) -> Result<Option<Webhook>>;

    /// Removes a webhook of this partner with its notifications. `false` where there was none. It may take several steps; from the
    /// first one on nothing new is posted to it. Either the same call again goes on where it was cut short, or the first step takes
    /// the webhook away and the rest goes beside, by [`Queue::tidy`](super::Queue::tidy) at the latest.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn remove_webhook(&self, partner: &PartnerId, id: &WebhookId) -> Result<bool>;

    /// Makes a notification with its task for this one webhook, whatever events it wants. Of pings, one at a time.
    ///
    /// # Errors
    /// `SP-REQUEST-008` for no such webhook, `-015` for a ping while one is on its way; `SP-LEDGER-001`.
    async fn notify(&self, webhook: &WebhookId, announcement: &Announcement) -> Result<Notification>;

    /// A notification.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn notification(&self, id: &NotificationId) -> Result<Option<Notification>>;

    /// Notifications, newest first, stable under inserts. Kept for 30 days at least.
    ///
    /// # Errors
    /// `SP-LEDGER-001`; `SP-REQUEST-001` for an `after` that does not say when it was made, and is not of this list.
    async fn notifications(&self, filter: &NotificationFilter) -> Result<NotificationPage>;

    /// Applies an event by [`Notification::apply`] and enqueues what follows. With a lease, only while it is held.
    ///
    /// # Errors
    /// `SP-LEDGER-003`, `SP-LEDGER-004`, `SP-REQUEST-008`. With a lease, `SP-LEDGER-004` where its webhook is gone, too.
    async fn apply_notification(
        &self,
        id: &NotificationId,
        event: &NotificationEvent,
        lease: Option<&Lease>,
        now: Timestamp,
    ) -> Result<Notification>;
}

/// Which notifications to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotificationFilter {
    /// Of this partner only. The partner API always sets it.
    pub partner: Option<PartnerId>,
    /// To this webhook only.
    pub webhook: Option<WebhookId>,
    /// In this status only.
    pub status: Option<NotificationStatus>,
    /// Continue after this one (the last of the page before).
    pub after: Option<NotificationPlace>,
    /// Most notifications, 1 to 100.
    pub limit: u32,
}

/// Where a notification stands in lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotificationPlace {
    /// Which.
    pub id: NotificationId,
    /// When it was made. Where that is known, nobody looks for it: it may have been forgotten since.
    pub created_at: Option<Timestamp>,
}

impl From<&Notification> for NotificationPlace {
    fn from(notification: &Notification) -> Self {
        Self { id: notification.id.clone(), created_at: Some(notification.created_at) }
    }
}

/// A page of notifications.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NotificationPage {
    /// The notifications, newest first.
    pub notifications: Vec<Notification>,
    /// Whether there are more.
    pub more: bool,
}
