//! The port `Ledger`: each method is one step or one read.

use async_trait::async_trait;
use jiff::Timestamp;
use sealpost_core::Result;
use sealpost_core::delivery::{Delivery, DeliveryEvent};
use sealpost_core::event::TimelineEntry;
use sealpost_core::id::{ConnectorId, DeliveryId, JobId, PartnerId};
use sealpost_core::job::{Job, JobEvent, Progress};
use sealpost_core::port::{Admission, Admitted, JobFilter, JobPage, Ledger, Redelivered};
use sealpost_core::task::Lease;

use super::load::{self, Load};
use super::step::step;
use super::{Key, TableLedger, admit, deliveries, jobs, list, redeliver, timeline};
use crate::value::{corrupt, nanos};

#[async_trait]
impl Ledger for TableLedger {
    async fn admit(&self, admission: Admission) -> Result<Admitted> {
        let day = list::day(admission.now);
        let is_known = self.day_is_known(&day).await?;
        let admitted = step!(self, |step| admit::admit(step, &admission, is_known).await)?;
        if matches!(admitted, Admitted::New(_)) {
            self.note_day(day);
        }
        Ok(admitted)
    }

    async fn admitted_before(
        &self,
        partner: &PartnerId,
        key: &str,
        sha256: &str,
        now: Timestamp,
    ) -> Result<Option<Job>> {
        step!(self, |step| admit::before(step, partner, key, sha256, now).await)
    }

    async fn job(&self, partner: &PartnerId, id: &JobId) -> Result<Option<Job>> {
        let found = self.job_of_any_partner(id).await?;
        Ok(found.filter(|job| job.request.partner == *partner))
    }

    async fn job_of_any_partner(&self, id: &JobId) -> Result<Option<Job>> {
        let found = jobs::find(self, id).await.map_err(|error| error.context(id))?;
        Ok(found.map(|record| record.job))
    }

    async fn jobs(&self, filter: &JobFilter) -> Result<JobPage> {
        list::page(self, filter).await
    }

    async fn active_jobs(&self, partner: &PartnerId) -> Result<u64> {
        let load: Option<Load> = self.read(&load::key(partner)).await?;
        Ok(load.unwrap_or_default().jobs)
    }

    async fn apply(&self, id: &JobId, event: &JobEvent, lease: Option<&Lease>, now: Timestamp) -> Result<Job> {
        step!(self, |step| jobs::apply(step, id, event, lease, now).await)
    }

    async fn progress(&self, id: &JobId, progress: Progress, lease: &Lease) -> Result<bool> {
        step!(self, |step| jobs::progress(step, id, progress, lease, Timestamp::now()).await)
    }

    async fn delivery(&self, id: &DeliveryId) -> Result<Option<Delivery>> {
        let found = deliveries::find_all(self, std::slice::from_ref(id)).await;
        Ok(found.map_err(|error| error.context(id))?.pop())
    }

    async fn deliveries(&self, job: &JobId) -> Result<Vec<Delivery>> {
        let Some(record) = jobs::find(self, job).await? else { return Ok(Vec::new()) };
        deliveries::find_all(self, &record.deliveries).await.map_err(|error| error.context(job))
    }

    async fn redeliver(
        &self,
        job: &JobId,
        connectors: &[ConnectorId],
        idempotency: Option<(String, String)>,
        now: Timestamp,
    ) -> Result<Redelivered> {
        step!(self, |step| redeliver::redeliver(step, job, connectors, idempotency.as_ref(), now).await)
    }

    async fn apply_delivery(
        &self,
        id: &DeliveryId,
        event: &DeliveryEvent,
        lease: Option<&Lease>,
        now: Timestamp,
    ) -> Result<Delivery> {
        step!(self, |step| deliveries::apply(step, id, event, lease, now).await)
    }

    async fn end_delivery(
        &self,
        id: &DeliveryId,
        event: &DeliveryEvent,
        lease: Option<&Lease>,
        now: Timestamp,
    ) -> Result<Delivery> {
        step!(self, |step| deliveries::end(step, id, event, lease, now).await)
    }

    async fn delivery_progress(&self, id: &DeliveryId, bytes_sent: u64, lease: &Lease) -> Result<()> {
        step!(self, |step| deliveries::progress(step, id, bytes_sent, lease, Timestamp::now()).await)
    }

    async fn timeline(&self, job: &JobId) -> Result<Vec<TimelineEntry>> {
        timeline::read(self, job).await
    }

    async fn check(&self) -> Result<()> {
        let named = |error: sealpost_core::Error| error.context(self.table.place());
        // One for each check: of those that all processes share, one would be written by many at once.
        let probe = Key::new(format!("probe#{}", rand::random::<u16>()), "probe");
        let now = Timestamp::now();
        let written: Result<()> =
            step!(self, |step| step.put_until(&probe, &nanos(now), now.as_second().saturating_add(3600)));
        written.map_err(named)?;
        let back: Option<i64> = self.read(&probe).await.map_err(named)?;
        if back.is_none_or(|back| back < nanos(now)) {
            return Err(named(corrupt("a record just written was not read back")));
        }
        Ok(())
    }
}

impl TableLedger {
    /// Whether lists find this day already.
    async fn day_is_known(&self, day: &str) -> Result<bool> {
        let is_noted = self.days.lock().is_ok_and(|days| days.contains(day));
        Ok(is_noted || self.read::<()>(&list::day_key(day)).await?.is_some())
    }

    fn note_day(&self, day: String) {
        if let Ok(mut days) = self.days.lock() {
            // A few at a time: admissions are of today.
            if days.len() > 10 {
                days.clear();
            }
            days.insert(day);
        }
    }
}
