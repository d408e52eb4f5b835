//! A ledger in which something happens between a look of ours and an event of ours.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use sealpost_core::delivery::{Delivery, DeliveryEvent};
use sealpost_core::error::{Code, Error, Result};
use sealpost_core::event::TimelineEntry;
use sealpost_core::id::{ConnectorId, DeliveryId, JobId, PartnerId};
use sealpost_core::job::{Job, JobEvent, Progress};
use sealpost_core::port::{Admission, Admitted, JobFilter, JobPage, Ledger, Redelivered};
use sealpost_core::task::Lease;

pub(crate) struct Hasty {
    pub(crate) ledger: Arc<dyn Ledger>,
    /// What happens to a report, and before which of our events (of a delivery: `delivery` and its name), or right after a look
    /// of ours at the report.
    pub(crate) first: First,
    pub(crate) before: &'static str,
}

/// Instead of an event's name.
pub(crate) const NEXT_LOOK: &str = "the next look";

pub(crate) enum First {
    /// Somebody else uses the ledger as well, and is faster.
    Event(JobEvent),
    /// The ledger does not take our event.
    Refusal(&'static Code),
}

#[async_trait]
impl Ledger for Hasty {
    async fn apply(&self, id: &JobId, event: &JobEvent, lease: Option<&Lease>, now: Timestamp) -> Result<Job> {
        if event.name() == self.before {
            match &self.first {
                First::Event(first) => drop(self.ledger.apply(id, first, None, now).await?),
                First::Refusal(code) => return Err(Error::new(code, "on purpose")),
            }
        }
        self.ledger.apply(id, event, lease, now).await
    }

    async fn admit(&self, admission: Admission) -> Result<Admitted> {
        self.ledger.admit(admission).await
    }

    async fn admitted_before(
        &self,
        partner: &PartnerId,
        key: &str,
        sha256: &str,
        now: Timestamp,
    ) -> Result<Option<Job>> {
        self.ledger.admitted_before(partner, key, sha256, now).await
    }

    async fn job(&self, partner: &PartnerId, id: &JobId) -> Result<Option<Job>> {
        let found = self.ledger.job(partner, id).await?;
        if let (NEXT_LOOK, First::Event(first)) = (self.before, &self.first) {
            // At the second look it has happened.
            drop(self.ledger.apply(id, first, None, Timestamp::now()).await);
        }
        Ok(found)
    }

    async fn job_of_any_partner(&self, id: &JobId) -> Result<Option<Job>> {
        self.ledger.job_of_any_partner(id).await
    }

    async fn jobs(&self, filter: &JobFilter) -> Result<JobPage> {
        self.ledger.jobs(filter).await
    }

    async fn active_jobs(&self, partner: &PartnerId) -> Result<u64> {
        self.ledger.active_jobs(partner).await
    }

    async fn progress(&self, id: &JobId, progress: Progress, lease: &Lease) -> Result<bool> {
        self.ledger.progress(id, progress, lease).await
    }

    async fn delivery(&self, id: &DeliveryId) -> Result<Option<Delivery>> {
        self.ledger.delivery(id).await
    }

    async fn deliveries(&self, job: &JobId) -> Result<Vec<Delivery>> {
        self.ledger.deliveries(job).await
    }

    async fn redeliver(
        &self,
        job: &JobId,
        connectors: &[ConnectorId],
        idempotency: Option<(String, String)>,
        now: Timestamp,
    ) -> Result<Redelivered> {
        self.ledger.redeliver(job, connectors, idempotency, now).await
    }

    async fn apply_delivery(
        &self,
        id: &DeliveryId,
        event: &DeliveryEvent,
        lease: Option<&Lease>,
        now: Timestamp,
    ) -> Result<Delivery> {
        if let First::Event(first) = &self.first
            && format!("delivery {}", event.name()) == self.before
            && let Some(delivery) = self.ledger.delivery(id).await?
        {
            self.ledger.apply(&delivery.job, first, None, now).await?;
        }
        self.ledger.apply_delivery(id, event, lease, now).await
    }

    async fn end_delivery(
        &self,
        id: &DeliveryId,
        event: &DeliveryEvent,
        lease: Option<&Lease>,
        now: Timestamp,
    ) -> Result<Delivery> {
        self.ledger.end_delivery(id, event, lease, now).await
    }

    async fn delivery_progress(&self, id: &DeliveryId, bytes_sent: u64, lease: &Lease) -> Result<()> {
        self.ledger.delivery_progress(id, bytes_sent, lease).await
    }

    async fn timeline(&self, job: &JobId) -> Result<Vec<TimelineEntry>> {
        self.ledger.timeline(job).await
    }

    async fn check(&self) -> Result<()> {
        self.ledger.check().await
    }
}
