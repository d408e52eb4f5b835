//! How many downloads run at once: each has steps of its file in memory for as long as its client takes to read them.

use std::time::Duration;

use sealpost_core::error::{Error, Result, Retry, codes};
use sealpost_core::id::PartnerId;
use sealpost_pipeline::seats::{Full, Seat, Seats};

/// Downloads of one partner at once.
const OF_A_PARTNER: usize = 20;
/// Downloads of all partners at once, in this process.
const OF_ALL: usize = 200;
/// After how long a client that is refused should come back.
const COME_BACK: Duration = Duration::from_secs(5);

/// The downloads that run in this process.
#[derive(Clone)]
pub(crate) struct Downloads(Seats);

impl Default for Downloads {
    fn default() -> Self {
        Self(Seats::new(OF_A_PARTNER, OF_ALL))
    }
}

impl Downloads {
    /// # Errors
    /// `SP-REQUEST-029` where the partner has no seat left, or nobody has.
    pub(super) fn seat(&self, partner: &PartnerId) -> Result<Seat> {
        self.0.take(partner).map_err(|full| {
            let detail = match full {
                Full::OfThePartner => format!("{OF_A_PARTNER} downloads of yours are running"),
                Full::OfAll => "too many downloads are running".to_owned(),
            };
            Error::new(&codes::request::RATE, detail).retried(Retry::After(COME_BACK))
        })
    }
}
