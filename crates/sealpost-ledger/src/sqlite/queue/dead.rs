//! Dead letters.

use jiff::Timestamp;
use sealpost_core::Result;
use sealpost_core::id::TaskId;
use sealpost_core::task::{DeadTask, Lease};

use super::super::statement::{query, query_as};
use super::super::value::nanos;
use super::super::{Connection, fault, lanes, tasks};
use super::{held, id, instant};

pub(super) fn bury(connection: &Connection, lease: &Lease, reason: &str, now: Timestamp) -> Result<()> {
    let moved = query(
        "INSERT INTO dead_tasks (id, kind, subject, epoch, reason, buried_at)
         SELECT id, kind, subject, epoch, ?, ? FROM tasks WHERE id = ? AND epoch = ? AND leased = 1",
    )
    .bind(reason)
    .bind(nanos(now))
    .bind(lease.task.as_str())
    .bind(i64::from(lease.epoch))
    .execute(connection)
    .map_err(fault::write)?;
    held(moved, lease)?;
    query("DELETE FROM tasks WHERE id = ?").bind(lease.task.as_str()).execute(connection).map_err(fault::write)?;
    Ok(())
}

/// The newest dead letters.
pub(super) fn list(connection: &Connection, limit: u32) -> Result<Vec<DeadTask>> {
    let rows: Vec<(String, String, String, i64, String, i64)> =
        query_as("SELECT id, kind, subject, epoch, reason, buried_at FROM dead_tasks ORDER BY ordinal DESC LIMIT ?")
            .bind(i64::from(limit))
            .fetch_all(connection)
            .map_err(fault::read)?;
    rows.into_iter()
        .map(|(task, kind, subject, epoch, reason, buried_at)| {
            Ok(DeadTask {
                task: id("a dead task's id", &task)?,
                work: tasks::work(&kind, &subject)?,
                claims: u32::try_from(epoch).unwrap_or(u32::MAX),
                reason,
                buried_at: instant(buried_at),
            })
        })
        .collect()
}

/// Puts a dead letter back. It keeps its id and the number of its claims, so that a lease from before stays refused.
pub(super) fn revive(connection: &Connection, task: &TaskId, now: Timestamp) -> Result<bool> {
    let dead: Option<(String, String, i64)> =
        query_as("DELETE FROM dead_tasks WHERE id = ? RETURNING kind, subject, epoch")
            .bind(task.as_str())
            .fetch_optional(connection)
            .map_err(fault::write)?;
    let Some((kind, subject, epoch)) = dead else { return Ok(false) };
    let lane = lanes::of_task(connection, &kind, &subject)?;
    query("INSERT INTO tasks (id, kind, subject, epoch, ready_at, lane) VALUES (?, ?, ?, ?, ?, ?)")
        .bind(task.as_str())
        .bind(kind)
        .bind(subject)
        .bind(epoch)
        .bind(nanos(now))
        .bind(lane)
        .execute(connection)
        .map_err(fault::write)?;
    Ok(true)
}
