//! The port `Outbox`: each method is one step or one read, but for removals.

use async_trait::async_trait;
use jiff::Timestamp;
use sealpost_core::Result;
use sealpost_core::id::{NotificationId, PartnerId, WebhookId};
use sealpost_core::notification::{Announcement, Notification, NotificationEvent};
use sealpost_core::port::{Edit, NotificationFilter, NotificationPage, NotificationPlace, Outbox};
use sealpost_core::task::Lease;
use sealpost_core::webhook::Webhook;

use super::notifications::Listed;
use super::step::step;
use super::{TableLedger, notifications, pages, shards, webhooks};

#[async_trait]
impl Outbox for TableLedger {
    async fn webhook(&self, partner: &PartnerId, id: &WebhookId) -> Result<Option<Webhook>> {
        step!(self, |step| webhooks::find(step, partner, id).await)
    }

    async fn webhooks(&self, partner: &PartnerId) -> Result<Vec<Webhook>> {
        step!(self, |step| webhooks::of_partner(step, partner).await)
    }

    async fn create_webhook(&self, webhook: &Webhook, most: u32) -> Result<()> {
        step!(self, |step| webhooks::create(step, webhook, most).await)
    }

    async fn edit_webhook(&self, partner: &PartnerId, id: &WebhookId, edit: &Edit<Webhook>) -> Result<Option<Webhook>> {
        step!(self, |step| webhooks::edit(step, partner, id, edit).await)
    }

    async fn remove_webhook(&self, partner: &PartnerId, id: &WebhookId) -> Result<bool> {
        let removed = step!(self, |step| webhooks::remove(step, partner, id).await)?;
        self.finish_beside();
        Ok(removed)
    }

    async fn notify(&self, webhook: &WebhookId, announcement: &Announcement) -> Result<Notification> {
        step!(self, |step| notifications::notify(step, webhook, announcement).await)
    }

    async fn notification(&self, id: &NotificationId) -> Result<Option<Notification>> {
        step!(self, |step| notifications::find(step, id).await)
    }

    async fn notifications(&self, filter: &NotificationFilter) -> Result<NotificationPage> {
        let after = match &filter.after {
            Some(after) => Some(self.place_of_notification(filter, after).await?),
            None => None,
        };
        let partitions = self.lists_of_notifications(filter).await?;
        let is_shown = |listed: &Listed| filter.status.is_none_or(|status| listed.status == status);
        let (listed, more) = pages::page(self, &partitions, after.as_deref(), filter.limit, &is_shown).await?;
        Ok(NotificationPage { notifications: notifications::shown(self, &listed).await?, more })
    }

    async fn apply_notification(
        &self,
        id: &NotificationId,
        event: &NotificationEvent,
        lease: Option<&Lease>,
        now: Timestamp,
    ) -> Result<Notification> {
        step!(self, |step| notifications::apply(step, id, event, lease, now).await)
    }
}

impl TableLedger {
    /// The partitions in which the notifications stand that a filter is about.
    async fn lists_of_notifications(&self, filter: &NotificationFilter) -> Result<Vec<String>> {
        let NotificationFilter { partner, webhook, .. } = filter;
        let lists = match (partner, webhook) {
            (None, None) => shards::all(notifications::ALL),
            (None, Some(webhook)) => vec![notifications::list_of(webhook)],
            (Some(partner), only) => {
                let own = self.webhooks(partner).await?.into_iter().map(|webhook| webhook.id);
                own.filter(|own| only.as_ref().is_none_or(|only| only == own))
                    .map(|own| notifications::list_of(&own))
                    .collect()
            }
        };
        Ok(lists)
    }

    async fn place_of_notification(&self, filter: &NotificationFilter, after: &NotificationPlace) -> Result<String> {
        let NotificationPlace { id, created_at } = after;
        if let Some(created_at) = created_at {
            return Ok(pages::place(*created_at, id.as_str()));
        }
        let found = self.notification(id).await?.filter(|found| {
            filter.partner.as_ref().is_none_or(|partner| found.partner == *partner)
                && filter.webhook.as_ref().is_none_or(|webhook| found.webhook == *webhook)
        });
        let found = found.ok_or_else(|| pages::no_cursor("a notification", id.as_str()))?;
        Ok(notifications::place(&found))
    }
}
