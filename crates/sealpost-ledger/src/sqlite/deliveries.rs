//! Deliveries as rows.

use jiff::Timestamp;
use sealpost_core::delivery::{Delivery, DeliveryEvent};
use sealpost_core::error::codes;
use sealpost_core::event::Happening;
use sealpost_core::id::{DeliveryId, JobId};
use sealpost_core::notification::Announcement;
use sealpost_core::task::{Lease, NewTask, Work};
use sealpost_core::{Error, Result};

use super::statement::{query, query_as, query_scalar};
use super::value::{decode, encode, signed, unsigned};
use super::{Connection, fault, notifications, tasks, timeline};

/// A delivery from its row. The bytes sent have a column of their own: they change often, and alone.
fn delivery((record, bytes_sent): (String, i64)) -> Result<Delivery> {
    let mut delivery: Delivery = decode("a delivery", &record)?;
    delivery.bytes_sent = unsigned(bytes_sent);
    Ok(delivery)
}

pub(super) fn find(connection: &Connection, id: &DeliveryId) -> Result<Option<Delivery>> {
    let row: Option<(String, i64)> = query_as("SELECT record, bytes_sent FROM deliveries WHERE id = ?")
        .bind(id.as_str())
        .fetch_optional(connection)
        .map_err(fault::read)?;
    row.map(delivery).transpose().map_err(|error| error.context(id))
}

/// Those of a job, in the order in which they were made.
pub(super) fn of_job(connection: &Connection, job: &JobId) -> Result<Vec<Delivery>> {
    let rows: Vec<(String, i64)> = query_as("SELECT record, bytes_sent FROM deliveries WHERE job = ? ORDER BY ordinal")
        .bind(job.as_str())
        .fetch_all(connection)
        .map_err(fault::read)?;
    rows.into_iter().map(delivery).collect::<Result<_>>().map_err(|error| error.context(job))
}

/// How many a job has.
pub(super) fn count(connection: &Connection, job: &JobId) -> Result<usize> {
    let count: i64 = query_scalar("SELECT COUNT(*) FROM deliveries WHERE job = ?")
        .bind(job.as_str())
        .fetch_one(connection)
        .map_err(fault::read)?;
    Ok(usize::try_from(count).unwrap_or_default())
}

/// Stores a new delivery and its first entry in the job's timeline.
pub(super) fn insert(connection: &Connection, delivery: &Delivery, now: Timestamp) -> Result<()> {
    query("INSERT INTO deliveries (id, job, partner, status, record) VALUES (?, ?, ?, ?, ?)")
        .bind(delivery.id.as_str())
        .bind(delivery.job.as_str())
        .bind(delivery.partner.as_str())
        .bind(delivery.status.as_str())
        .bind(encode("a delivery", delivery)?)
        .execute(connection)
        .map_err(fault::write)?;
    note(connection, delivery, &DeliveryEvent::Created, now)
}

/// Loads, moves by [`Delivery::apply`] and stores, with the notifications that follow; whether there are any.
pub(super) fn apply(
    connection: &Connection,
    id: &DeliveryId,
    event: &DeliveryEvent,
    lease: Option<&Lease>,
    now: Timestamp,
) -> Result<(Delivery, bool)> {
    tasks::fence(connection, lease, now)?;
    let delivery = find(connection, id)?.ok_or_else(|| missing(id))?.apply(event, now)?;
    query("UPDATE deliveries SET status = ?, bytes_sent = ?, record = ? WHERE id = ?")
        .bind(delivery.status.as_str())
        .bind(signed(delivery.bytes_sent))
        .bind(encode("a delivery", &delivery)?)
        .bind(id.as_str())
        .execute(connection)
        .map_err(fault::write)?;
    note(connection, &delivery, event, now)?;
    let announced = match Announcement::of_delivery(&delivery, event, now) {
        Some(announcement) => notifications::announce(connection, &announcement)?,
        None => false,
    };
    Ok((delivery, announced))
}

/// As [`apply`], for an event that ends it, with the task to announce that.
pub(super) fn end(
    connection: &Connection,
    id: &DeliveryId,
    event: &DeliveryEvent,
    lease: Option<&Lease>,
    now: Timestamp,
) -> Result<(Delivery, bool)> {
    let (delivery, announced) = apply(connection, id, event, lease, now)?;
    if delivery.status.is_terminal() {
        tasks::enqueue(connection, &[NewTask { work: Work::AnnounceDelivery(id.clone()), run_at: now }])?;
    }
    Ok((delivery, announced))
}

/// Notes how many bytes the server has.
pub(super) fn progress(
    connection: &Connection,
    id: &DeliveryId,
    bytes_sent: u64,
    lease: &Lease,
    now: Timestamp,
) -> Result<()> {
    tasks::fence(connection, Some(lease), now)?;
    let done = query("UPDATE deliveries SET bytes_sent = ? WHERE id = ?")
        .bind(signed(bytes_sent))
        .bind(id.as_str())
        .execute(connection)
        .map_err(fault::write)?;
    if done == 0 { Err(missing(id)) } else { Ok(()) }
}

fn note(connection: &Connection, delivery: &Delivery, event: &DeliveryEvent, now: Timestamp) -> Result<()> {
    let what = Happening::Delivery { delivery: delivery.id.clone(), event: event.clone() };
    timeline::append(connection, &delivery.job, now, &what)
}

fn missing(id: &DeliveryId) -> Error {
    Error::new(&codes::request::NOT_FOUND, format!("there is no delivery {id}"))
}
