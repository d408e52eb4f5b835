//! Key ids that the issuer did not have: what keeps invented ones from becoming requests to the issuer.

use std::collections::VecDeque;
use std::time::Instant;

use crate::timing::Timing;

/// How many ids are remembered; the oldest goes first.
const MOST: usize = 256;

/// When the issuer was asked for unknown keys, and which it did not have.
#[derive(Debug, Default)]
pub(crate) struct UnknownKeys {
    asked: Option<Instant>,
    missing: VecDeque<(String, Instant)>,
}

impl UnknownKeys {
    /// Whether the issuer may be asked about this id now, or about keys of tokens without one. If so, that counts as asked.
    pub(crate) fn may_ask(&mut self, id: Option<&str>, now: Instant, timing: &Timing) -> bool {
        while self.missing.front().is_some_and(|(_, since)| now >= *since + timing.unknown_key_memory) {
            self.missing.pop_front();
        }
        let known_missing = self.missing.iter().any(|(missing, _)| Some(missing.as_str()) == id);
        let too_soon = self.asked.is_some_and(|asked| now < asked + timing.unknown_key_pause);
        if known_missing || too_soon {
            return false;
        }
        self.asked = Some(now);
        true
    }

    /// The issuer does not have this id.
    pub(crate) fn remember(&mut self, id: &str, now: Instant) {
        if self.missing.iter().any(|(missing, _)| missing == id) {
            return;
        }
        if self.missing.len() >= MOST {
            self.missing.pop_front();
        }
        self.missing.push_back((id.to_owned(), now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_issuer_is_asked_at_most_once_per_pause_and_not_twice_for_one_id() {
        let (timing, start) = (Timing::default(), Instant::now());
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut unknown = UnknownKeys::default();
        assert!(unknown.may_ask(Some("a"), at(0), &timing));
        unknown.remember("a", at(0));
        assert!(!unknown.may_ask(Some("b"), at(29), &timing));
        assert!(!unknown.may_ask(Some("a"), at(30), &timing), "the answer is known");
        assert!(unknown.may_ask(Some("b"), at(30), &timing), "being refused is not being asked");
        assert!(unknown.may_ask(Some("a"), at(120), &timing), "the issuer may have it by now");
        unknown.remember("", at(120));
        assert!(!unknown.may_ask(None, at(149), &timing));
        assert!(unknown.may_ask(None, at(150), &timing), "no id is not an empty one");
    }

    #[test]
    fn invented_ids_take_bounded_memory() {
        let now = Instant::now();
        let mut unknown = UnknownKeys::default();
        for number in 0..10_000 {
            unknown.remember(&number.to_string(), now);
            unknown.remember("same", now);
        }
        assert_eq!(unknown.missing.len(), MOST);
    }
}
