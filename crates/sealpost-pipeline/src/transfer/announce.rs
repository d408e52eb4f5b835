//! Announces items, transfers and deliveries that have ended to every sink, at least once: the task is durable and comes back until
//! every sink has taken the event, for a day at least.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sealpost_core::error::{Error, Result, Retry, codes};
use sealpost_core::id::{DeliveryId, TransferId, TransferItemId};
use sealpost_core::port::{TransferEvent, TransferEventSink};
use sealpost_core::task::Lease;

use super::event::{self, Tally};
use crate::worker::{Beat, Outcome};
use crate::{Pipeline, log, telemetry};

/// The pause after the first failure; it doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// After this long an event is given up.
const PATIENCE: SignedDuration = SignedDuration::from_hours(24);
/// Not before its task was claimed so often, though: its day may have passed while no process was there to announce it.
const FEWEST_CLAIMS: u32 = 12;
/// How long one sink may take.
const TIME_LIMIT: Duration = Duration::from_secs(60);
/// Items read at once.
const PAGE: u32 = 500;
/// Events that are remembered as told in part.
const REMEMBERED: usize = 10_000;

/// Which sinks have taken events that others have not: they are not told again by this process.
#[derive(Default)]
pub(crate) struct Told(Mutex<HashMap<String, Vec<usize>>>);

impl Told {
    fn has(&self, event: &str, sink: usize) -> bool {
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.get(event).is_some_and(|sinks| sinks.contains(&sink))
    }

    fn remember(&self, event: &str, sinks: Vec<usize>) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Forgetting costs a repetition, which receivers tell by the event's id.
        if told.len() >= REMEMBERED {
            told.clear();
        }
        told.entry(event.to_owned()).or_default().extend(sinks);
    }

    fn forget(&self, event: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(event);
    }
}

impl Pipeline {
    /// Announces an item that has ended.
    pub(crate) async fn announce_item(&self, id: &TransferItemId, lease: &mut Lease) -> Result<Outcome> {
        let Some(item) = self.parts.transfers.transfer_item(id).await? else { return Ok(Outcome::Done) };
        let Some(transfer) = self.parts.transfers.transfer(&item.transfer).await? else { return Ok(Outcome::Done) };
        if !item.status.is_terminal() {
            return Ok(Outcome::Done);
        }
        let connector = self.transfer_connector(&item.connector).await?;
        let event = event::of_item(&self.parts.settings.transfer, &transfer, &item, connector.as_ref());
        self.announce(&event, lease).await
    }

    /// Announces a transfer all of whose items have ended.
    pub(crate) async fn announce_transfer(&self, id: &TransferId, lease: &mut Lease) -> Result<Outcome> {
        let Some(transfer) = self.parts.transfers.transfer(id).await? else { return Ok(Outcome::Done) };
        let mut tally = Tally::default();
        let mut from = 0;
        loop {
            let items = self.parts.transfers.transfer_items(id, from, PAGE).await?;
            let Some(last) = items.last() else { break };
            from = last.index + 1;
            items.iter().for_each(|item| tally.add(item));
        }
        let connector = self.transfer_connector(&transfer.connector).await?;
        let event = event::of_transfer(&self.parts.settings.transfer, &transfer, &tally, connector.as_ref());
        self.announce(&event, lease).await
    }

    /// Announces a delivery of a report that has ended.
    pub(crate) async fn announce_delivery(&self, id: &DeliveryId, lease: &mut Lease) -> Result<Outcome> {
        let Some(delivery) = self.parts.ledger.delivery(id).await? else { return Ok(Outcome::Done) };
        if !delivery.status.is_terminal() {
            return Ok(Outcome::Done);
        }
        let connector = self.parts.records.connector(&delivery.connector).await?;
        let object = self.parts.store.object_path(&delivery.file.key);
        let event = event::of_delivery(&self.parts.settings.transfer, &delivery, &object, connector.as_ref());
        self.announce(&event, lease).await
    }

    async fn announce(&self, event: &TransferEvent, lease: &mut Lease) -> Result<Outcome> {
        let claims = lease.epoch;
        let (told, failed) = self.while_leased(lease, Beat::LeaseOnly, self.tell_all(event)).await?;
        let Some((sink, error)) = failed else {
            self.told.forget(&event.id);
            return Ok(Outcome::Done);
        };
        if is_given_up(Timestamp::now().duration_since(event.at), claims) {
            self.told.forget(&event.id);
            telemetry::transfer::event_given_up(sink);
            log::transfer::event_given_up(event, sink, &error);
            return Ok(Outcome::Done);
        }
        self.told.remember(&event.id, told);
        let pause = pause(claims, rand::random()).max(asked_for(&error));
        log::transfer::event_waits(event, sink, &error, pause);
        Ok(Outcome::Again(pause))
    }

    /// Tells those that have not been told. Gives who has taken it now, and the last that has not.
    async fn tell_all(&self, event: &TransferEvent) -> Result<(Vec<usize>, Option<(&'static str, Error)>)> {
        let (mut told, mut failed) = (Vec::new(), None);
        for (index, sink) in self.parts.transfer_events.iter().enumerate() {
            if self.told.has(&event.id, index) {
                continue;
            }
            match tell(sink.as_ref(), event).await {
                Ok(()) => {
                    telemetry::transfer::event_taken(sink.name());
                    told.push(index);
                }
                Err(error) => failed = Some((sink.name(), error)),
            }
        }
        Ok((told, failed))
    }
}

async fn tell(sink: &dyn TransferEventSink, event: &TransferEvent) -> Result<()> {
    tokio::time::timeout(TIME_LIMIT, sink.publish(event)).await.unwrap_or_else(|_| {
        Err(Error::new(&codes::notify::TIMEOUT, format!("{}: {} s", sink.name(), TIME_LIMIT.as_secs())))
    })
}

/// Whether an event of this age, whose task was claimed so often, is tried no more.
fn is_given_up(age: SignedDuration, claims: u32) -> bool {
    age > PATIENCE && claims >= FEWEST_CLAIMS
}

/// How long the receiver asked us to wait, as far as we let it.
fn asked_for(error: &Error) -> Duration {
    match error.retry() {
        Retry::After(pause) => pause.min(LONGEST_PAUSE),
        _ => Duration::ZERO,
    }
}

/// The pause after a task was claimed so often; `random` in `[0, 1)` spreads it over its upper half.
fn pause(claims: u32, random: f64) -> Duration {
    let doublings = claims.saturating_sub(1).min(16);
    FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE).mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_an_hour() {
        let pauses: Vec<u64> = (1..=12).map(|claims| pause(claims, 1.0).as_secs()).collect();
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]);
    }

    #[test]
    fn a_receiver_may_ask_for_a_pause_of_an_hour_at_most() {
        let refused = || Error::new(&codes::notify::TIMEOUT, "the receiver");
        assert_eq!(asked_for(&refused()), Duration::ZERO);
        for (asked, kept) in [(120, 120), (100_000, 3600)] {
            let error = refused().retried(Retry::After(Duration::from_secs(asked)));
            assert_eq!(asked_for(&error), Duration::from_secs(kept));
        }
    }

    #[test]
    fn an_old_event_gets_its_tries_all_the_same() {
        let old = PATIENCE + SignedDuration::from_secs(1);
        assert!(!is_given_up(old, 1), "nobody was there for a day");
        assert!(!is_given_up(old, FEWEST_CLAIMS - 1));
        assert!(is_given_up(old, FEWEST_CLAIMS));
        assert!(!is_given_up(PATIENCE, 1_000));
    }

    #[test]
    fn who_was_told_is_remembered_and_bounded() {
        let told = Told::default();
        told.remember("a", vec![0, 2]);
        assert!(told.has("a", 0) && told.has("a", 2) && !told.has("a", 1) && !told.has("b", 0));
        for number in 0..2 * REMEMBERED {
            told.remember(&number.to_string(), vec![0]);
        }
        assert!(told.0.lock().expect("no panic").len() <= REMEMBERED);
        told.forget("a");
        assert!(!told.has("a", 0));
    }
}
