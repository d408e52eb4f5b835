//! Admission: idempotency, limit, sequence number, job, timeline and task in one transaction.

use sealpost_core::error::codes;
use sealpost_core::id::PartnerId;
use sealpost_core::job::Job;
use sealpost_core::port::{Admission, Admitted};
use sealpost_core::{Error, Result};

use super::idempotency::{self, Done};
use super::value::unsigned;
use super::{Connection, fault, jobs};

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
    if let Some((key, sha256)) = &admission.idempotency {
        let done = Done { sha256: sha256.clone(), job: made.job.id.clone(), deliveries: None };
        idempotency::remember(connection, partner(admission), key, &done, admission.now).await?;
    }
    Ok(Admitted::New(made.job))
}

/// The job that this key and request made before.
async fn replayed(connection: &mut Connection, admission: &Admission) -> Result<Option<Job>> {
    let Some((key, sha256)) = &admission.idempotency else { return Ok(None) };
    match idempotency::find(connection, partner(admission), key, admission.now).await? {
        None => Ok(None),
        Some(Done { sha256: known, job, deliveries: None }) if known == *sha256 => {
            jobs::existing(connection, &job).await.map(Some)
        }
        Some(_) => Err(idempotency::mismatch()),
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

fn partner(admission: &Admission) -> &PartnerId {
    &admission.request.partner
}
