//! Idempotency keys: one namespace for each partner, whatever was asked for under a key.

use jiff::{SignedDuration, Timestamp};
use sealpost_core::error::codes;
use sealpost_core::id::{DeliveryId, JobId, PartnerId};
use sealpost_core::{Error, Result};

use super::value::{decode, encode, id, nanos};
use super::{Connection, fault};

/// How long an idempotency key is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// Old keys removed with each new one: more than one, so that they run out; few, so that no admission waits for them.
pub(super) const PURGED_AT_ONCE: i64 = 20;

/// What was done under a key.
pub(super) struct Done {
    /// The SHA-256 of the request.
    pub(super) sha256: String,
    /// The report that it made, or delivered again.
    pub(super) job: JobId,
    /// The deliveries that it made, where it delivered again.
    pub(super) deliveries: Option<Vec<DeliveryId>>,
}

/// What was done under a partner's key, if that is not forgotten.
pub(super) async fn find(
    connection: &mut Connection,
    partner: &PartnerId,
    key: &str,
    now: Timestamp,
) -> Result<Option<Done>> {
    let known: Option<(String, String, Option<String>)> = sqlx::query_as(
        "SELECT request_sha256, job, deliveries FROM idempotency WHERE partner = ? AND key = ? AND created_at > ?",
    )
    .bind(partner.as_str())
    .bind(key)
    .bind(nanos(forgotten_before(now)))
    .fetch_optional(connection)
    .await
    .map_err(fault::read)?;
    let Some((sha256, job, deliveries)) = known else { return Ok(None) };
    let deliveries = deliveries.map(|ids| decode("an idempotency key's deliveries", &ids)).transpose()?;
    Ok(Some(Done { sha256, job: id("an idempotency key's job", &job)?, deliveries }))
}

/// Keeps what was done under a key, and forgets some old ones.
pub(super) async fn remember(
    connection: &mut Connection,
    partner: &PartnerId,
    key: &str,
    done: &Done,
    now: Timestamp,
) -> Result<()> {
    sqlx::query(
        "DELETE FROM idempotency WHERE (partner, key) IN
         (SELECT partner, key FROM idempotency WHERE created_at <= ? ORDER BY created_at LIMIT ?)",
    )
    .bind(nanos(forgotten_before(now)))
    .bind(PURGED_AT_ONCE)
    .execute(&mut *connection)
    .await
    .map_err(fault::write)?;
    let deliveries = done.deliveries.as_ref().map(|ids| encode("deliveries", ids)).transpose()?;
    sqlx::query(
        "INSERT OR REPLACE INTO idempotency (partner, key, request_sha256, job, created_at, deliveries)
         VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(partner.as_str())
    .bind(key)
    .bind(&done.sha256)
    .bind(done.job.as_str())
    .bind(nanos(now))
    .bind(deliveries)
    .execute(connection)
    .await
    .map_err(fault::write)?;
    Ok(())
}

/// The error for a key that something else was asked for under.
pub(super) fn mismatch() -> Error {
    Error::new(
        &codes::request::IDEMPOTENCY_MISMATCH,
        "the same idempotency key came with a different request within 24 hours",
    )
}

/// The time from which keys are still known at `now`.
pub(super) fn forgotten_before(now: Timestamp) -> Timestamp {
    now.checked_sub(KEPT).unwrap_or(Timestamp::MIN)
}
