//! Pings, and notifications posted again: the same id, the same bytes, a new signature.

use jiff::Timestamp;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::id::{NotificationId, PartnerId, WebhookId};
use sealpost_core::notification::{Announcement, Notification, NotificationEvent, NotificationStatus};
use sealpost_core::port::{NotificationFilter, NotificationPlace};
use sealpost_core::webhook::Webhook;

use crate::audit::Author;
use crate::{Pipeline, log};

/// Most notifications replayed by one call: a caller waits for it.
const MOST_AT_ONCE: usize = 1000;
const PAGE: u32 = 100;

/// What became of a replay of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replayed {
    /// How many are on their way again.
    pub count: usize,
    /// Whether there are more: the same call again takes the next.
    pub more: bool,
}

impl Pipeline {
    /// Sends a webhook a test, also one that is disabled.
    ///
    /// # Errors
    /// `SP-REQUEST-008` for no such webhook, `-015` while a ping is on its way to it, `-038` where webhooks are not offered;
    /// `SP-NOTIFY-009`.
    pub async fn ping_webhook(&self, partner: &PartnerId, id: &WebhookId, author: &Author) -> Result<Notification> {
        let webhook = self.webhook(partner, id).await?;
        self.check_webhook_secret().await?;
        let announcement = Announcement::ping(&webhook, Timestamp::now());
        let notification = self.parts.outbox.notify(id, &announcement).await?;
        self.note(author, partner, "webhook.ping", id.as_str(), notification.id.as_str()).await?;
        Ok(notification)
    }

    /// A notification to a webhook of a partner.
    ///
    /// # Errors
    /// `SP-REQUEST-008` for no such notification to it.
    pub async fn notification(
        &self,
        partner: &PartnerId,
        webhook: &WebhookId,
        id: &NotificationId,
    ) -> Result<Notification> {
        let found = self.parts.outbox.notification(id).await?;
        found.filter(|found| found.partner == *partner && found.webhook == *webhook).ok_or_else(|| missing(id))
    }

    /// Posts a notification that was delivered or given up again.
    ///
    /// # Errors
    /// `SP-REQUEST-008` for no such notification to this webhook; `-015` for one that is pending anyway, or a webhook that
    /// is disabled.
    pub async fn replay_notification(
        &self,
        partner: &PartnerId,
        webhook: &WebhookId,
        id: &NotificationId,
        author: &Author,
    ) -> Result<Notification> {
        let notification = self.notification(partner, webhook, id).await?;
        is_enabled(&self.webhook(partner, webhook).await?)?;
        // Looked at here, so that what is refused leaves no trace. What holds is how the ledger finds it.
        if notification.status == NotificationStatus::Pending {
            return Err(on_its_way(id));
        }
        self.note(author, partner, "notification.replay", id.as_str(), webhook.as_str()).await?;
        self.replay(&notification).await
    }

    /// Posts the notifications that were given up again, those made since a time, at most 1,000 at once.
    ///
    /// # Errors
    /// `SP-REQUEST-008` for no such webhook; `-015` for one that is disabled.
    pub async fn replay_failed(
        &self,
        partner: &PartnerId,
        webhook: &WebhookId,
        since: Option<Timestamp>,
        author: &Author,
    ) -> Result<Replayed> {
        is_enabled(&self.webhook(partner, webhook).await?)?;
        let (failed, more) = self.failed(partner, webhook, since).await?;
        let since = since.map_or_else(|| "the beginning".to_owned(), |since| since.to_string());
        let detail = format!("{} that failed since {since}", failed.len());
        self.note(author, partner, "notification.replay", webhook.as_str(), &detail).await?;
        let mut count = 0;
        // The oldest first, so that they are posted nearly in the order of the events.
        for notification in failed.iter().rev() {
            match self.replay(notification).await {
                Ok(_) => count += 1,
                // Someone else was faster, with a replay or by removing the webhook.
                Err(error) if error.is(&codes::request::NOT_IN_THIS_STATE) || error.is(&codes::request::NOT_FOUND) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Replayed { count, more })
    }

    /// Dead letters of a webhook, newest first.
    async fn failed(
        &self,
        partner: &PartnerId,
        webhook: &WebhookId,
        since: Option<Timestamp>,
    ) -> Result<(Vec<Notification>, bool)> {
        let mut found: Vec<Notification> = Vec::new();
        loop {
            let filter = NotificationFilter {
                partner: Some(partner.clone()),
                webhook: Some(webhook.clone()),
                status: Some(NotificationStatus::Failed),
                after: found.last().map(NotificationPlace::from),
                limit: PAGE,
            };
            let page = self.parts.outbox.notifications(&filter).await?;
            // All on it may have been forgotten while it was read: then there is nothing to go on after.
            if page.notifications.is_empty() {
                return Ok((found, false));
            }
            for notification in page.notifications {
                if since.is_some_and(|since| notification.created_at < since) {
                    return Ok((found, false));
                }
                if found.len() >= MOST_AT_ONCE {
                    return Ok((found, true));
                }
                found.push(notification);
            }
            if !page.more {
                return Ok((found, false));
            }
        }
    }

    async fn replay(&self, notification: &Notification) -> Result<Notification> {
        let id = &notification.id;
        let event = NotificationEvent::Replayed;
        let replayed = self.parts.outbox.apply_notification(id, &event, None, Timestamp::now()).await;
        let replayed = replayed.map_err(|error| match error.is(&codes::ledger::ILLEGAL_MOVE) {
            true => on_its_way(id),
            false => error,
        })?;
        log::notification_replayed(&replayed);
        Ok(replayed)
    }
}

fn is_enabled(webhook: &Webhook) -> Result<()> {
    if webhook.enabled {
        return Ok(());
    }
    Err(Error::new(&codes::request::NOT_IN_THIS_STATE, format!("webhook {} is disabled; enable it first", webhook.id)))
}

fn on_its_way(id: &NotificationId) -> Error {
    Error::new(&codes::request::NOT_IN_THIS_STATE, format!("notification {id} is on its way already"))
}

fn missing(id: &NotificationId) -> Error {
    Error::new(&codes::request::NOT_FOUND, format!("notification {id}"))
}
