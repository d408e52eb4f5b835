//! Claiming the task that has waited longest.

use std::time::Duration;

use jiff::Timestamp;
use sealpost_core::Result;
use sealpost_core::task::{Lease, WorkKind};

use super::super::value::{corrupt, later, nanos};
use super::super::{Connection, fault, tasks};
use super::{id, instant};

/// The row of the ready task that has waited longest. A task whose lease ran out has waited since then, so one that
/// kills its workers can't hold up the others.
pub(super) async fn candidate(connection: &mut Connection, kinds: &[WorkKind], now: Timestamp) -> Result<Option<i64>> {
    let mut oldest: Option<(i64, i64)> = None;
    // One look into the index per kind: a single statement over several would have to sort all that is ready.
    for kind in kinds {
        let first: Option<(i64, i64)> = sqlx::query_as(
            "SELECT ready_at, ordinal FROM tasks WHERE kind = ? AND ready_at <= ? ORDER BY ready_at, ordinal LIMIT 1",
        )
        .bind(kind.as_str())
        .bind(nanos(now))
        .fetch_optional(&mut *connection)
        .await
        .map_err(fault::read)?;
        oldest = match (oldest, first) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
    Ok(oldest.map(|(_, ordinal)| ordinal))
}

pub(super) async fn claim(
    connection: &mut Connection,
    kinds: &[WorkKind],
    lease: Duration,
    now: Timestamp,
) -> Result<Option<Lease>> {
    let Some(ordinal) = candidate(connection, kinds, now).await? else { return Ok(None) };
    let until = later(now, lease);
    let (task, kind, subject, epoch): (String, String, String, i64) = sqlx::query_as(
        "UPDATE tasks SET ready_at = ?, leased = 1, epoch = epoch + 1 WHERE ordinal = ?
         RETURNING id, kind, subject, epoch",
    )
    .bind(nanos(until))
    .bind(ordinal)
    .fetch_one(connection)
    .await
    .map_err(fault::write)?;
    Ok(Some(Lease {
        task: id("a task's id", &task)?,
        work: tasks::work(&kind, &subject)?,
        epoch: u32::try_from(epoch).map_err(|_| corrupt(format!("{task} was claimed {epoch} times")))?,
        until,
    }))
}

/// When the next task that isn't ready yet will be.
pub(super) async fn next_after(connection: &mut Connection, now: Timestamp) -> Result<Option<Timestamp>> {
    let mut next: Option<i64> = None;
    // One look into the index per kind, as above.
    for kind in WorkKind::ALL {
        let first: Option<i64> = sqlx::query_scalar("SELECT MIN(ready_at) FROM tasks WHERE kind = ? AND ready_at > ?")
            .bind(kind.as_str())
            .bind(nanos(now))
            .fetch_one(&mut *connection)
            .await
            .map_err(fault::read)?;
        next = [next, first].into_iter().flatten().min();
    }
    Ok(next.map(instant))
}
