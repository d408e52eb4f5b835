//! A ledger that admits a report, and can't be asked about any from then on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use jiff::Timestamp;
use sealpost_core::delivery::{Delivery, DeliveryEvent};
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::event::TimelineEntry;
use sealpost_core::id::{ConnectorId, DeliveryId, JobId, PartnerId};
use sealpost_core::job::{Job, JobEvent, Progress};
use sealpost_core::port::{Admission, Admitted, JobFilter, JobPage, Ledger, Redelivered};
use sealpost_core::task::Lease;

pub(crate) struct Fading {
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) is_away: AtomicBool,
}

impl Fading {
    fn asked(&self) -> Result<&dyn Ledger> {
        if self.is_away.load(Ordering::SeqCst) {
            return Err(Error::new(&codes::ledger::UNREACHABLE, "away on purpose"));
        }
        Ok(&*self.ledger)
    }
}

#[async_trait]
impl Ledger for Fading {
    async fn admit(&self, admission: Admission) -> Result<Admitted> {
        let admitted = self.ledger.admit(admission).await;
        self.is_away.store(true, Ordering::SeqCst);
        admitted
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
        self.asked()?.job(partner, id).await
    }

    async fn job_of_any_partner(&self, id: &JobId) -> Result<Option<Job>> {
        self.asked()?.job_of_any_partner(id).await
    }

    async fn jobs(&self, filter: &JobFilter) -> Result<JobPage> {
        self.asked()?.jobs(filter).await
    }

    async fn active_jobs(&self, partner: &PartnerId) -> Result<u64> {
        self.ledger.active_jobs(partner).await
    }

    async fn apply(&self, id: &JobId, event: &JobEvent, lease: Option<&Lease>, now: Timestamp) -> Result<Job> {
        self.ledger.apply(id, event, lease, now).await
    }

    async fn progress(&self, id: &JobId, progress: Progress, lease: &Lease) -> Result<bool> {
        self.ledger.progress(id, progress, lease).await
    }

    async fn delivery(&self, id: &DeliveryId) -> Result<Option<Delivery>> {
        self.ledger.delivery(id).await
    }

    async fn deliveries(&self, job: &JobId) -> Result<Vec<Delivery>> {
        self.asked()?.deliveries(job).await
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
