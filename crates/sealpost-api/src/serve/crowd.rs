//! How many connections an address holds: one caller's must not be all that a listener has.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::throttle::network;

/// The connections of a listener, by address; a /64 of IPv6 counts as one.
pub(super) struct Crowd {
    most: usize,
    counts: Mutex<HashMap<IpAddr, usize>>,
}

/// A connection's place, given back when it is dropped.
pub(super) struct Place {
    crowd: Arc<Crowd>,
    address: IpAddr,
}

impl Crowd {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, counts: Mutex::default() })
    }

    /// A place for one more of this address; `None` where it has as many as it may.
    pub(super) fn enter(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let address = network(peer);
        let mut counts = self.lock();
        let count = counts.get(&address).copied().unwrap_or(0);
        if count >= self.most {
            return None;
        }
        counts.insert(address, count + 1);
        drop(counts);
        Some(Place { crowd: self.clone(), address })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        // Every critical section leaves the map whole.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Entry::Occupied(mut entry) = self.crowd.lock().entry(self.address) {
            match entry.get().saturating_sub(1) {
                0 => drop(entry.remove()),
                left => *entry.get_mut() = left,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_by_address_and_given_back() {
        let crowd = Crowd::new(2);
        let enter = |address: &str| crowd.enter(address.parse().expect("an address"));
        let first = enter("192.0.2.1").expect("room");
        let second = enter("::ffff:192.0.2.1").expect("room");
        assert!(enter("192.0.2.1").is_none());
        let others = [enter("192.0.2.2"), enter("2001:db8::1"), enter("2001:db8::2")];
        assert!(others.iter().all(Option::is_some));
        assert!(enter("2001:db8::3").is_none(), "of the same subnet");
        assert!(enter("2001:db8:0:1::3").is_some());
        drop(first);
        let third = enter("192.0.2.1").expect("room again");
        assert!(enter("192.0.2.1").is_none());
        drop((second, third, others));
        assert!(crowd.lock().is_empty(), "who is gone is not remembered");
    }
}
