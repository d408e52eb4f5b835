//! A token bucket, exact to the nanosecond.
//!
//! Why not the crate `governor`: a plan's limits change while it is used (a new limiter would forget what was used), two
//! buckets must both have room before either is taken from, and `GET /v1/usage` looks without taking. Its limiters do
//! none of the three.
//!
//! A bucket is kept as the one instant at which it will be full again (the generic cell rate algorithm, as in ITU-T
//! I.371, A.2): nothing has to be refilled by a clock, and a full bucket is the same as none.

use std::time::{Duration, Instant};

use sealpost_core::usage::RateLimit;

/// A token every so often at least: what a rate next to zero amounts to.
const LONGEST_INTERVAL: Duration = Duration::from_secs(365 * 24 * 3600);

/// A token bucket.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    limit: RateLimit,
    /// The time one token takes to come.
    interval: Duration,
    full_at: Instant,
}

impl Bucket {
    /// A full bucket.
    pub(crate) fn full(limit: RateLimit, now: Instant) -> Self {
        Self { limit, interval: interval(limit), full_at: now }
    }

    pub(crate) fn limit(&self) -> RateLimit {
        self.limit
    }

    /// Goes on with another limit; the tokens that are out stay out.
    pub(crate) fn set(&mut self, limit: RateLimit, now: Instant) {
        if self.limit != limit {
            let used = self.debt(now).as_secs_f64() / self.interval.as_secs_f64();
            *self = Self::full(limit, now);
            let debt = self.interval.as_secs_f64() * used.min(f64::from(limit.burst));
            self.full_at += Duration::try_from_secs_f64(debt).unwrap_or_default();
        }
    }

    /// How long until there is a token; zero when there is one.
    pub(crate) fn wait(&self, now: Instant) -> Duration {
        (self.debt(now) + self.interval).saturating_sub(self.capacity())
    }

    /// Takes a token. Whether there is one was asked before; where there was none, the bucket is in debt, for at most
    /// `most` of time.
    pub(crate) fn take(&mut self, now: Instant, most: Duration) {
        self.full_at = now + (self.debt(now) + self.interval).min(most.max(self.capacity()));
    }

    /// Tokens that are there.
    pub(crate) fn remaining(&self, now: Instant) -> u64 {
        let there = self.capacity().saturating_sub(self.debt(now));
        u64::try_from(there.as_nanos() / self.interval.as_nanos().max(1)).unwrap_or(u64::MAX)
    }

    /// How long until it is full.
    pub(crate) fn debt(&self, now: Instant) -> Duration {
        self.full_at.saturating_duration_since(now)
    }

    /// How long it takes to fill when empty.
    pub(crate) fn capacity(&self) -> Duration {
        self.interval.saturating_mul(self.limit.burst)
    }
}

fn interval(limit: RateLimit) -> Duration {
    Duration::try_from_secs_f64(limit.per_second.recip()).map_or(LONGEST_INTERVAL, |interval| {
        // At least a nanosecond, since something is divided by it.
        interval.clamp(Duration::from_nanos(1), LONGEST_INTERVAL)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_DEBT: Duration = Duration::ZERO;

    fn try_take(bucket: &mut Bucket, now: Instant) -> bool {
        let there = bucket.wait(now).is_zero();
        if there {
            bucket.take(now, NO_DEBT);
        }
        there
    }

    #[test]
    fn it_gives_the_burst_and_then_the_rate_to_the_request() {
        let begin = Instant::now();
        for (per_second, burst) in [(100.0, 200), (3.0, 1), (0.2, 2), (100_000.0, 100_000), (7.0, 50)] {
            let mut bucket = Bucket::full(RateLimit { per_second, burst }, begin);
            let at_once = (0..burst + 10).filter(|_| try_take(&mut bucket, begin)).count();
            assert_eq!(at_once, burst as usize, "{per_second}");
            assert_eq!(bucket.remaining(begin), 0);
            // Asked every millisecond for ten seconds.
            let given = (1..=10_000).filter(|ms| try_take(&mut bucket, begin + Duration::from_millis(*ms))).count();
            let expected = (per_second * 10.0).min(10_000.0);
            assert!((given as f64 - expected).abs() <= 1.0, "{per_second}: {given}");
        }
    }

    #[test]
    fn waiting_as_long_as_it_says_is_enough_and_less_is_not() {
        let begin = Instant::now();
        let mut bucket = Bucket::full(RateLimit { per_second: 3.0, burst: 2 }, begin);
        bucket.take(begin, NO_DEBT);
        bucket.take(begin, NO_DEBT);
        let wait = bucket.wait(begin);
        assert!(!bucket.wait(begin + wait - Duration::from_nanos(1)).is_zero());
        assert!(bucket.wait(begin + wait).is_zero());
    }

    #[test]
    fn another_limit_keeps_what_was_used() {
        let now = Instant::now();
        let mut bucket = Bucket::full(RateLimit { per_second: 10.0, burst: 20 }, now);
        (0..5).for_each(|_| bucket.take(now, NO_DEBT));
        bucket.set(RateLimit { per_second: 100.0, burst: 8 }, now);
        assert_eq!(bucket.remaining(now), 3);
        bucket.set(RateLimit { per_second: 1.0, burst: 2 }, now);
        assert_eq!(bucket.remaining(now), 0);
        assert_eq!(bucket.wait(now), Duration::from_secs(1));
    }

    #[test]
    fn rates_next_to_nothing_do_no_harm() {
        let now = Instant::now();
        for per_second in [f64::MIN_POSITIVE, 1e-300, 0.0, -1.0, f64::NAN, f64::INFINITY] {
            let mut bucket = Bucket::full(RateLimit { per_second, burst: 100_000 }, now);
            bucket.take(now, NO_DEBT);
            assert!(bucket.remaining(now) <= 100_000);
            bucket.set(RateLimit { per_second: 1.0, burst: 1 }, now);
        }
    }

    #[test]
    fn debt_is_paid_back_up_to_a_limit() {
        let now = Instant::now();
        let mut bucket = Bucket::full(RateLimit { per_second: 1.0, burst: 2 }, now);
        (0..1000).for_each(|_| bucket.take(now, Duration::from_secs(60)));
        assert_eq!(bucket.wait(now), Duration::from_secs(59));
    }
}
