//! The ledger: jobs, deliveries, and the records of partners, connectors and API keys.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::connector::Connector;
use crate::delivery::{Delivery, DeliveryEvent};
use crate::error::Result;
use crate::event::TimelineEntry;
use crate::id::{ApiKeyId, ConnectorId, DeliveryId, JobId, PartnerId, ReportTypeId};
use crate::identity::Identity;
use crate::job::{Job, JobEvent, JobStatus, Progress, ReportRequest};
use crate::partner::{ApiKey, Partner};
use crate::sealed::FileName;
use crate::task::Lease;

/// Job state: every change is one atomic step, together with what follows from it (deliveries, tasks, timeline).
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Decides idempotency, the limit of active reports and the sequence number, and creates job, timeline and task:
    /// all or nothing, durable when it returns.
    ///
    /// # Errors
    /// `SP-REQUEST-013` over the limit, `SP-REQUEST-014` for a key used with another request.
    async fn admit(&self, admission: Admission) -> Result<Admitted>;

    /// The job that a partner's idempotency key and a request of this SHA-256 have made, as it is now: what
    /// [`admit`](Self::admit) would give again. `None` for a key that is not known.
    ///
    /// # Errors
    /// `SP-REQUEST-014` for a key used with another request.
    async fn admitted_before(
        &self,
        partner: &PartnerId,
        key: &str,
        sha256: &str,
        now: Timestamp,
    ) -> Result<Option<Job>>;

    /// A job of this partner. Another partner's job is not found.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn job(&self, partner: &PartnerId, id: &JobId) -> Result<Option<Job>>;

    /// A mark of the state that a job and its deliveries are in, made now and without a wait. As long as it stays the same,
    /// nobody has changed them, in any process, neither by an event nor by noting progress: what was read after a mark was
    /// made may be shown again. `None` where that can't be told cheaper than by reading.
    fn mark(&self, id: &JobId) -> Option<Mark> {
        let _ = id;
        None
    }

    /// A job of any partner, for workers and operators.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn job_of_any_partner(&self, id: &JobId) -> Result<Option<Job>>;

    /// Jobs, newest first, stable under inserts.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn jobs(&self, filter: &JobFilter) -> Result<JobPage>;

    /// How many jobs of a partner are queued or running: what [`admit`](Self::admit) holds against its limit. It is kept as a
    /// count, so that asking takes as long however many jobs there have been.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn active_jobs(&self, partner: &PartnerId) -> Result<u64>;

    /// Applies an event by [`Job::apply`]. With a lease, only while that lease is the task's newest and not yet past.
    ///
    /// # Errors
    /// `SP-LEDGER-003` for an illegal move, `SP-LEDGER-004` for a lost lease, `SP-REQUEST-008` for no such job.
    async fn apply(&self, id: &JobId, event: &JobEvent, lease: Option<&Lease>, now: Timestamp) -> Result<Job>;

    /// Notes how far production is, without an event. Returns whether someone asked to cancel.
    ///
    /// # Errors
    /// `SP-LEDGER-004` for a lost lease.
    async fn progress(&self, id: &JobId, progress: Progress, lease: &Lease) -> Result<bool>;

    /// A delivery.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn delivery(&self, id: &DeliveryId) -> Result<Option<Delivery>>;

    /// The deliveries of a job, oldest first.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn deliveries(&self, job: &JobId) -> Result<Vec<Delivery>>;

    /// Creates a further delivery of a succeeded job's file to each connector, with its task, all in one step: the same
    /// bytes again. The idempotency key, with the SHA-256 of its request, is one of the job's partner, as with
    /// [`admit`](Self::admit): what was asked for under it before is given again, whatever became of the job meanwhile.
    ///
    /// # Errors
    /// `SP-REQUEST-015` unless the job has succeeded, `SP-REQUEST-017` once its file is gone, `SP-REQUEST-007` without a
    /// connector, `SP-REQUEST-008` for no such job, `SP-REQUEST-014` for a key used with another request, `SP-REQUEST-044`
    /// where it would have more than [`MOST_DELIVERIES`](crate::delivery::MOST_DELIVERIES).
    async fn redeliver(
        &self,
        job: &JobId,
        connectors: &[ConnectorId],
        idempotency: Option<(String, String)>,
        now: Timestamp,
    ) -> Result<Redelivered>;

    /// Applies an event by [`Delivery::apply`], fenced as [`apply`](Self::apply) is.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    async fn apply_delivery(
        &self,
        id: &DeliveryId,
        event: &DeliveryEvent,
        lease: Option<&Lease>,
        now: Timestamp,
    ) -> Result<Delivery>;

    /// Applies an event that ends a delivery, with the task to announce that
    /// ([`AnnounceDelivery`](crate::task::Work::AnnounceDelivery)), in one step.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    async fn end_delivery(
        &self,
        id: &DeliveryId,
        event: &DeliveryEvent,
        lease: Option<&Lease>,
        now: Timestamp,
    ) -> Result<Delivery>;

    /// Notes how many bytes the server has, without an event.
    ///
    /// # Errors
    /// `SP-LEDGER-004` for a lost lease.
    async fn delivery_progress(&self, id: &DeliveryId, bytes_sent: u64, lease: &Lease) -> Result<()>;

    /// The timeline of a job and its deliveries, oldest first.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn timeline(&self, job: &JobId) -> Result<Vec<TimelineEntry>>;

    /// Writes and reads back a record, as a job does.
    ///
    /// # Errors
    /// What a job would meet.
    async fn check(&self) -> Result<()>;
}

/// A mark of a job's state, see [`Ledger::mark`]. It means something within one process only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Counts up when any job may have changed.
    pub epoch: u64,
    /// Counts up when this job has changed.
    pub changes: u64,
}

/// Most identities that one change of a partner adds and takes away: a ledger may have to make all of it one write.
pub const MOST_IDENTITIES_AT_ONCE: usize = 80;

/// Records that operators keep. Partner is the root: removing it removes its connectors and keys.
#[async_trait]
pub trait Records: Send + Sync {
    /// A partner.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn partner(&self, id: &PartnerId) -> Result<Option<Partner>>;

    /// All partners by id.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn partners(&self) -> Result<Vec<Partner>>;

    /// The partner that an identity stands for.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn partner_of(&self, identity: &Identity) -> Result<Option<Partner>>;

    /// Creates or replaces a partner.
    ///
    /// # Errors
    /// `SP-LEDGER-001`; `SP-REQUEST-033` where another partner has one of its identities.
    async fn put_partner(&self, partner: &Partner) -> Result<()>;

    /// Changes a partner by a pure function in one atomic step, so that two changes at once are both kept. `None`
    /// where there is no such partner.
    ///
    /// # Errors
    /// What `edit` says, and as [`put_partner`](Self::put_partner).
    async fn edit_partner(&self, id: &PartnerId, edit: &Edit<Partner>) -> Result<Option<Partner>>;

    /// Removes a partner with its connectors and keys. `false` where there was none. It may take several steps. Either they begin
    /// by disabling the partner, and where it was cut short, the same call again goes on; or the first takes its record away, and
    /// the rest, of which nothing is found any more, goes beside, by [`Queue::tidy`](super::Queue::tidy) at the latest.
    ///
    /// # Errors
    /// `SP-LEDGER-008` while it has reports queued or running, or deliveries under way.
    async fn remove_partner(&self, id: &PartnerId) -> Result<bool>;

    /// A connector.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn connector(&self, id: &ConnectorId) -> Result<Option<Connector>>;

    /// All connectors, or those of a partner, by partner and name.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn connectors(&self, partner: Option<&PartnerId>) -> Result<Vec<Connector>>;

    /// Stores a new connector, in one atomic step with counting those of its partner.
    ///
    /// # Errors
    /// `SP-REQUEST-041` where it is there already, `SP-REQUEST-037` where there are `most` of the partner, `SP-REQUEST-008` where
    /// there is no such partner; `SP-LEDGER-001`.
    async fn create_connector(&self, connector: &Connector, most: u32) -> Result<()>;

    /// Creates or replaces a connector, whatever their number.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn put_connector(&self, connector: &Connector) -> Result<()>;

    /// Changes a connector by a pure function in one atomic step. `None` where there is no such connector.
    ///
    /// # Errors
    /// What `edit` says; `SP-LEDGER-001`.
    async fn edit_connector(&self, id: &ConnectorId, edit: &Edit<Connector>) -> Result<Option<Connector>>;

    /// Removes a connector. `false` where there was none.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn remove_connector(&self, id: &ConnectorId) -> Result<bool>;

    /// An API key by its public half.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn api_key(&self, id: &ApiKeyId) -> Result<Option<ApiKey>>;

    /// The API keys of a partner, newest first.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn api_keys(&self, partner: &PartnerId) -> Result<Vec<ApiKey>>;

    /// Stores a new API key, in one atomic step with counting those that work. Keys of the partner that have worked no more for
    /// long go, see [`ApiKey::displaces`].
    ///
    /// # Errors
    /// `SP-REQUEST-037` where `most` keys of the partner work; `SP-REQUEST-008` where there is no such partner; `SP-LEDGER-001`.
    async fn create_api_key(&self, key: &ApiKey, most: u32) -> Result<()>;

    /// Creates or replaces an API key, whatever their number.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn put_api_key(&self, key: &ApiKey) -> Result<()>;

    /// Changes an API key by a pure function in one atomic step, so that a revocation is never overwritten. `None` where
    /// there is no such key.
    ///
    /// # Errors
    /// What `edit` says; `SP-LEDGER-001`.
    async fn edit_api_key(&self, id: &ApiKeyId, edit: &Edit<ApiKey>) -> Result<Option<ApiKey>>;
}

/// A pure change of a record; it may be called more than once.
pub type Edit<T> = dyn Fn(T) -> Result<T> + Send + Sync;

/// A request to be admitted.
#[derive(Debug, Clone)]
pub struct Admission {
    /// The id it gets when it is new.
    pub id: JobId,
    /// What was asked for, checked.
    pub request: ReportRequest,
    /// The caller's idempotency key, with the SHA-256 of the request it belongs to. Kept for 24 hours at least.
    pub idempotency: Option<(String, String)>,
    /// Most jobs of this partner queued or running.
    pub active_limit: u32,
    /// Makes the file name from the sequence number that the ledger gives out: per partner and report type, from 1.
    pub file_name: fn(&Admission, u64) -> Result<FileName>,
    /// The partner's file name template, for `file_name`.
    pub name_template: String,
    /// The whole extension, for `file_name`: `csv.gz.pgp`.
    pub extension: String,
    /// The zone of `{date}` and `{time}`, for `file_name`.
    pub time_zone: String,
    /// How long the file is kept, in days.
    pub retention_days: u32,
    /// Now.
    pub now: Timestamp,
}

/// What became of an admission.
#[derive(Debug, Clone, PartialEq)]
pub enum Admitted {
    /// A new job.
    New(Job),
    /// The job that the same key and request made before.
    Replayed(Job),
}

/// What became of a redelivery.
#[derive(Debug, Clone, PartialEq)]
pub struct Redelivered {
    /// The deliveries, in the order of the connectors.
    pub deliveries: Vec<Delivery>,
    /// Whether the same key and request made them before.
    pub replayed: bool,
}

/// Which jobs to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Of this partner only. The partner API always sets it.
    pub partner: Option<PartnerId>,
    /// In one of these statuses; any when empty.
    pub statuses: Vec<JobStatus>,
    /// Of this report type.
    pub report_type: Option<ReportTypeId>,
    /// Created at or after.
    pub created_from: Option<Timestamp>,
    /// Created before.
    pub created_to: Option<Timestamp>,
    /// Continue after this job (the last of the page before).
    pub after: Option<JobId>,
    /// Most jobs, 1 to 100.
    pub limit: u32,
}

/// A page of jobs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct JobPage {
    /// The jobs, newest first.
    pub jobs: Vec<Job>,
    /// Whether there are more.
    pub more: bool,
}
