//! How long keys are kept and how often an issuer is asked.

use std::time::Duration;

/// The times of an issuer's keys. The defaults fit every issuer; tests shorten them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// The longest time for one request to an issuer, its body included: 3 s.
    pub request: Duration,
    /// A key id that we do not know makes us ask for new keys, but not more often than this: 30 s.
    pub unknown_key_pause: Duration,
    /// A key id that the issuer did not have is not asked about again for this time: 2 min.
    pub unknown_key_memory: Duration,
    /// The first pause after a fetch that failed; it doubles with each failure: 1 s.
    pub first_retry: Duration,
    /// The longest pause after a fetch that failed: 30 s.
    pub longest_retry: Duration,
    /// How long keys are fresh where the issuer does not say: 1 h.
    pub usual_age: Duration,
    /// The shortest time that keys are fresh, whatever the issuer says: 5 min.
    pub shortest_age: Duration,
    /// The longest time that keys are fresh, whatever the issuer says: 24 h.
    pub longest_age: Duration,
    /// How long keys stay in use after they are stale, while the issuer does not answer: 24 h.
    pub without_issuer: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        let minutes = |count: u64| Duration::from_secs(count * 60);
        Self {
            request: Duration::from_secs(3),
            unknown_key_pause: Duration::from_secs(30),
            unknown_key_memory: minutes(2),
            first_retry: Duration::from_secs(1),
            longest_retry: Duration::from_secs(30),
            usual_age: minutes(60),
            shortest_age: minutes(5),
            longest_age: minutes(24 * 60),
            without_issuer: minutes(24 * 60),
        }
    }
}

impl Timing {
    /// How long keys with this `max-age` are fresh.
    pub(crate) fn age(&self, max_age: Option<Duration>) -> Duration {
        max_age.unwrap_or(self.usual_age).max(self.shortest_age).min(self.longest_age)
    }

    /// The pause after so many failures in a row.
    pub(crate) fn retry(&self, failures: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(failures.saturating_sub(1).min(16));
        self.first_retry.saturating_mul(doubled).min(self.longest_retry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_bounded() {
        let timing = Timing::default();
        let age = |seconds: u64| timing.age(Some(Duration::from_secs(seconds))).as_secs();
        assert_eq!((age(0), age(299), age(600), age(u64::MAX)), (300, 300, 600, 86_400));
        assert_eq!(timing.age(None).as_secs(), 3_600);
    }

    #[test]
    fn pauses_grow_to_a_limit() {
        let timing = Timing::default();
        let pauses: Vec<u64> = (0..8).map(|failures| timing.retry(failures).as_secs()).collect();
        assert_eq!(pauses, [1, 1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(timing.retry(u32::MAX).as_secs(), 30);
    }
}
