//! The callers' idempotency tokens.

use jiff::{SignedDuration, Timestamp};
use sealpost_core::error::codes;
use sealpost_core::id::{AccessKeyId, TransferId};
use sealpost_core::transfer::Transfer;
use sealpost_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::super::{Key, Step};
use super::start;
use crate::value::corrupt;

/// How long a token is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(24);
/// How much later its item may be forgotten.
const SLACK: SignedDuration = SignedDuration::from_hours(24);

#[derive(Serialize, Deserialize)]
struct Done {
    sha256: String,
    transfer: TransferId,
    at: Timestamp,
}

fn key(caller: &AccessKeyId, token: &str) -> Key {
    Key::new(format!("transfer-token#{caller}"), format!("t#{token}"))
}

/// The transfer that this token and request started before, as it is now.
pub(super) async fn before(
    step: &mut Step,
    caller: &AccessKeyId,
    (token, sha256): (&str, &str),
    now: Timestamp,
) -> Result<Option<Transfer>> {
    let kept_from = now.checked_sub(KEPT).unwrap_or(Timestamp::MIN);
    match step.get::<Done>(&key(caller, token)).await?.filter(|done| done.at > kept_from) {
        None => Ok(None),
        Some(done) if done.sha256 == sha256 => {
            let before = step.peek(&start::record(&done.transfer)).await?;
            before.map(Some).ok_or_else(|| corrupt(format!("a token's transfer {} is gone", done.transfer)))
        }
        Some(_) => Err(Error::new(
            &codes::request::IDEMPOTENCY_MISMATCH,
            "the same idempotency key came with a different request within 24 hours",
        )),
    }
}

/// Keeps what was started under a token.
pub(super) fn remember(step: &mut Step, transfer: &Transfer, token: &str, sha256: &str) -> Result<()> {
    let done = Done { sha256: sha256.to_owned(), transfer: transfer.id.clone(), at: transfer.created_at };
    let until = transfer.created_at.checked_add(KEPT + SLACK).unwrap_or(Timestamp::MAX);
    step.put_until(&key(&transfer.caller, token), &done, until.as_second())
}
