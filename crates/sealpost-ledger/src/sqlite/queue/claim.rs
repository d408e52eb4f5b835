//! Claiming: the task that has waited longest, of the lane whose turn it is.

use std::time::Duration;

use jiff::Timestamp;
use sealpost_core::Result;
use sealpost_core::task::{Lease, WorkKind};

use super::super::statement::{query, query_as, query_scalar};
use super::super::value::{corrupt, later, nanos};
use super::super::{Connection, fault, lanes, tasks};
use super::{id, instant};

/// The ready task that has waited longest among those without a lane and those of the lane whose turn it is. A task whose
/// lease ran out has waited since then, so one that kills its workers can't hold up the others.
///
/// The turn is of the lane served longest ago that has a ready task and room for it. The look for it stops at the first;
/// each lane before it costs two looks into an index, however many tasks it has. Then one look per kind: a search over
/// several would have to sort all that is ready. It is one statement, because each costs more than all these looks.
pub(in crate::sqlite) const CANDIDATE: &str = "
    WITH kinds (kind) AS (SELECT value FROM json_each(?1)),
         turn (lane) AS (
           SELECT id FROM lanes INDEXED BY lanes_in_turn
           WHERE ?3 IS NOT NULL AND tasks > 0
             AND EXISTS (SELECT 1 FROM tasks INDEXED BY tasks_of_lane
                         WHERE lane = lanes.id AND kind IN (?3, ?4) AND ready_at <= ?2)
             AND (SELECT COUNT(*) FROM tasks INDEXED BY tasks_leased_of_lane
                  WHERE lane = lanes.id AND leased = 1 AND ready_at > ?2) < capacity
           ORDER BY served, id LIMIT 1)
    SELECT ordinal FROM tasks WHERE ordinal IN (
      SELECT (SELECT ordinal FROM tasks INDEXED BY tasks_ready
              WHERE tasks.kind = kinds.kind AND ready_at <= ?2 AND lane IS NULL ORDER BY ready_at, ordinal LIMIT 1)
      FROM kinds
      UNION ALL
      SELECT (SELECT ordinal FROM tasks INDEXED BY tasks_of_lane
              WHERE tasks.lane = turn.lane AND tasks.kind = kinds.kind AND ready_at <= ?2
              ORDER BY ready_at, ordinal LIMIT 1)
      FROM turn CROSS JOIN kinds)
    ORDER BY ready_at, ordinal LIMIT 1";

/// The row of the task that a claim would get, see [`CANDIDATE`].
pub(super) fn candidate(connection: &Connection, kinds: &[WorkKind], now: Timestamp) -> Result<Option<i64>> {
    let mut with_lanes = kinds.iter().filter(|kind| lanes::has_lanes(**kind)).map(|kind| kind.as_str());
    let one = with_lanes.next();
    query_scalar(CANDIDATE)
        .bind(names(kinds))
        .bind(nanos(now))
        .bind(one)
        .bind(with_lanes.next_back().or(one))
        .fetch_optional(connection)
        .map_err(fault::read)
}

/// The kinds as a JSON array, for `json_each`. Their names need no escapes.
fn names(kinds: &[WorkKind]) -> String {
    let names: Vec<_> = kinds.iter().map(|kind| format!("\"{}\"", kind.as_str())).collect();
    format!("[{}]", names.join(","))
}

pub(in crate::sqlite) fn claim(
    connection: &Connection,
    kinds: &[WorkKind],
    lease: Duration,
    now: Timestamp,
) -> Result<Option<Lease>> {
    let Some(ordinal) = candidate(connection, kinds, now)? else { return Ok(None) };
    let until = later(now, lease);
    let (task, kind, subject, epoch): (String, String, String, i64) = query_as(
        "UPDATE tasks SET ready_at = ?, leased = 1, epoch = epoch + 1 WHERE ordinal = ?
         RETURNING id, kind, subject, epoch",
    )
    .bind(nanos(until))
    .bind(ordinal)
    .fetch_one(connection)
    .map_err(fault::write)?;
    Ok(Some(Lease {
        task: id("a task's id", &task)?,
        work: tasks::work(&kind, &subject)?,
        epoch: u32::try_from(epoch).map_err(|_| corrupt(format!("{task} was claimed {epoch} times")))?,
        until,
    }))
}

/// Extends a lease; how many rows it met. One that has run out has given its place in its lane back, and needs another.
pub(super) fn extend(connection: &Connection, lease: &Lease, until: Timestamp, now: Timestamp) -> Result<u64> {
    let done = query(
        "UPDATE tasks SET ready_at = ?1 WHERE id = ?2 AND epoch = ?3 AND leased = 1
           AND (lane IS NULL OR ready_at > ?4
                OR (SELECT COUNT(*) FROM tasks AS other WHERE other.lane = tasks.lane AND other.leased = 1
                                                          AND other.ready_at > ?4)
                   < (SELECT capacity FROM lanes WHERE lanes.id = tasks.lane))",
    )
    .bind(nanos(until))
    .bind(lease.task.as_str())
    .bind(i64::from(lease.epoch))
    .bind(nanos(now))
    .execute(connection)
    .map_err(fault::write)?;
    Ok(done)
}

/// Again one look into an index per kind, and one for all that have a lane.
pub(in crate::sqlite) const NEXT: &str = "
    SELECT MIN(next) FROM (
      SELECT (SELECT MIN(ready_at) FROM tasks INDEXED BY tasks_ready
              WHERE kind = kinds.value AND ready_at > ?2 AND lane IS NULL) AS next
      FROM json_each(?1) AS kinds
      UNION ALL
      SELECT MIN(ready_at) FROM tasks INDEXED BY tasks_of_lanes_by_time
      WHERE ?3 AND lane IS NOT NULL AND ready_at > ?2)";

/// When the next task of these kinds that isn't ready yet will be, or a lease ends.
pub(super) fn next_after(connection: &Connection, kinds: &[WorkKind], now: Timestamp) -> Result<Option<Timestamp>> {
    let next: Option<i64> = query_scalar(NEXT)
        .bind(names(kinds))
        .bind(nanos(now))
        .bind(kinds.iter().any(|kind| lanes::has_lanes(*kind)))
        .fetch_one(connection)
        .map_err(fault::read)?;
    Ok(next.map(instant))
}
