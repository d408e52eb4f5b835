//! How many previews run at once: each is a query on a live database, asked for by nothing more than a request.

use std::sync::Arc;
use std::time::Duration;

use sealpost_core::error::{Error, Result, Retry, codes};
use sealpost_core::id::PartnerId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::seats::{Seat, Seats};

/// Previews of one partner at once.
const OF_A_PARTNER: usize = 2;
/// Previews of all partners at once, in this process.
const OF_ALL: usize = 4;
/// How long a preview waits for others to end.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// The previews that run in this process.
#[derive(Clone)]
pub(crate) struct Previews {
    of_partners: Seats,
    all: Arc<Semaphore>,
}

impl Default for Previews {
    fn default() -> Self {
        Self { of_partners: Seats::new(OF_A_PARTNER, usize::MAX), all: Arc::new(Semaphore::new(OF_ALL)) }
    }
}

/// The right to run a preview, given back when dropped.
pub(super) struct Running {
    _own: Seat,
    _shared: OwnedSemaphorePermit,
}

impl Previews {
    /// # Errors
    /// `SP-REQUEST-029`, at once where the partner has no seat left, after 5 s where nobody has.
    pub(super) async fn take(&self, partner: &PartnerId) -> Result<Running> {
        let Ok(own) = self.of_partners.take(partner) else {
            return Err(full(format!("{OF_A_PARTNER} previews of yours are running")));
        };
        match timeout(LONGEST_WAIT, self.all.clone().acquire_owned()).await {
            Ok(Ok(shared)) => Ok(Running { _own: own, _shared: shared }),
            // Nobody closes the semaphore.
            Ok(Err(_)) | Err(_) => Err(full("too many previews are running".to_owned())),
        }
    }
}

fn full(detail: String) -> Error {
    Error::new(&codes::request::RATE, detail).retried(Retry::After(Duration::from_secs(5)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partner(name: &str) -> PartnerId {
        name.parse().expect("an id")
    }

    #[tokio::test(start_paused = true)]
    async fn two_of_a_partner_and_four_of_all_run_at_once() {
        let seats = Previews::default();
        let (acme, globex) = (partner("acme"), partner("globex"));
        let mut taken = Vec::new();
        for one in [&acme, &acme, &globex, &globex] {
            taken.push(seats.take(one).await.expect("a seat"));
        }
        for one in [&acme, &globex, &partner("initech")] {
            let refused = seats.take(one).await.err().expect("no seat is left");
            assert!(refused.is(&codes::request::RATE), "{refused:?}");
            assert_eq!(refused.retry(), Retry::After(Duration::from_secs(5)));
        }
        // Who waits gets the seat of the next one that ends.
        let initech = partner("initech");
        let (waited, ()) = tokio::join!(seats.take(&initech), async { drop(taken.pop()) });
        let waited = waited.expect("a seat");
        assert!(seats.of_partners.take(&globex).is_ok());
        drop((taken, waited));
        assert_eq!(seats.all.available_permits(), OF_ALL);
    }
}
