//! The port `Ledger`: each method is one turn or one read.

use async_trait::async_trait;
use jiff::Timestamp;
use sealpost_core::Result;
use sealpost_core::delivery::{Delivery, DeliveryEvent};
use sealpost_core::event::TimelineEntry;
use sealpost_core::id::{ConnectorId, DeliveryId, JobId, PartnerId};
use sealpost_core::job::{Job, JobEvent, Progress};
use sealpost_core::port::{Admission, Admitted, JobFilter, JobPage, Ledger, Mark, Redelivered};
use sealpost_core::task::{Lease, WorkKind};

use super::idempotency::{self, Done};
use super::statement::query_scalar;
use super::value::corrupt;
use super::{Durability, SqliteLedger, Touched, deliveries, fault, jobs, list, redeliver, timeline};

#[async_trait]
impl Ledger for SqliteLedger {
    async fn admit(&self, admission: Admission) -> Result<Admitted> {
        let admitted = self.admissions.admit(&self.writing, admission).await?;
        if matches!(admitted, Admitted::New(_)) {
            self.ring([WorkKind::Produce]);
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
        let reader = self.reader()?;
        match idempotency::find(&reader, partner, key, now)? {
            None => Ok(None),
            Some(Done { sha256: known, job, deliveries: None }) if known == sha256 => {
                jobs::existing(&reader, &job).map(Some)
            }
            Some(_) => Err(idempotency::mismatch()),
        }
    }

    async fn job(&self, partner: &PartnerId, id: &JobId) -> Result<Option<Job>> {
        let reader = self.reader()?;
        jobs::find(&reader, Some(partner), id)
    }

    fn mark(&self, id: &JobId) -> Option<Mark> {
        self.writing.marks.mark(id)
    }

    async fn job_of_any_partner(&self, id: &JobId) -> Result<Option<Job>> {
        let reader = self.reader()?;
        jobs::find(&reader, None, id)
    }

    async fn jobs(&self, filter: &JobFilter) -> Result<JobPage> {
        let filter = filter.clone();
        self.look(move |connection| list::page(connection, &filter)).await
    }

    async fn active_jobs(&self, partner: &PartnerId) -> Result<u64> {
        let reader = self.reader()?;
        jobs::active(&reader, partner)
    }

    async fn apply(&self, id: &JobId, event: &JobEvent, lease: Option<&Lease>, now: Timestamp) -> Result<Job> {
        let turn = self.begin(Durability::Disk).await?;
        let outcome = jobs::apply(turn.connection(), id, event, lease, now);
        // It writes to the timeline at least.
        let made = turn.end_touching(outcome, |made| Touched::Report(made.job.id.clone())).await?;
        if !made.tasks.is_empty() {
            self.ring(made.tasks.iter().map(|task| task.work.kind()).chain([WorkKind::Notify]));
        }
        Ok(made.job)
    }

    async fn progress(&self, id: &JobId, progress: Progress, lease: &Lease) -> Result<bool> {
        let turn = self.begin(Durability::Process).await?;
        let outcome = jobs::progress(turn.connection(), id, progress, lease, Timestamp::now());
        turn.end(outcome).await
    }

    async fn delivery(&self, id: &DeliveryId) -> Result<Option<Delivery>> {
        let reader = self.reader()?;
        deliveries::find(&reader, id)
    }

    async fn deliveries(&self, job: &JobId) -> Result<Vec<Delivery>> {
        let reader = self.reader()?;
        deliveries::of_job(&reader, job)
    }

    async fn redeliver(
        &self,
        job: &JobId,
        connectors: &[ConnectorId],
        idempotency: Option<(String, String)>,
        now: Timestamp,
    ) -> Result<Redelivered> {
        let turn = self.begin(Durability::Disk).await?;
        let outcome = redeliver::redeliver(turn.connection(), job, connectors, idempotency.as_ref(), now);
        let redelivered = turn.end(outcome).await?;
        if !redelivered.replayed {
            self.ring([WorkKind::Deliver]);
        }
        Ok(redelivered)
    }

    async fn apply_delivery(
        &self,
        id: &DeliveryId,
        event: &DeliveryEvent,
        lease: Option<&Lease>,
        now: Timestamp,
    ) -> Result<Delivery> {
        let turn = self.begin(Durability::Disk).await?;
        let outcome = deliveries::apply(turn.connection(), id, event, lease, now);
        let (delivery, announced) = turn.end(outcome).await?;
        if announced {
            self.ring([WorkKind::Notify]);
        }
        Ok(delivery)
    }

    async fn end_delivery(
        &self,
        id: &DeliveryId,
        event: &DeliveryEvent,
        lease: Option<&Lease>,
        now: Timestamp,
    ) -> Result<Delivery> {
        let turn = self.begin(Durability::Disk).await?;
        let outcome = deliveries::end(turn.connection(), id, event, lease, now);
        let (delivery, announced) = turn.end(outcome).await?;
        self.ring(announced.then_some(WorkKind::Notify).into_iter().chain([WorkKind::AnnounceDelivery]));
        Ok(delivery)
    }

    async fn delivery_progress(&self, id: &DeliveryId, bytes_sent: u64, lease: &Lease) -> Result<()> {
        let turn = self.begin(Durability::Process).await?;
        let outcome = deliveries::progress(turn.connection(), id, bytes_sent, lease, Timestamp::now());
        turn.end(outcome).await
    }

    async fn timeline(&self, job: &JobId) -> Result<Vec<TimelineEntry>> {
        let reader = self.reader()?;
        timeline::read(&reader, job)
    }

    async fn check(&self) -> Result<()> {
        let named = |error: sealpost_core::Error| error.context(format!("ledger file `{}`", self.path.display()));
        let turn = self.begin(Durability::Disk).await.map_err(named)?;
        // Counted on and not set to the time: of two checks at once the one that was asked for later may write first.
        let next = "INSERT INTO probe (id, at) VALUES (1, 1) ON CONFLICT DO UPDATE SET at = at + 1 RETURNING at";
        let outcome = query_scalar(next).fetch_one(turn.connection()).map_err(fault::write);
        let at: i64 = turn.end_touching(outcome, |_| Touched::NoReport).await.map_err(named)?;

        let reader = self.reader().map_err(named)?;
        let back: i64 = query_scalar("SELECT at FROM probe WHERE id = 1")
            .fetch_one(&reader)
            .map_err(|error| named(fault::read(error)))?;
        // Others may have checked in between; an older value would be a lost write.
        if back < at { Err(named(corrupt("a record just written was not read back"))) } else { Ok(()) }
    }
}
