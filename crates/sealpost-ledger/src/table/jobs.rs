//! Jobs as items.

use jiff::Timestamp;
use sealpost_core::error::codes;
use sealpost_core::event::Happening;
use sealpost_core::id::JobId;
use sealpost_core::job::{Job, JobEvent, JobMove, JobStatus, Progress};
use sealpost_core::task::Lease;
use sealpost_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{Key, Step, TableLedger, deliveries, notifications, tasks, timeline};

/// How much a job's item may grow after its admission: by its file, the keys it is sealed to, its deliveries, and the longest
/// failure. One that had no room for them could neither succeed nor fail.
const GROWTH: usize = 32 * 1024;

/// A job as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) job: Job,
    /// Its deliveries, oldest first.
    pub(super) deliveries: Vec<sealpost_core::id::DeliveryId>,
}

/// The partition of a job and its timeline.
pub(super) fn partition(job: &JobId) -> String {
    format!("job#{job}")
}

/// Where a job is.
pub(super) fn key(job: &JobId) -> Key {
    Key::new(partition(job), "job")
}

/// Where its progress is. It changes often, and alone; once it is there, it counts, not what the job's item says.
fn progress_key(job: &JobId) -> Key {
    Key::new(partition(job), "progress")
}

/// A job, with its deliveries' ids.
pub(super) async fn find(ledger: &TableLedger, id: &JobId) -> Result<Option<Record>> {
    Ok(find_all(ledger, std::slice::from_ref(id)).await?.into_iter().next().flatten())
}

/// Jobs, in the order of the ids.
pub(super) async fn find_all(ledger: &TableLedger, ids: &[JobId]) -> Result<Vec<Option<Record>>> {
    let keys: Vec<Key> = ids.iter().map(key).collect();
    let progress_keys: Vec<Key> = ids.iter().map(progress_key).collect();
    let (records, progress) =
        futures::try_join!(ledger.read_all::<Record>(&keys), ledger.read_all::<Progress>(&progress_keys))?;
    let with = |(record, progress): (Option<Record>, Option<Progress>)| {
        record.map(|mut record| {
            record.job.progress = progress.unwrap_or(record.job.progress);
            record
        })
    };
    Ok(records.into_iter().zip(progress).map(with).collect())
}

/// A job that must be there, under guard.
pub(super) async fn existing(step: &mut Step, id: &JobId) -> Result<Record> {
    let record: Option<Record> = step.get(&key(id)).await?;
    let mut record = record.ok_or_else(|| missing(id))?;
    if let Some(progress) = step.peek(&progress_key(id)).await? {
        record.job.progress = progress;
    }
    Ok(record)
}

/// Stores a new job with its first entry and what follows from it.
pub(super) async fn insert(step: &mut Step, made: JobMove) -> Result<Job> {
    let record = Record { job: made.job.clone(), deliveries: Vec::new() };
    let at = made.job.created_at;
    timeline::begin(step, &made.job.id);
    follow(step, record, made, &JobEvent::Admitted, at).await
}

/// Loads, moves by [`Job::apply`] and stores, with what follows.
pub(super) async fn apply(
    step: &mut Step,
    id: &JobId,
    event: &JobEvent,
    lease: Option<&Lease>,
    now: Timestamp,
) -> Result<Job> {
    let mut guarded = vec![key(id)];
    guarded.extend(lease.map(|lease| tasks::key(&lease.work, &lease.task)));
    step.fetch_with(&guarded, &[progress_key(id)]).await?;
    step.fence(lease, now).await?;
    let record = existing(step, id).await?;
    let made = record.job.apply(event, now)?;
    let ended = is_active(record.job.status) && !is_active(made.job.status);
    step.count(&made.job.request.partner, -i64::from(ended), made.deliveries.len().try_into().unwrap_or(0)).await?;
    if made.job.progress != record.job.progress {
        step.put(&progress_key(id), &made.job.progress)?;
    }
    follow(step, record, made, event, now).await
}

/// Whether it counts against the partner's limit.
fn is_active(status: JobStatus) -> bool {
    matches!(status, JobStatus::Queued | JobStatus::Running)
}

/// Stores what follows from a move: the job, the timeline's entries, deliveries, notifications, tasks.
async fn follow(step: &mut Step, mut record: Record, made: JobMove, event: &JobEvent, now: Timestamp) -> Result<Job> {
    let id = made.job.id.clone();
    let mut happened = vec![Happening::Report(event.clone())];
    for delivery in &made.deliveries {
        happened.push(deliveries::insert(step, delivery)?);
        record.deliveries.push(delivery.id.clone());
    }
    timeline::append(step, &id, now, happened).await?;
    if let Some(announcement) = &made.announcement {
        notifications::announce(step, announcement).await?;
    }
    step.enqueue(&made.tasks).await?;
    record.job = made.job;
    match event {
        JobEvent::Admitted => step.put_with_room(&key(&id), &record, GROWTH)?,
        _ => step.put(&key(&id), &record)?,
    }
    Ok(record.job)
}

/// Notes progress; whether someone asked to cancel.
pub(super) async fn progress(
    step: &mut Step,
    id: &JobId,
    progress: Progress,
    lease: &Lease,
    now: Timestamp,
) -> Result<bool> {
    step.fetch_with(&[tasks::key(&lease.work, &lease.task)], &[key(id)]).await?;
    step.fence(Some(lease), now).await?;
    let record: Option<Record> = step.peek(&key(id)).await?;
    let record = record.ok_or_else(|| missing(id))?;
    step.put(&progress_key(id), &progress)?;
    Ok(record.job.cancel_requested)
}

fn missing(id: &JobId) -> Error {
    Error::new(&codes::request::NOT_FOUND, format!("there is no report {id}"))
}
