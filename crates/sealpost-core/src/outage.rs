//! A secret store or a database that is away: what needs it waits, and that uses up no attempt.

use jiff::{SignedDuration, Timestamp};

use crate::error::{Code, codes};

/// How long after it was asked for something waits. From then on its attempts count as always.
pub const PATIENCE: SignedDuration = SignedDuration::from_hours(12);

/// What comes back by itself, or by those whose it is, while nothing is wrong with what waits.
static WAITED_FOR: [&Code; 4] =
    [&codes::secrets::UNREACHABLE, &codes::secrets::SEALED, &codes::source::UNREACHABLE, &codes::source::BUSY];

/// Whether an attempt that fails with this code at `now` only waits for a secret store or a database.
#[must_use]
pub fn is_waited_for(code: &str, asked: Timestamp, now: Timestamp) -> bool {
    WAITED_FOR.iter().any(|away| away.id == code) && now.duration_since(asked) < PATIENCE
}
