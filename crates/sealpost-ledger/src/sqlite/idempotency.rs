//! Idempotency keys: one namespace for each partner, whatever was asked for under a key.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use sealpost_core::error::codes;
use sealpost_core::id::{DeliveryId, JobId, PartnerId};
use sealpost_core::{Error, Result};

use super::statement::{query, query_as};
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
pub(super) fn find(connection: &Connection, partner: &PartnerId, key: &str, now: Timestamp) -> Result<Option<Done>> {
    let known: Option<(String, String, Option<String>)> = query_as(
        "SELECT request_sha256, job, deliveries FROM idempotency WHERE partner = ? AND key = ? AND created_at > ?",
    )
    .bind(partner.as_str())
    .bind(key)
    .bind(nanos(forgotten_before(now)))
    .fetch_optional(connection)
    .map_err(fault::read)?;
    let Some((sha256, job, deliveries)) = known else { return Ok(None) };
    self::done(sha256, &job, deliveries).map(Some)
}

/// What was done under several keys, each with its partner and the time at which it is asked for.
pub(super) fn find_all<'a>(
    connection: &Connection,
    asked: impl Iterator<Item = (&'a str, &'a str, Timestamp)>,
) -> Result<HashMap<(&'a str, &'a str), Done>> {
    let asked: Vec<_> = asked.map(|(partner, key, now)| (partner, key, nanos(forgotten_before(now)))).collect();
    if asked.is_empty() {
        return Ok(HashMap::new());
    }
    let known: Vec<(i64, String, String, Option<String>)> = query_as(
        "SELECT asked.key, request_sha256, job, deliveries FROM json_each(?) AS asked
         CROSS JOIN idempotency AS known ON known.partner = asked.value ->> 0 AND known.key = asked.value ->> 1
         WHERE created_at > asked.value ->> 2",
    )
    .bind(encode("idempotency keys", &asked)?)
    .fetch_all(connection)
    .map_err(fault::read)?;
    let mut found = HashMap::new();
    for (index, sha256, job, deliveries) in known {
        let Some((partner, key, _)) = usize::try_from(index).ok().and_then(|index| asked.get(index)) else { continue };
        found.insert((*partner, *key), done(sha256, &job, deliveries)?);
    }
    Ok(found)
}

fn done(sha256: String, job: &str, deliveries: Option<String>) -> Result<Done> {
    let deliveries = deliveries.map(|ids| decode("an idempotency key's deliveries", &ids)).transpose()?;
    Ok(Done { sha256, job: id("an idempotency key's job", job)?, deliveries })
}

/// Keeps by which keys reports were made — partner, key, SHA-256, report, when — and forgets some old ones.
pub(super) fn remember_all(connection: &Connection, kept: Vec<(&str, &str, &str, &str, Timestamp)>) -> Result<()> {
    let Some(now) = kept.iter().map(|(.., now)| *now).min() else { return Ok(()) };
    forget(connection, now, PURGED_AT_ONCE * i64::try_from(kept.len()).unwrap_or(1))?;
    let kept: Vec<_> =
        kept.into_iter().map(|(partner, key, sha256, job, now)| (partner, key, sha256, job, nanos(now))).collect();
    query(
        "INSERT OR REPLACE INTO idempotency (partner, key, request_sha256, job, created_at)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?)",
    )
    .bind(encode("idempotency keys", &kept)?)
    .execute(connection)
    .map_err(fault::write)?;
    Ok(())
}

/// Forgets old keys, so many at most.
fn forget(connection: &Connection, now: Timestamp, most: i64) -> Result<()> {
    query(
        "DELETE FROM idempotency WHERE (partner, key) IN
         (SELECT partner, key FROM idempotency WHERE created_at <= ? ORDER BY created_at LIMIT ?)",
    )
    .bind(nanos(forgotten_before(now)))
    .bind(most)
    .execute(connection)
    .map_err(fault::write)?;
    Ok(())
}

/// Keeps what was done under a key, and forgets some old ones.
pub(super) fn remember(
    connection: &Connection,
    partner: &PartnerId,
    key: &str,
    done: &Done,
    now: Timestamp,
) -> Result<()> {
    forget(connection, now, PURGED_AT_ONCE)?;
    let deliveries = done.deliveries.as_ref().map(|ids| encode("deliveries", ids)).transpose()?;
    query(
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
