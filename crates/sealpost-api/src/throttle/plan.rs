//! The buckets of every partner: one for all its requests, and one for each operation that has a limit of its own.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sealpost_core::id::PartnerId;
use sealpost_core::partner::PartnerLimits;
use sealpost_core::usage::RateLimit;

use super::bucket::Bucket;

/// Partners kept before anything is forgotten.
const ROOM: usize = 1024;

/// How a request stands with one limit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    pub(crate) limit: RateLimit,
    /// Requests that may be made now.
    pub(crate) remaining: u64,
    /// Until the next one may be made; zero when one may.
    pub(crate) wait: Duration,
    /// Until the whole burst may be made again.
    pub(crate) full_in: Duration,
    /// How long it takes from empty to full.
    pub(crate) window: Duration,
}

impl Standing {
    fn of(bucket: &Bucket, now: Instant) -> Self {
        Self {
            limit: bucket.limit(),
            remaining: bucket.remaining(now),
            wait: bucket.wait(now),
            full_in: bucket.debt(now),
            window: bucket.capacity(),
        }
    }
}

/// How a request stands with all limits of its partner that concern it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standings {
    pub(crate) all: Standing,
    pub(crate) operation: Option<Standing>,
}

/// Buckets of one partner.
struct Buckets {
    all: Bucket,
    operations: BTreeMap<String, Bucket>,
}

impl Buckets {
    fn full(limits: &PartnerLimits, now: Instant) -> Self {
        Self { all: Bucket::full(limits.rate, now), operations: BTreeMap::new() }
    }

    /// Goes on with the limits as they are now.
    fn set(&mut self, limits: &PartnerLimits, now: Instant) {
        self.all.set(limits.rate, now);
        self.operations.retain(|name, _| limits.methods.contains_key(name));
        for (name, limit) in &limits.methods {
            match self.operations.get_mut(name) {
                Some(bucket) => bucket.set(*limit, now),
                None => drop(self.operations.insert(name.clone(), Bucket::full(*limit, now))),
            }
        }
    }

    /// A full bucket is the same as none.
    fn is_full(&self, now: Instant) -> bool {
        [&self.all].into_iter().chain(self.operations.values()).all(|bucket| bucket.debt(now).is_zero())
    }
}

/// The plans of all partners that asked for something lately.
#[derive(Default)]
pub(crate) struct Plans {
    partners: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    buckets: HashMap<PartnerId, Buckets>,
    /// How many may be kept before those that are full are forgotten.
    room: usize,
}

impl Plans {
    /// Takes a request out of both buckets that concern it, or out of none where one has nothing left: whether it was
    /// taken, and how it stands then.
    pub(crate) fn take(
        &self,
        partner: &PartnerId,
        limits: &PartnerLimits,
        operation: &str,
        now: Instant,
    ) -> (bool, Standings) {
        self.with(partner, limits, now, |buckets| {
            let operation = buckets.operations.get_mut(operation);
            let allowed =
                buckets.all.wait(now).is_zero() && operation.as_ref().is_none_or(|bucket| bucket.wait(now).is_zero());
            let operation = operation.map(|bucket| {
                if allowed {
                    bucket.take(now, Duration::ZERO);
                }
                Standing::of(bucket, now)
            });
            if allowed {
                buckets.all.take(now, Duration::ZERO);
            }
            (allowed, Standings { all: Standing::of(&buckets.all, now), operation })
        })
    }

    /// How a partner stands with all its limits.
    pub(crate) fn look(
        &self,
        partner: &PartnerId,
        limits: &PartnerLimits,
        now: Instant,
    ) -> (Standing, BTreeMap<String, Standing>) {
        self.with(partner, limits, now, |buckets| {
            let each = buckets.operations.iter().map(|(name, bucket)| (name.clone(), Standing::of(bucket, now)));
            (Standing::of(&buckets.all, now), each.collect())
        })
    }

    fn with<T>(
        &self,
        partner: &PartnerId,
        limits: &PartnerLimits,
        now: Instant,
        action: impl FnOnce(&mut Buckets) -> T,
    ) -> T {
        let mut kept = self.lock();
        if !kept.buckets.contains_key(partner) {
            if kept.buckets.len() >= kept.room.max(ROOM) {
                kept.buckets.retain(|_, buckets| !buckets.is_full(now));
                // Twice what is really used, so that looking through all costs little for each new one.
                kept.room = kept.buckets.len() * 2;
            }
            kept.buckets.insert(partner.clone(), Buckets::full(limits, now));
        }
        match kept.buckets.get_mut(partner) {
            Some(buckets) => {
                buckets.set(limits, now);
                action(buckets)
            }
            // Never: it was put there just now.
            None => action(&mut Buckets::full(limits, now)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Every critical section leaves the map whole.
        self.partners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> PartnerId {
        name.parse().expect("an id")
    }

    fn limits(rate: (f64, u32), operations: &[(&str, f64, u32)]) -> PartnerLimits {
        let limit = |(per_second, burst)| RateLimit { per_second, burst };
        let each =
            operations.iter().map(|(name, per_second, burst)| ((*name).to_owned(), limit((*per_second, *burst))));
        PartnerLimits { rate: limit(rate), methods: each.collect(), ..PartnerLimits::default() }
    }

    #[test]
    fn a_request_is_taken_from_both_buckets_or_from_none() {
        let (plans, now, acme) = (Plans::default(), Instant::now(), id("acme"));
        let limits = limits((1.0, 5), &[("POST /v1/reports", 1.0, 2)]);
        let ask = |operation: &str| plans.take(&acme, &limits, operation, now);
        assert!(ask("POST /v1/reports").0 && ask("POST /v1/reports").0);
        let (taken, refused) = ask("POST /v1/reports");
        assert!(!taken, "two at once");
        assert_eq!((refused.all.remaining, refused.operation.map(|one| one.remaining)), (3, Some(0)));
        for left in [2, 1, 0] {
            let (taken, standings) = ask("GET /v1/reports");
            assert!(taken && standings.all.remaining == left);
        }
        let (taken, refused) = ask("GET /v1/reports");
        assert!(!taken && refused.all.wait == Duration::from_secs(1), "five at once");
        assert!(plans.take(&id("globex"), &limits, "GET /v1/reports", now).0, "each partner has its own");
    }

    #[test]
    fn changed_limits_hold_with_the_next_request() {
        let (plans, now, acme) = (Plans::default(), Instant::now(), id("acme"));
        let operation = "POST /v1/reports";
        let ask = |limits: PartnerLimits| plans.take(&acme, &limits, operation, now).0;
        assert!(ask(limits((1.0, 1), &[])));
        assert!(!ask(limits((1.0, 1), &[])));
        assert!(ask(limits((1.0, 3), &[(operation, 1.0, 1)])));
        assert!(!ask(limits((1.0, 3), &[(operation, 1.0, 1)])));
        assert!(ask(limits((1.0, 3), &[])));
        let (_, operations) = plans.look(&acme, &limits((1.0, 3), &[]), now);
        assert!(operations.is_empty());
    }

    #[test]
    fn partners_that_ask_for_nothing_are_forgotten() {
        let (plans, begin) = (Plans::default(), Instant::now());
        let limits = limits((1.0, 2), &[]);
        for number in 0..20_000_u64 {
            let now = begin + Duration::from_millis(number * 100);
            assert!(plans.take(&id(&format!("p{number}")), &limits, "", now).0);
        }
        assert!(plans.lock().buckets.len() <= ROOM + 1);
    }
}
