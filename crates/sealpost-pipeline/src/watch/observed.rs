//! A ledger that rings when this process changes a report.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use sealpost_core::delivery::{Delivery, DeliveryEvent};
use sealpost_core::error::Result;
use sealpost_core::event::TimelineEntry;
use sealpost_core::id::{ConnectorId, DeliveryId, JobId, PartnerId};
use sealpost_core::job::{Job, JobEvent, Progress};
use sealpost_core::port::{Admission, Admitted, JobFilter, JobPage, Ledger, Mark, Redelivered};
use sealpost_core::task::Lease;

use super::Hub;

/// Hands everything on to a ledger. Around the port rather than in the flow, so that no step can forget to ring.
pub(crate) struct Observed {
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) hub: Arc<Hub>,
}

#[async_trait]
impl Ledger for Observed {
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
        self.ledger.job(partner, id).await
    }

    fn mark(&self, id: &JobId) -> Option<Mark> {
        self.ledger.mark(id)
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

    async fn apply(&self, id: &JobId, event: &JobEvent, lease: Option<&Lease>, now: Timestamp) -> Result<Job> {
        let job = self.ledger.apply(id, event, lease, now).await?;
        self.hub.ring(id);
        Ok(job)
    }

    async fn progress(&self, id: &JobId, progress: Progress, lease: &Lease) -> Result<bool> {
        let is_cancelled = self.ledger.progress(id, progress, lease).await?;
        self.hub.ring(id);
        Ok(is_cancelled)
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
        let redelivered = self.ledger.redeliver(job, connectors, idempotency, now).await?;
        self.hub.ring(job);
        Ok(redelivered)
    }

    async fn apply_delivery(
        &self,
        id: &DeliveryId,
        event: &DeliveryEvent,
        lease: Option<&Lease>,
        now: Timestamp,
    ) -> Result<Delivery> {
        let delivery = self.ledger.apply_delivery(id, event, lease, now).await?;
        self.hub.ring(&delivery.job);
        Ok(delivery)
    }

    async fn end_delivery(
        &self,
        id: &DeliveryId,
        event: &DeliveryEvent,
        lease: Option<&Lease>,
        now: Timestamp,
    ) -> Result<Delivery> {
        let delivery = self.ledger.end_delivery(id, event, lease, now).await?;
        self.hub.ring(&delivery.job);
        Ok(delivery)
    }

    async fn delivery_progress(&self, id: &DeliveryId, bytes_sent: u64, lease: &Lease) -> Result<()> {
        // The port does not say whose delivery it is; the watcher's own look every second sees the bytes.
        self.ledger.delivery_progress(id, bytes_sent, lease).await
    }

    async fn timeline(&self, job: &JobId) -> Result<Vec<TimelineEntry>> {
        self.ledger.timeline(job).await
    }

    async fn check(&self) -> Result<()> {
        self.ledger.check().await
    }
}
