//! `/admin/v1/queue`: how much waits, and what was given up.

use axum::Json;
use axum::extract;
use jiff::Timestamp;
use sealpost_core::error::{Error, codes};
use sealpost_core::id::TaskId;
use sealpost_core::task::{DeadTask, QueueDepth, Work};
use serde::Serialize;
use utoipa::ToSchema;

use crate::admin::before_verb;
use crate::path::Id;
use crate::problem::Problem;
use crate::state::State;

/// Most dead letters shown.
const DEAD_LETTERS: u32 = 100;

/// The queue.
#[derive(Serialize, ToSchema)]
pub struct QueueBody {
    /// Tasks ready to be taken.
    ready: u64,
    /// Tasks for later: retries and expiries.
    delayed: u64,
    /// Tasks under way.
    leased: u64,
    /// Tasks given up.
    dead: u64,
    /// The newest of those given up, at most 100.
    dead_letters: Vec<DeadLetter>,
}

/// A task that was given up.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "task": "tsk_01kavs0h9yq4m4d2tkv1c7rbn5", "kind": "produce", "subject": "rep_01kavs0h9yq4m4d2tkv1c7rbn5", "claims": 1000,
    "reason": "its worker died 1000 times", "buried_at": "2026-02-01T06:00:00Z"
}))]
pub struct DeadLetter {
    /// Its id.
    task: String,
    /// `produce`, `deliver`, `expire`, `purge`, `notify`, `transfer`, `announce`, `announce_transfer` or `announce_delivery`.
    kind: &'static str,
    /// The report, delivery, notification, transfer or item of a transfer that it was about.
    subject: String,
    /// How many times it was begun.
    claims: u32,
    /// Why it was given up.
    reason: String,
    /// When.
    buried_at: Timestamp,
}

impl From<DeadTask> for DeadLetter {
    fn from(dead: DeadTask) -> Self {
        let subject = match &dead.work {
            Work::Produce(id) | Work::Expire(id) | Work::Purge(id) => id.to_string(),
            Work::Deliver(id) | Work::AnnounceDelivery(id) => id.to_string(),
            Work::Notify(id) => id.to_string(),
            Work::Transfer(id) | Work::Announce(id) => id.to_string(),
            Work::AnnounceTransfer(id) => id.to_string(),
        };
        let DeadTask { task, work, claims, reason, buried_at } = dead;
        Self { task: task.to_string(), kind: work.kind().as_str(), subject, claims, reason, buried_at }
    }
}

/// What became of a revival.
#[derive(Serialize, ToSchema)]
pub struct Revived {
    /// The task that is back on the queue.
    #[schema(example = "tsk_01kavs0h9yq4m4d2tkv1c7rbn5")]
    task: String,
}

/// Show the queue.
#[utoipa::path(get, path = "/admin/v1/queue", operation_id = "showQueue", tag = "queue",
    responses((status = 200, description = "How much waits, and what was given up.", body = QueueBody)))]
pub(crate) async fn show(extract::State(state): extract::State<State>) -> Result<Json<QueueBody>, Problem> {
    let queue = &state.pipeline.parts().queue;
    let QueueDepth { ready, delayed, leased, dead } = queue.depth().await?;
    let dead_letters = queue.dead(DEAD_LETTERS).await?.into_iter().map(DeadLetter::from).collect();
    Ok(Json(QueueBody { ready, delayed, leased, dead, dead_letters }))
}

/// Put a task that was given up back on the queue.
#[utoipa::path(post, path = "/admin/v1/queue/dead/{task}:revive", operation_id = "reviveTask", tag = "queue",
    params(("task" = String, Path, description = "The task's id.", pattern = "^tsk_[0-9a-z]{26}$", example = "tsk_01kavs0h9yq4m4d2tkv1c7rbn5")),
    responses((status = 200, description = "It is back on the queue.", body = Revived)))]
pub(crate) async fn revive(
    extract::State(state): extract::State<State>,
    Id(segment): Id<String>,
) -> Result<Json<Revived>, Problem> {
    let missing = || Error::new(&codes::request::NOT_FOUND, "no dead letter has this id");
    let task: TaskId = before_verb(&segment, "revive")?.parse().map_err(|_| missing())?;
    if state.pipeline.parts().queue.revive(&task).await? {
        Ok(Json(Revived { task: task.to_string() }))
    } else {
        Err(missing().into())
    }
}
