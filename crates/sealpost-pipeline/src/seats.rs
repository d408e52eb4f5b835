//! Seats: how many of one partner, and of all partners, do something in this process at the same time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sealpost_core::id::PartnerId;

/// The seats for one kind of thing that is done. Clones share them.
#[derive(Clone)]
pub struct Seats {
    of_a_partner: usize,
    of_all: usize,
    taken: Arc<Mutex<HashMap<PartnerId, usize>>>,
}

/// A seat that is taken; free again when dropped.
pub struct Seat {
    seats: Seats,
    partner: PartnerId,
}

/// Why there is no seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// The partner has taken all of its own.
    OfThePartner,
    /// All partners together have taken all.
    OfAll,
}

impl Seats {
    /// So many for each partner, and so many in all.
    #[must_use]
    pub fn new(of_a_partner: usize, of_all: usize) -> Self {
        Self { of_a_partner, of_all, taken: Arc::default() }
    }

    /// A seat for a partner, at once.
    ///
    /// # Errors
    /// Which seats are all taken.
    pub fn take(&self, partner: &PartnerId) -> Result<Seat, Full> {
        let mut taken = self.lock();
        if taken.get(partner).is_some_and(|own| *own >= self.of_a_partner) {
            return Err(Full::OfThePartner);
        }
        if taken.values().sum::<usize>() >= self.of_all {
            return Err(Full::OfAll);
        }
        *taken.entry(partner.clone()).or_default() += 1;
        Ok(Seat { seats: self.clone(), partner: partner.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PartnerId, usize>> {
        // Every critical section leaves the map whole.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.lock();
        if let Some(own) = taken.get_mut(&self.partner) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.partner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_bounded_for_each_partner_and_in_all_and_free_again() {
        let seats = Seats::new(2, 5);
        let partner = |name: &str| name.parse::<PartnerId>().expect("an id");
        let take = |name: &str| seats.take(&partner(name));
        let mut taken: Vec<Seat> =
            ["acme", "acme", "globex", "globex"].map(|name| take(name).expect("a seat")).into_iter().collect();
        assert_eq!(take("acme").err(), Some(Full::OfThePartner));
        taken.push(take("initech").expect("the last one"));
        assert_eq!(take("initech").err(), Some(Full::OfAll));
        assert_eq!(take("acme").err(), Some(Full::OfThePartner), "whoever has all of its own is told of those");
        taken.remove(0);
        taken.push(take("initech").expect("the one that is free"));
        drop(taken);
        assert!(seats.lock().is_empty(), "nothing is kept of a partner that does nothing");
    }
}
