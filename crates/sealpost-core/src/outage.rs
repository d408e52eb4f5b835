//! A secret store that is away or sealed: what needs it waits, and that uses up no attempt.

use jiff::{SignedDuration, Timestamp};

use crate::error::codes;

/// How long after it was asked for something waits for a secret store. From then on its attempts count as always.
pub const PATIENCE: SignedDuration = SignedDuration::from_hours(12);

/// Whether an attempt that fails with this code at `now` only waits for a secret store.
#[must_use]
pub fn is_waited_for(code: &str, asked: Timestamp, now: Timestamp) -> bool {
    let is_away = code == codes::secrets::UNREACHABLE.id || code == codes::secrets::SEALED.id;
    is_away && now.duration_since(asked) < PATIENCE
}
