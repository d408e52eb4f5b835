//! Tasks as rows, and the fence that a lease is.

use jiff::Timestamp;
use sealpost_core::error::codes;
use sealpost_core::id::TaskId;
use sealpost_core::task::{Lease, NewTask, Work, WorkKind};
use sealpost_core::{Error, Result};

use super::statement::{query, query_scalar};
use super::value::{corrupt, id, nanos};
use super::{Connection, fault, lanes};

/// Enqueues tasks, each in its lane if it has one: what a task is about is stored before it.
pub(super) fn enqueue(connection: &Connection, tasks: &[NewTask]) -> Result<()> {
    for task in tasks {
        let (kind, subject) = columns(&task.work);
        let lane = lanes::of_task(connection, kind, subject)?;
        query("INSERT INTO tasks (id, kind, subject, ready_at, lane) VALUES (?, ?, ?, ?, ?)")
            .bind(TaskId::fresh().as_str())
            .bind(kind)
            .bind(subject)
            .bind(nanos(task.run_at))
            .bind(lane)
            .execute(connection)
            .map_err(fault::write)?;
    }
    Ok(())
}

/// Holds the step to its lease: the task's newest, and not past at `now`. In the same transaction as what it guards, so
/// that nobody can claim the task in between.
pub(super) fn fence(connection: &Connection, lease: Option<&Lease>, now: Timestamp) -> Result<()> {
    let Some(lease) = lease else { return Ok(()) };
    let until: Option<i64> = query_scalar("SELECT ready_at FROM tasks WHERE id = ? AND epoch = ? AND leased = 1")
        .bind(lease.task.as_str())
        .bind(i64::from(lease.epoch))
        .fetch_optional(connection)
        .map_err(fault::read)?;
    match until {
        Some(until) if until > nanos(now) => Ok(()),
        Some(_) => Err(Error::new(
            &codes::ledger::LEASE_LOST,
            format!("the lease of {} (claim {}) has run out", lease.task, lease.epoch),
        )),
        None => Err(lost(lease)),
    }
}

/// The error for a lease that is not the task's newest.
pub(super) fn lost(lease: &Lease) -> Error {
    Error::new(&codes::ledger::LEASE_LOST, format!("{} is no longer held by claim {}", lease.task, lease.epoch))
}

/// Kind and subject of a work.
pub(super) fn columns(work: &Work) -> (&'static str, &str) {
    let subject = match work {
        Work::Produce(job) | Work::Expire(job) | Work::Purge(job) => job.as_str(),
        Work::Deliver(delivery) | Work::AnnounceDelivery(delivery) => delivery.as_str(),
        Work::Notify(notification) => notification.as_str(),
        Work::Transfer(item) | Work::Announce(item) => item.as_str(),
        Work::AnnounceTransfer(transfer) => transfer.as_str(),
    };
    (work.kind().as_str(), subject)
}

/// A work from kind and subject.
pub(super) fn work(kind: &str, subject: &str) -> Result<Work> {
    let kind = WorkKind::ALL
        .into_iter()
        .find(|known| known.as_str() == kind)
        .ok_or_else(|| corrupt(format!("a task is of the unknown kind `{kind}`")))?;
    Ok(match kind {
        WorkKind::Produce => Work::Produce(id("a task's job", subject)?),
        WorkKind::Deliver => Work::Deliver(id("a task's delivery", subject)?),
        WorkKind::Expire => Work::Expire(id("a task's job", subject)?),
        WorkKind::Purge => Work::Purge(id("a task's job", subject)?),
        WorkKind::Notify => Work::Notify(id("a task's notification", subject)?),
        WorkKind::Transfer => Work::Transfer(id("a task's transfer item", subject)?),
        WorkKind::Announce => Work::Announce(id("a task's transfer item", subject)?),
        WorkKind::AnnounceTransfer => Work::AnnounceTransfer(id("a task's transfer", subject)?),
        WorkKind::AnnounceDelivery => Work::AnnounceDelivery(id("a task's delivery", subject)?),
    })
}
