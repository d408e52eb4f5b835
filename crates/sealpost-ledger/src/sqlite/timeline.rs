//! A job's append-only timeline.

use jiff::Timestamp;
use sealpost_core::Result;
use sealpost_core::event::{Happening, TimelineEntry};
use sealpost_core::id::JobId;

use super::statement::{query, query_as};
use super::value::{decode, encode, instant, nanos, unsigned};
use super::{Connection, fault};

/// Appends what happened under the next number. The write transaction keeps the numbers without gaps.
pub(super) fn append(connection: &Connection, job: &JobId, at: Timestamp, what: &Happening) -> Result<()> {
    query(
        "INSERT INTO timeline (job, sequence, at, what)
         SELECT ?1, COALESCE(MAX(sequence), 0) + 1, ?2, ?3 FROM timeline WHERE job = ?1",
    )
    .bind(job.as_str())
    .bind(nanos(at))
    .bind(encode("a timeline entry", what)?)
    .execute(connection)
    .map_err(fault::write)?;
    Ok(())
}

pub(super) fn read(connection: &Connection, job: &JobId) -> Result<Vec<TimelineEntry>> {
    let rows: Vec<(i64, i64, String)> =
        query_as("SELECT sequence, at, what FROM timeline WHERE job = ? ORDER BY sequence")
            .bind(job.as_str())
            .fetch_all(connection)
            .map_err(fault::read)?;
    rows.into_iter()
        .map(|(sequence, at, what)| {
            let what = decode(&format!("timeline of {job}, entry {sequence}"), &what)?;
            Ok(TimelineEntry { sequence: unsigned(sequence), at: instant(at), what })
        })
        .collect()
}
