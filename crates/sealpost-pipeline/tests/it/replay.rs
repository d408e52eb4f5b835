//! Replays over a ledger whose pages may be empty, though there is more.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use jiff::Timestamp;
use sealpost_core::error::Result;
use sealpost_core::id::{NotificationId, PartnerId, WebhookId};
use sealpost_core::notification::{Announcement, Notification, NotificationEvent};
use sealpost_core::port::{Edit, NotificationFilter, NotificationPage, Outbox};
use sealpost_core::task::Lease;
use sealpost_core::webhook::{MOST_WEBHOOKS, Webhook};
use sealpost_pipeline::audit::Author;
use sealpost_pipeline::webhooks::Replayed;
use sealpost_testkit::suite::ledger::records::sample_partner;
use sealpost_testkit::suite::ledger::webhooks::sample_webhook;

use crate::rig::{Rig, Wish};

/// So many pages are empty, and say that there is more.
const EMPTY: u32 = 10;

struct Forgetful {
    outbox: Arc<dyn Outbox>,
    pages: Arc<AtomicU32>,
}

#[async_trait]
impl Outbox for Forgetful {
    async fn notifications(&self, _: &NotificationFilter) -> Result<NotificationPage> {
        let more = self.pages.fetch_add(1, Ordering::Relaxed) < EMPTY;
        Ok(NotificationPage { notifications: Vec::new(), more })
    }

    async fn webhook(&self, partner: &PartnerId, id: &WebhookId) -> Result<Option<Webhook>> {
        self.outbox.webhook(partner, id).await
    }

    async fn webhooks(&self, partner: &PartnerId) -> Result<Vec<Webhook>> {
        self.outbox.webhooks(partner).await
    }

    async fn create_webhook(&self, webhook: &Webhook, most: u32) -> Result<()> {
        self.outbox.create_webhook(webhook, most).await
    }

    async fn edit_webhook(&self, partner: &PartnerId, id: &WebhookId, edit: &Edit<Webhook>) -> Result<Option<Webhook>> {
        self.outbox.edit_webhook(partner, id, edit).await
    }

    async fn remove_webhook(&self, partner: &PartnerId, id: &WebhookId) -> Result<bool> {
        self.outbox.remove_webhook(partner, id).await
    }

    async fn notify(&self, webhook: &WebhookId, announcement: &Announcement) -> Result<Notification> {
        self.outbox.notify(webhook, announcement).await
    }

    async fn notification(&self, id: &NotificationId) -> Result<Option<Notification>> {
        self.outbox.notification(id).await
    }

    async fn apply_notification(
        &self,
        id: &NotificationId,
        event: &NotificationEvent,
        lease: Option<&Lease>,
        now: Timestamp,
    ) -> Result<Notification> {
        self.outbox.apply_notification(id, event, lease, now).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_ends_with_a_page_that_brings_nothing() {
    let pages = Arc::new(AtomicU32::new(0));
    let between = {
        let pages = pages.clone();
        Box::new(move |set: &mut sealpost_ledger::LedgerSet| {
            set.outbox = Arc::new(Forgetful { outbox: set.outbox.clone(), pages });
        })
    };
    let rig = Rig::idle(Wish { between, ..Wish::default() }).await;
    let parts = rig.pipeline.parts();
    parts.records.put_partner(&sample_partner("acme")).await.unwrap();
    let webhook = sample_webhook("acme", &[]);
    parts.outbox.create_webhook(&webhook, MOST_WEBHOOKS).await.unwrap();
    let replayed = rig.pipeline.replay_failed(&webhook.partner, &webhook.id, None, &Author::sealpost()).await.unwrap();
    assert_eq!(replayed, Replayed { count: 0, more: false });
    assert_eq!(pages.load(Ordering::Relaxed), 1);
}
