//! Idempotency keys: one namespace for each partner, whatever was asked for under a key.

use jiff::{SignedDuration, Timestamp};
use sealpost_core::error::codes;
use sealpost_core::id::{DeliveryId, JobId, PartnerId};
use sealpost_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{Key, Step};

/// How long an idempotency key is kept.
pub(super) const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// What was done under a key.
#[derive(Serialize, Deserialize)]
pub(super) struct Done {
    /// The SHA-256 of the request.
    pub(super) sha256: String,
    /// The report that it made, or delivered again.
    pub(super) job: JobId,
    /// The deliveries that it made, where it delivered again.
    pub(super) deliveries: Option<Vec<DeliveryId>>,
    /// When.
    pub(super) at: Timestamp,
}

/// Where it is.
pub(super) fn key(partner: &PartnerId, key: &str) -> Key {
    Key::new(format!("key#{partner}"), key)
}

/// What was done under a partner's key, if that is not forgotten.
pub(super) async fn find(step: &mut Step, partner: &PartnerId, text: &str, now: Timestamp) -> Result<Option<Done>> {
    let known: Option<Done> = step.get(&key(partner, text)).await?;
    Ok(known.filter(|done| done.at > forgotten_before(now)))
}

/// Keeps what was done under a key.
pub(super) fn remember(step: &mut Step, partner: &PartnerId, text: &str, done: &Done) -> Result<()> {
    step.put_until(&key(partner, text), done, kept_until(done.at))
}

/// The error for a key that something else was asked for under.
pub(crate) fn mismatch() -> Error {
    Error::new(
        &codes::request::IDEMPOTENCY_MISMATCH,
        "the same idempotency key came with a different request within 24 hours",
    )
}

/// The time from which keys are still known at `now`.
pub(crate) fn forgotten_before(now: Timestamp) -> Timestamp {
    now.checked_sub(KEPT).unwrap_or(Timestamp::MIN)
}

/// Until when an item of a key made at this time is kept: an hour longer than it counts, because clocks differ.
pub(crate) fn kept_until(at: Timestamp) -> i64 {
    at.as_second().saturating_add(KEPT.as_secs()).saturating_add(3600)
}
