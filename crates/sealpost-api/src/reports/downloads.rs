//! How many downloads run at once: each has steps of its file in memory for as long as its client takes to read them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sealpost_core::error::{Error, Result, Retry, codes};
use sealpost_core::id::PartnerId;

/// Downloads of one partner at once.
const OF_A_PARTNER: usize = 20;
/// Downloads of all partners at once, in this process.
const OF_ALL: usize = 200;
/// After how long a client that is refused should come back.
const COME_BACK: Duration = Duration::from_secs(5);

/// The downloads that run in this process, by partner.
#[derive(Clone, Default)]
pub(crate) struct Downloads(Arc<Mutex<HashMap<PartnerId, usize>>>);

/// The right to download, given back when dropped.
pub(super) struct Seat {
    downloads: Downloads,
    partner: PartnerId,
}

impl Downloads {
    /// # Errors
    /// `SP-REQUEST-029` where the partner has no seat left, or nobody has.
    pub(super) fn seat(&self, partner: &PartnerId) -> Result<Seat> {
        let mut running = self.lock();
        if running.get(partner).is_some_and(|own| *own >= OF_A_PARTNER) {
            return Err(full(format!("{OF_A_PARTNER} downloads of yours are running")));
        }
        if running.values().sum::<usize>() >= OF_ALL {
            return Err(full("too many downloads are running".to_owned()));
        }
        *running.entry(partner.clone()).or_default() += 1;
        Ok(Seat { downloads: self.clone(), partner: partner.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PartnerId, usize>> {
        // Every critical section leaves the map whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut running = self.downloads.lock();
        if let Some(own) = running.get_mut(&self.partner) {
            *own -= 1;
            if *own == 0 {
                running.remove(&self.partner);
            }
        }
    }
}

fn full(detail: String) -> Error {
    Error::new(&codes::request::RATE, detail).retried(Retry::After(COME_BACK))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_bounded_for_each_partner_and_in_all_and_free_again() {
        let downloads = Downloads::default();
        let partner = |number: usize| format!("partner-{number}").parse::<PartnerId>().expect("an id");
        let refused = |number: usize| {
            let error = downloads.seat(&partner(number)).err().expect("no seat is left");
            assert!(error.is(&codes::request::RATE), "{error:?}");
            assert_eq!(error.retry(), Retry::After(COME_BACK));
        };
        let mut taken = Vec::new();
        for number in 0..OF_ALL / OF_A_PARTNER {
            taken.extend((0..OF_A_PARTNER).map(|_| downloads.seat(&partner(number)).expect("a seat")));
            refused(number);
        }
        refused(1000);
        taken.pop();
        // The seat that is free is not for a partner who has all of its own.
        refused(0);
        taken.push(downloads.seat(&partner(1000)).expect("a seat"));
        drop(taken);
        assert!(downloads.lock().is_empty());
    }
}
