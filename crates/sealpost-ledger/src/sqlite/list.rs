//! Lists of jobs: newest first, by a cursor that inserts don't move.

use sealpost_core::error::{FieldError, codes};
use sealpost_core::id::JobId;
use sealpost_core::port::{JobFilter, JobPage};
use sealpost_core::{Error, Result};

use super::jobs::{self, Row};
use super::statement::{query_as, query_scalar};
use super::value::nanos;
use super::{Connection, fault};

pub(super) fn page(connection: &Connection, filter: &JobFilter) -> Result<JobPage> {
    let limit = filter.limit.clamp(1, 100);
    let mut sql = query_as::<Row>("SELECT record, rows_done, bytes_done FROM jobs WHERE 1 = 1");
    if let Some(partner) = &filter.partner {
        sql.push(" AND partner = ").push_bind(partner.as_str());
    }
    if let Some(report_type) = &filter.report_type {
        sql.push(" AND report_type = ").push_bind(report_type.as_str());
    }
    if !filter.statuses.is_empty() {
        let mut before = " AND status IN (";
        for status in &filter.statuses {
            sql.push(before).push_bind(status.as_str());
            before = ", ";
        }
        sql.push(")");
    }
    if let Some(from) = filter.created_from {
        sql.push(" AND created_at >= ").push_bind(nanos(from));
    }
    if let Some(to) = filter.created_to {
        sql.push(" AND created_at < ").push_bind(nanos(to));
    }
    if let Some(after) = &filter.after {
        let created_at = position(connection, filter, after)?;
        sql.push(" AND (created_at, id) < (").push_bind(created_at).push(", ").push_bind(after.as_str());
        sql.push(")");
    }
    // One more than asked for, to know whether there are more.
    sql.push(" ORDER BY created_at DESC, id DESC LIMIT ").push_bind(i64::from(limit) + 1);
    let mut rows = sql.fetch_all(connection).map_err(fault::read)?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    Ok(JobPage { jobs: rows.into_iter().map(jobs::job).collect::<Result<_>>()?, more })
}

/// When the cursor's job was created. Another partner's job is no cursor, and no different from one that is not there.
fn position(connection: &Connection, filter: &JobFilter, after: &JobId) -> Result<i64> {
    let found: Option<i64> = query_scalar("SELECT created_at FROM jobs WHERE id = ?1 AND (?2 IS NULL OR partner = ?2)")
        .bind(after.as_str())
        .bind(filter.partner.as_ref().map(|partner| partner.as_str()))
        .fetch_optional(connection)
        .map_err(fault::read)?;
    found.ok_or_else(|| {
        Error::new(&codes::request::INVALID, format!("there is no report {after} to continue after"))
            .with_fields(vec![FieldError::new("/after", "not the id of a report of this list")])
    })
}
