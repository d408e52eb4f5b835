//! Admission: idempotency, limit, sequence number, job, timeline and task in one transaction.

use jiff::{SignedDuration, Timestamp};
use sealpost_core::error::codes;
use sealpost_core::id::PartnerId;
use sealpost_core::job::Job;
use sealpost_core::port::{Admission, Admitted};
use sealpost_core::{Error, Result};

use super::value::{nanos, unsigned};
use super::{Connection, fault, jobs};

/// How long an idempotency key is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// Old keys removed with each new one: more than one, so that they run out; few, so that no admission waits for them.
const PURGED_AT_ONCE: i64 = 20;

pub(super) async fn admit(connection: &mut Connection, admission: &Admission) -> Result<Admitted> {
    if let Some(job) = replayed(connection, admission).await? {
        return Ok(Admitted::Replayed(job));
    }
    check_limit(connection, admission).await?;
    let sequence = next_sequence(connection, admission).await?;
    let file_name = (admission.file_name)(admission, sequence)?;
    let request = admission.request.clone();
    let made = Job::admitted(admission.id.clone(), request, file_name, admission.retention_days, admission.now);
    jobs::insert(connection, &made).await?;
    remember(connection, admission).await?;
    Ok(Admitted::New(made.job))
}

/// The job that this key and request made before.
async fn replayed(connection: &mut Connection, admission: &Admission) -> Result<Option<Job>> {
    let Some((key, sha256)) = &admission.idempotency else { return Ok(None) };
    let known: Option<(String, String)> =
        sqlx::query_as("SELECT request_sha256, job FROM idempotency WHERE partner = ? AND key = ? AND created_at > ?")
            .bind(partner(admission).as_str())
            .bind(key)
            .bind(nanos(forgotten_before(admission.now)))
            .fetch_optional(&mut *connection)
            .await
            .map_err(fault::read)?;
    match known {
        None => Ok(None),
        Some((known, job)) if known == *sha256 => {
            let id = super::value::id("an idempotency key's job", &job)?;
            jobs::existing(connection, &id).await.map(Some)
        }
        Some(_) => Err(Error::new(
            &codes::request::IDEMPOTENCY_MISMATCH,
            "the same idempotency key came with a different request within 24 hours",
        )),
    }
}

async fn check_limit(connection: &mut Connection, admission: &Admission) -> Result<()> {
    let active: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM jobs INDEXED BY jobs_active WHERE partner = ? AND status IN ('queued', 'running')",
    )
    .bind(partner(admission).as_str())
    .fetch_one(connection)
    .await
    .map_err(fault::read)?;
    if active >= i64::from(admission.active_limit) {
        return Err(Error::new(
            &codes::request::TOO_MANY_ACTIVE,
            format!("{active} reports are queued or running; the limit is {}", admission.active_limit),
        ));
    }
    Ok(())
}

/// The next number of this partner and report type, from 1. An admission that fails gives its number back.
async fn next_sequence(connection: &mut Connection, admission: &Admission) -> Result<u64> {
    let next: i64 = sqlx::query_scalar(
        "INSERT INTO sequences (partner, report_type, last) VALUES (?, ?, 1)
         ON CONFLICT DO UPDATE SET last = last + 1 RETURNING last",
    )
    .bind(partner(admission).as_str())
    .bind(admission.request.report_type.as_str())
    .fetch_one(connection)
    .await
    .map_err(fault::write)?;
    Ok(unsigned(next))
}

/// Keeps the key, and forgets some old ones.
async fn remember(connection: &mut Connection, admission: &Admission) -> Result<()> {
    let Some((key, sha256)) = &admission.idempotency else { return Ok(()) };
    sqlx::query(
        "DELETE FROM idempotency WHERE (partner, key) IN
         (SELECT partner, key FROM idempotency WHERE created_at <= ? ORDER BY created_at LIMIT ?)",
    )
    .bind(nanos(forgotten_before(admission.now)))
    .bind(PURGED_AT_ONCE)
    .execute(&mut *connection)
    .await
    .map_err(fault::write)?;
    sqlx::query(
        "INSERT OR REPLACE INTO idempotency (partner, key, request_sha256, job, created_at) VALUES (?, ?, ?, ?, ?)",
    )
    .bind(partner(admission).as_str())
    .bind(key)
    .bind(sha256)
    .bind(admission.id.as_str())
    .bind(nanos(admission.now))
    .execute(connection)
    .await
    .map_err(fault::write)?;
    Ok(())
}

fn partner(admission: &Admission) -> &PartnerId {
    &admission.request.partner
}

fn forgotten_before(now: Timestamp) -> Timestamp {
    now.checked_sub(KEPT).unwrap_or(Timestamp::MIN)
}
