//! Deliveries as items.

use jiff::Timestamp;
use sealpost_core::delivery::{Delivery, DeliveryEvent};
use sealpost_core::error::codes;
use sealpost_core::event::Happening;
use sealpost_core::id::{ConnectorId, DeliveryId, PartnerId};
use sealpost_core::notification::Announcement;
use sealpost_core::task::{Lease, NewTask, Work};
use sealpost_core::webhook::MOST_WEBHOOKS;
use sealpost_core::{Error, Result};

use super::{Key, MOST_WRITES, Step, TableLedger, notifications, tasks, timeline, webhooks};

/// Writes for each delivery that a step makes, at most: the delivery, its task and the entry of that, its lane, the place that
/// the lane leaves and the one that it gets.
const WRITES_OF_ONE: usize = 6;

/// Writes for each of the partner's webhooks: the notification, its places in two lists, its task and the entry of that.
const WRITES_OF_A_WEBHOOK: usize = 5;

/// The other writes of the step that stores a report's file: the report's own, and one that guards the webhooks.
const WRITES_BESIDE: usize = 9;

/// Most destinations of one report, however many webhooks the partner has. The step that stores its file makes the deliveries and
/// tells the webhooks. What would not fit is refused at admission: later, nobody could do anything about it.
const MOST_OF_A_REPORT: usize = most_beside(MOST_WEBHOOKS as usize);
const _: () = assert!(MOST_OF_A_REPORT >= 6);

/// Most destinations of a report of a partner with so many webhooks.
const fn most_beside(webhooks: usize) -> usize {
    MOST_WRITES.saturating_sub(WRITES_BESIDE + WRITES_OF_A_WEBHOOK * webhooks) / WRITES_OF_ONE
}

/// Most destinations of one redelivery, which tells no webhook: beside them are the report, its timeline, the number of
/// deliveries under way and the idempotency key.
const MOST_OF_A_REDELIVERY: usize = 15;
const _: () = assert!(4 + WRITES_OF_ONE * MOST_OF_A_REDELIVERY <= MOST_WRITES);

#[cfg(test)]
mod tests;

fn key(id: &DeliveryId) -> Key {
    Key::new(format!("delivery#{id}"), "delivery")
}

/// Where the bytes sent are. They change often, and alone; once they are there, they count.
fn progress_key(id: &DeliveryId) -> Key {
    Key::new(format!("delivery#{id}"), "progress")
}

/// Deliveries, in the order of the ids; those that are not there are left out.
pub(super) async fn find_all(ledger: &TableLedger, ids: &[DeliveryId]) -> Result<Vec<Delivery>> {
    let keys: Vec<Key> = ids.iter().map(key).collect();
    let progress_keys: Vec<Key> = ids.iter().map(progress_key).collect();
    let (deliveries, sent) =
        futures::try_join!(ledger.read_all::<Delivery>(&keys), ledger.read_all::<u64>(&progress_keys))?;
    let with = |(delivery, sent): (Option<Delivery>, Option<u64>)| {
        let delivery = delivery?;
        Some(Delivery { bytes_sent: sent.unwrap_or(delivery.bytes_sent), ..delivery })
    };
    Ok(deliveries.into_iter().zip(sent).filter_map(with).collect())
}

/// As [`find_all`], in a step.
pub(super) async fn peek_all(step: &Step, ids: &[DeliveryId]) -> Result<Vec<Delivery>> {
    let keys: Vec<Key> = ids.iter().flat_map(|id| [key(id), progress_key(id)]).collect();
    let items = step.peek_all::<serde_json::Value>(&keys).await?;
    let mut deliveries = Vec::new();
    for pair in items.chunks(2) {
        let [Some(delivery), sent] = pair else { continue };
        let mut delivery: Delivery =
            serde_json::from_value(delivery.clone()).map_err(|_| crate::value::corrupt("a delivery can't be read"))?;
        delivery.bytes_sent = sent.as_ref().and_then(serde_json::Value::as_u64).unwrap_or(delivery.bytes_sent);
        deliveries.push(delivery);
    }
    Ok(deliveries)
}

/// Where a delivery goes.
pub(super) async fn connector(step: &Step, id: &DeliveryId) -> Result<ConnectorId> {
    let delivery: Option<Delivery> = step.peek(&key(id)).await?;
    delivery.map(|delivery| delivery.connector).ok_or_else(|| missing(id))
}

/// Stores a new delivery; its first entry for the job's timeline.
pub(super) fn insert(step: &mut Step, delivery: &Delivery) -> Result<Happening> {
    step.create(&key(&delivery.id), delivery)?;
    Ok(Happening::Delivery { delivery: delivery.id.clone(), event: DeliveryEvent::Created })
}

/// The error for a report with more destinations than the step that stores its file can hold.
///
/// A webhook that is added before the file is stored may make it too many after all; then the report fails, and says so.
pub(super) async fn check_report(step: &mut Step, partner: &PartnerId, destinations: usize) -> Result<()> {
    // Hardly anybody has so many that the webhooks have to be counted.
    if destinations <= MOST_OF_A_REPORT {
        return Ok(());
    }
    let most = most_beside(webhooks::of_partner(step, partner).await?.len());
    if destinations <= most {
        return Ok(());
    }
    let detail = format!(
        "{destinations} destinations of one report; this ledger takes {most} beside your webhooks: let fewer of them receive \
         reports, and deliver it to the others once it has succeeded"
    );
    Err(Error::new(&codes::ledger::TOO_LARGE, detail))
}

/// The error for more destinations than one redelivery can hold.
pub(super) fn check_redelivery(destinations: usize) -> Result<()> {
    if destinations <= MOST_OF_A_REDELIVERY {
        return Ok(());
    }
    let detail = format!(
        "{destinations} destinations at once; this ledger takes {MOST_OF_A_REDELIVERY}: deliver to one after the other"
    );
    Err(Error::new(&codes::ledger::TOO_LARGE, detail))
}

/// Loads, moves by [`Delivery::apply`] and stores, with the notifications that follow.
pub(super) async fn apply(
    step: &mut Step,
    id: &DeliveryId,
    event: &DeliveryEvent,
    lease: Option<&Lease>,
    now: Timestamp,
) -> Result<Delivery> {
    let mut guarded = vec![key(id)];
    guarded.extend(lease.map(|lease| tasks::key(&lease.work, &lease.task)));
    step.fetch_with(&guarded, &[progress_key(id)]).await?;
    step.fence(lease, now).await?;
    let before: Option<Delivery> = step.get(&key(id)).await?;
    let mut before = before.ok_or_else(|| missing(id))?;
    if let Some(sent) = step.peek(&progress_key(id)).await? {
        before.bytes_sent = sent;
    }
    let after = before.apply(event, now)?;
    step.put(&key(id), &after)?;
    if after.bytes_sent != before.bytes_sent {
        step.put(&progress_key(id), &after.bytes_sent)?;
    }
    if after.status.is_terminal() && !before.status.is_terminal() {
        step.count(&after.partner, 0, -1).await?;
    }
    let what = Happening::Delivery { delivery: id.clone(), event: event.clone() };
    timeline::append(step, &after.job, now, vec![what]).await?;
    if let Some(announcement) = Announcement::of_delivery(&after, event, now) {
        notifications::announce(step, &announcement).await?;
    }
    Ok(after)
}

/// As [`apply`], for an event that ends it, with the task to announce that.
pub(super) async fn end(
    step: &mut Step,
    id: &DeliveryId,
    event: &DeliveryEvent,
    lease: Option<&Lease>,
    now: Timestamp,
) -> Result<Delivery> {
    let delivery = apply(step, id, event, lease, now).await?;
    if delivery.status.is_terminal() {
        step.enqueue(&[NewTask { work: Work::AnnounceDelivery(id.clone()), run_at: now }]).await?;
    }
    Ok(delivery)
}

/// Notes how many bytes the server has.
pub(super) async fn progress(
    step: &mut Step,
    id: &DeliveryId,
    bytes_sent: u64,
    lease: &Lease,
    now: Timestamp,
) -> Result<()> {
    step.fetch_with(&[tasks::key(&lease.work, &lease.task)], &[key(id)]).await?;
    step.fence(Some(lease), now).await?;
    if step.peek::<Delivery>(&key(id)).await?.is_none() {
        return Err(missing(id));
    }
    step.put(&progress_key(id), &bytes_sent)
}

fn missing(id: &DeliveryId) -> Error {
    Error::new(&codes::request::NOT_FOUND, format!("there is no delivery {id}"))
}
