//! Dead letters.

use jiff::Timestamp;
use sealpost_core::Result;
use sealpost_core::id::TaskId;
use sealpost_core::task::{DeadTask, Lease, Work};
use serde::{Deserialize, Serialize};

use super::tasks::{Task, key, time};
use super::{Key, SkRange, Step, TableLedger};
use crate::value::nanos;

/// The partition of dead letters by time.
pub(super) const DEAD: &str = "dead";

/// What leads from a task's id to its dead letter.
#[derive(Serialize, Deserialize)]
struct Grave {
    work: Work,
    buried_at: i64,
}

fn grave_key(task: &TaskId) -> Key {
    Key::new(format!("dead-task#{task}"), "task")
}

fn list_key(task: &TaskId, buried_at: i64) -> Key {
    Key::new(DEAD, format!("{}#{task}", time(buried_at)))
}

pub(super) async fn bury(step: &mut Step, lease: &Lease, reason: &str, now: Timestamp) -> Result<()> {
    let before = step.held(lease).await?;
    let buried_at = nanos(now);
    let task = Task { buried_at: Some(buried_at), leased: false, ..before.clone() };
    step.set_task(&lease.task, &task, Some(&before)).await?;
    if let Some(connector) = &before.lane {
        step.leave_lane(connector, &lease.task).await?;
    }
    step.put(&grave_key(&lease.task), &Grave { work: before.work.clone(), buried_at })?;
    let dead = DeadTask {
        task: lease.task.clone(),
        work: before.work,
        claims: before.epoch,
        reason: reason.to_owned(),
        buried_at: now,
    };
    step.put(&list_key(&lease.task, buried_at), &dead)
}

/// The newest dead letters.
pub(super) async fn list(ledger: &TableLedger, limit: u32) -> Result<Vec<DeadTask>> {
    let dead = ledger.read_range(DEAD, SkRange::All, true, limit).await?;
    Ok(dead.into_iter().map(|(_, task)| task).collect())
}

/// Puts a dead letter back. It keeps its id and the number of its claims, so that a lease from before stays refused.
pub(super) async fn revive(step: &mut Step, id: &TaskId, now: Timestamp) -> Result<bool> {
    let Some(grave) = step.get::<Grave>(&grave_key(id)).await? else { return Ok(false) };
    let Some(before) = step.get::<Task>(&key(&grave.work, id)).await? else { return Ok(false) };
    forget(step, id, grave.buried_at);
    let task = Task { buried_at: None, leased: false, ready_at: nanos(now), ..before.clone() };
    if let Some(connector) = &task.lane {
        step.lane(connector).await?.tasks += 1;
    }
    step.set_task(id, &task, Some(&before)).await?;
    Ok(true)
}

/// Removes what leads to a dead task.
pub(super) fn forget(step: &mut Step, id: &TaskId, buried_at: i64) {
    step.delete(&grave_key(id));
    step.delete(&list_key(id, buried_at));
}
