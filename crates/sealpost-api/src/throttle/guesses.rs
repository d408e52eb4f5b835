//! Failed authentication, counted for each client address: guessing gets slow, whoever is guessed at.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sealpost_core::usage::RateLimit;

use super::bucket::Bucket;

/// Failed attempts of one address: 20 at once, and one more every three seconds.
pub(crate) const DEFAULT: RateLimit = RateLimit { per_second: 20.0 / 60.0, burst: 20 };
/// Many attempts at the same time all begin before the first has failed. They are paid for afterwards, up to this.
const LONGEST_DEBT: Duration = Duration::from_secs(600);
/// Addresses in each of the two generations.
const ROOM: usize = 32 * 1024;

/// Failed attempts by address, in bounded memory.
pub(crate) struct Guesses {
    limit: RateLimit,
    generations: Mutex<Generations>,
}

/// When the young generation is full it becomes the old one, and the old one is forgotten. Someone with that many
/// addresses would not be slowed down by being remembered.
#[derive(Default)]
struct Generations {
    young: HashMap<IpAddr, Bucket>,
    old: HashMap<IpAddr, Bucket>,
}

impl Guesses {
    pub(crate) fn new(limit: RateLimit) -> Self {
        Self { limit, generations: Mutex::default() }
    }

    /// How long this address has to wait before it may try again; zero when it may.
    pub(crate) fn wait(&self, address: IpAddr, now: Instant) -> Duration {
        let generations = self.lock();
        let address = network(address);
        let bucket = generations.young.get(&address).or_else(|| generations.old.get(&address));
        bucket.map(|bucket| bucket.wait(now)).unwrap_or_default()
    }

    /// An attempt of this address has failed.
    pub(crate) fn failed(&self, address: IpAddr, now: Instant) {
        let mut generations = self.lock();
        let address = network(address);
        let known = generations.young.remove(&address).or_else(|| generations.old.remove(&address));
        let mut bucket = known.unwrap_or_else(|| Bucket::full(self.limit, now));
        bucket.take(now, LONGEST_DEBT);
        if generations.young.len() >= ROOM {
            generations.old = std::mem::take(&mut generations.young);
        }
        generations.young.insert(address, bucket);
    }

    fn lock(&self) -> MutexGuard<'_, Generations> {
        // Every critical section leaves the maps whole.
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever has one IPv6 address has the other 2^64 of its subnet too (RFC 6177, RFC 7421).
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        IpAddr::V4(address) => address.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn an_address_that_fails_too_often_waits_and_no_other() {
        let (guesses, now) = (Guesses::new(DEFAULT), Instant::now());
        let bad = address("192.0.2.1");
        for _ in 0..20 {
            assert!(guesses.wait(bad, now).is_zero());
            guesses.failed(bad, now);
        }
        assert_eq!(guesses.wait(bad, now).as_secs_f64().round(), 3.0);
        assert!(guesses.wait(address("192.0.2.2"), now).is_zero());
        assert!(!guesses.wait(address("::ffff:192.0.2.1"), now).is_zero(), "the same address, written as IPv6");
        assert!(guesses.wait(bad, now + Duration::from_secs(4)).is_zero());
        // Hundreds at the same time cost the average rate all the same.
        (0..500).for_each(|_| guesses.failed(bad, now));
        assert!(guesses.wait(bad, now) > Duration::from_secs(500));
        assert!(guesses.wait(bad, now + LONGEST_DEBT).is_zero());
    }

    #[test]
    fn a_subnet_is_one_client() {
        let (guesses, now) = (Guesses::new(DEFAULT), Instant::now());
        for host in 0..20 {
            guesses.failed(address(&format!("2001:db8:1:2::{host}")), now);
        }
        assert!(!guesses.wait(address("2001:db8:1:2:ffff::1"), now).is_zero());
        assert!(guesses.wait(address("2001:db8:1:3::1"), now).is_zero());
    }

    #[test]
    fn memory_is_bounded_whoever_asks() {
        let (guesses, now) = (Guesses::new(DEFAULT), Instant::now());
        for number in 0..200_000_u32 {
            guesses.failed(IpAddr::V4(number.into()), now);
        }
        let generations = guesses.lock();
        assert!(generations.young.len() + generations.old.len() <= 2 * ROOM);
        assert!(generations.young.contains_key(&IpAddr::V4(199_999.into())));
    }
}
