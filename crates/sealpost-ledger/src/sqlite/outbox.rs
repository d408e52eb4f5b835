//! The port `Outbox`: each method is one turn or one read.

use async_trait::async_trait;
use jiff::Timestamp;
use sealpost_core::Result;
use sealpost_core::id::{NotificationId, PartnerId, WebhookId};
use sealpost_core::notification::{Announcement, Notification, NotificationEvent};
use sealpost_core::port::{Edit, NotificationFilter, NotificationPage, Outbox};
use sealpost_core::task::{Lease, WorkKind};
use sealpost_core::webhook::Webhook;

use super::{Durability, SqliteLedger, notifications, removal, webhooks};

#[async_trait]
impl Outbox for SqliteLedger {
    async fn webhook(&self, partner: &PartnerId, id: &WebhookId) -> Result<Option<Webhook>> {
        let reader = self.reader()?;
        webhooks::find(&reader, Some(partner), id)
    }

    async fn webhooks(&self, partner: &PartnerId) -> Result<Vec<Webhook>> {
        let reader = self.reader()?;
        webhooks::of_partner(&reader, partner)
    }

    async fn create_webhook(&self, webhook: &Webhook, most: u32) -> Result<()> {
        let turn = self.begin(Durability::Disk).await?;
        let outcome = webhooks::create(turn.connection(), webhook, most);
        turn.end(outcome).await
    }

    async fn edit_webhook(&self, partner: &PartnerId, id: &WebhookId, edit: &Edit<Webhook>) -> Result<Option<Webhook>> {
        let turn = self.begin(Durability::Disk).await?;
        let outcome = webhooks::edit(turn.connection(), partner, id, edit);
        turn.end(outcome).await
    }

    async fn remove_webhook(&self, partner: &PartnerId, id: &WebhookId) -> Result<bool> {
        removal::of_webhook(&self.writing, partner, id).await
    }

    async fn notify(&self, webhook: &WebhookId, announcement: &Announcement) -> Result<Notification> {
        let turn = self.begin(Durability::Disk).await?;
        let outcome = notifications::notify(turn.connection(), webhook, announcement);
        let notification = turn.end(outcome).await?;
        self.ring([WorkKind::Notify]);
        Ok(notification)
    }

    async fn notification(&self, id: &NotificationId) -> Result<Option<Notification>> {
        let reader = self.reader()?;
        notifications::find(&reader, id)
    }

    async fn notifications(&self, filter: &NotificationFilter) -> Result<NotificationPage> {
        let filter = filter.clone();
        self.look(move |connection| notifications::page(connection, &filter)).await
    }

    async fn apply_notification(
        &self,
        id: &NotificationId,
        event: &NotificationEvent,
        lease: Option<&Lease>,
        now: Timestamp,
    ) -> Result<Notification> {
        let turn = self.begin(Durability::Disk).await?;
        let outcome = notifications::apply(turn.connection(), id, event, lease, now);
        let (notification, task) = turn.end(outcome).await?;
        if task.is_some() {
            self.ring([WorkKind::Notify]);
        }
        Ok(notification)
    }
}
