//! Signatures of calls that changed something: whoever recorded one must not be able to send it again.
//!
//! A stock client that makes the same call twice within a second signs it the same way twice, since the time in a
//! signature has whole seconds; and it repeats a call under the same signature when a connection breaks. So a signature
//! is taken again for a few seconds after it was first seen, and refused from then on until it has expired by itself.
//! The memory is this process's, and begins with it: what was signed well before is refused, since nobody here knows
//! whether it was used. A caller whose clock is late is refused for as long as it is late after each start.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

/// For how long after its first use a signature is taken again, in seconds.
const GRACE_S: i64 = 5;
/// Signatures kept. With fewer than 50 changes a second nothing is forgotten too early.
const ROOM: usize = 100_000;

/// Half of a signature, which nobody can make two of: 128 bits.
type Mark = u128;

/// What was seen.
pub(super) struct Seen {
    /// How old a signature gets before it expires by itself, in seconds.
    lifetime_s: i64,
    room: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// When each was first seen, in seconds since the epoch.
    first: HashMap<Mark, i64>,
    /// Which were signed in which second: the oldest are forgotten first.
    signed: BTreeMap<i64, Vec<Mark>>,
    /// What was signed at this second or before may have been forgotten, so it is not taken any more.
    floor: i64,
}

impl Seen {
    /// A memory that begins at `start`. Whoever signed just before is served: the request may have waited for us.
    pub(super) fn new(skew: Duration, start: Timestamp) -> Self {
        let skew_s = i64::try_from(skew.as_secs()).unwrap_or(i64::MAX / 4);
        Self {
            lifetime_s: skew_s.saturating_add(60),
            room: ROOM,
            kept: Mutex::new(Kept { floor: start.as_second() - GRACE_S - 1, ..Kept::default() }),
        }
    }

    /// Whether a verified signature may be used now, which is noted.
    pub(super) fn take(&self, signature: &str, signed_at: Timestamp, now: Timestamp) -> bool {
        let mark = signature.get(..32).and_then(|half| Mark::from_str_radix(half, 16).ok());
        let Some(mark) = mark else { return false };
        let (signed_at, now) = (signed_at.as_second(), now.as_second());
        let mut kept = self.lock();
        if let Some(first) = kept.first.get(&mark) {
            return now - first <= GRACE_S;
        }
        if signed_at <= kept.floor {
            return false;
        }
        kept.forget(now, now - self.lifetime_s, self.room);
        kept.first.insert(mark, now);
        kept.signed.entry(signed_at).or_default().push(mark);
        true
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Every critical section leaves the maps whole.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Makes room for one: what expired by itself, then the oldest, below which nothing is taken any more. But what is
    /// signed now always is: whoever fills the memory with signatures dated ahead must not shut out everybody.
    fn forget(&mut self, now: i64, expired: i64, room: usize) {
        while let Some((&second, _)) = self.signed.first_key_value() {
            let is_full = self.first.len() >= room;
            if second >= expired && !is_full {
                break;
            }
            for mark in self.signed.remove(&second).unwrap_or_default() {
                self.first.remove(&mark);
            }
            self.floor = self.floor.max(second.min(now - GRACE_S - 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + second).expect("an instant")
    }

    fn signature(number: u32) -> String {
        format!("{number:064x}").chars().rev().collect()
    }

    fn since(start: i64) -> Seen {
        Seen::new(Duration::from_secs(900), at(start))
    }

    #[test]
    fn what_was_signed_before_the_start_may_have_been_used() {
        let seen = since(0);
        assert!(!seen.take(&signature(1), at(-6), at(0)) && !seen.take(&signature(2), at(-600), at(0)));
        assert!(seen.take(&signature(3), at(-5), at(0)), "it may have waited for us");
        assert!(!seen.take(&signature(1), at(-6), at(100)), "later on, too");
        assert!(seen.take(&signature(4), at(5), at(100)), "a clock that is late, once the start is longer ago");
    }

    #[test]
    fn signatures_dated_ahead_shut_nobody_out() {
        let seen = Seen { room: 1000, ..since(-900) };
        for number in 0..5000 {
            assert!(seen.take(&signature(number), at(i64::from(number % 900)), at(0)), "{number}");
        }
        assert!(seen.lock().first.len() <= 1000);
        for number in 5000..7000 {
            let second = i64::from(number - 5000) / 100;
            assert!(seen.take(&signature(number), at(second - 5), at(second)), "{number}");
        }
    }

    #[test]
    fn a_signature_is_taken_again_for_seconds_only() {
        let seen = since(-900);
        assert!(seen.take(&signature(1), at(-600), at(0)), "a clock that is late");
        assert!(seen.take(&signature(1), at(-600), at(0)) && seen.take(&signature(1), at(-600), at(5)));
        assert!(!seen.take(&signature(1), at(-600), at(6)) && !seen.take(&signature(1), at(-600), at(299)));
        assert!(seen.take(&signature(2), at(-600), at(299)), "another one");
    }

    #[test]
    fn memory_is_bounded_and_what_may_have_been_forgotten_is_refused() {
        let seen = Seen { room: 1000, ..since(-900) };
        for number in 0..5000 {
            let second = i64::from(number / 10);
            assert!(seen.take(&signature(number), at(second), at(second)), "{number}");
        }
        assert!(seen.lock().first.len() <= 1000);
        assert!(!seen.take(&signature(0), at(0), at(499)), "forgotten, and refused all the same");
        assert!(!seen.take(&signature(9999), at(0), at(499)), "who can tell");
        assert!(!seen.take(&signature(4000), at(400), at(499)), "remembered");
    }
}
