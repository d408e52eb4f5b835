//! Jobs as rows.

use jiff::Timestamp;
use sealpost_core::error::codes;
use sealpost_core::event::Happening;
use sealpost_core::id::{JobId, PartnerId};
use sealpost_core::job::{Job, JobEvent, JobMove, Progress};
use sealpost_core::task::Lease;
use sealpost_core::{Error, Result};

use super::statement::{query, query_as, query_scalar};
use super::value::{decode, encode, signed, unsigned};
use super::{Connection, deliveries, fault, notifications, tasks, timeline};

/// The columns that [`job`] reads.
pub(super) type Row = (String, i64, i64);

/// A job from its row. Progress has columns of its own: it changes often, and alone.
pub(super) fn job((record, rows, bytes): Row) -> Result<Job> {
    let mut job: Job = decode("a job", &record)?;
    job.progress = Progress { rows: unsigned(rows), bytes: unsigned(bytes) };
    Ok(job)
}

/// A job, of this partner only when one is given.
pub(super) fn find(connection: &Connection, partner: Option<&PartnerId>, id: &JobId) -> Result<Option<Job>> {
    let row: Option<Row> =
        query_as("SELECT record, rows_done, bytes_done FROM jobs WHERE id = ?1 AND (?2 IS NULL OR partner = ?2)")
            .bind(id.as_str())
            .bind(partner.map(PartnerId::as_str))
            .fetch_optional(connection)
            .map_err(fault::read)?;
    row.map(job).transpose().map_err(|error| error.context(id))
}

/// A job that must be there.
pub(super) fn existing(connection: &Connection, id: &JobId) -> Result<Job> {
    let found = find(connection, None, id)?;
    found.ok_or_else(|| Error::new(&codes::request::NOT_FOUND, format!("there is no report {id}")))
}

/// How many of a partner are queued or running, as triggers count them.
pub(super) fn active(connection: &Connection, partner: &PartnerId) -> Result<u64> {
    let jobs: Option<i64> = query_scalar("SELECT jobs FROM active_jobs WHERE partner = ?")
        .bind(partner.as_str())
        .fetch_optional(connection)
        .map_err(fault::read)?;
    Ok(unsigned(jobs.unwrap_or(0)))
}

/// Loads, moves by [`Job::apply`] and stores, with what follows.
pub(super) fn apply(
    connection: &Connection,
    id: &JobId,
    event: &JobEvent,
    lease: Option<&Lease>,
    now: Timestamp,
) -> Result<JobMove> {
    tasks::fence(connection, lease, now)?;
    let made = existing(connection, id)?.apply(event, now)?;
    let job = &made.job;
    query("UPDATE jobs SET status = ?, rows_done = ?, bytes_done = ?, record = ? WHERE id = ?")
        .bind(job.status.as_str())
        .bind(signed(job.progress.rows))
        .bind(signed(job.progress.bytes))
        .bind(encode("a job", job)?)
        .bind(id.as_str())
        .execute(connection)
        .map_err(fault::write)?;
    follow(connection, &made, event, now)?;
    Ok(made)
}

/// Stores what follows from a move: the timeline's entry, deliveries, notifications, tasks.
fn follow(connection: &Connection, made: &JobMove, event: &JobEvent, now: Timestamp) -> Result<()> {
    timeline::append(connection, &made.job.id, now, &Happening::Report(event.clone()))?;
    for delivery in &made.deliveries {
        deliveries::insert(connection, delivery, now)?;
    }
    if let Some(announcement) = &made.announcement {
        notifications::announce(connection, announcement)?;
    }
    tasks::enqueue(connection, &made.tasks)
}

/// Notes progress; whether someone asked to cancel.
pub(super) fn progress(
    connection: &Connection,
    id: &JobId,
    progress: Progress,
    lease: &Lease,
    now: Timestamp,
) -> Result<bool> {
    tasks::fence(connection, Some(lease), now)?;
    let cancelled: Option<bool> = query_scalar(
        "UPDATE jobs SET rows_done = ?, bytes_done = ? WHERE id = ?
         RETURNING json_extract(record, '$.cancel_requested')",
    )
    .bind(signed(progress.rows))
    .bind(signed(progress.bytes))
    .bind(id.as_str())
    .fetch_optional(connection)
    .map_err(fault::write)?;
    cancelled.ok_or_else(|| Error::new(&codes::request::NOT_FOUND, format!("there is no report {id}")))
}
