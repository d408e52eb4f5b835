//! `GET /v1/reports/{id}/timeline`: everything that happened to a report and its deliveries.

use axum::Json;
use axum::extract;
use jiff::Timestamp;
use sealpost_core::delivery::DeliveryEvent;
use sealpost_core::error::Result;
use sealpost_core::event::{Happening, TimelineEntry};
use sealpost_core::id::JobId;
use sealpost_core::job::JobEvent;
use sealpost_pipeline::Pipeline;
use serde::Serialize;
use utoipa::ToSchema;

use super::deliveries::Receipt;
use super::wire::Failure;
use crate::authenticate::Caller;
use crate::path::Id;
use crate::plane::Plane;
use crate::problem::Problem;
use crate::state::State;

/// The timeline of a report.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"report": "rep_01kavs0h9yq4m4d2tkv1c7rbn5", "events": [
    {"sequence": 1, "at": "2026-02-01T06:00:00Z", "subject": "report", "event": "admitted"},
    {"sequence": 2, "at": "2026-02-01T06:00:00.1Z", "subject": "report", "event": "started", "attempt": 1},
    {"sequence": 3, "at": "2026-02-01T06:00:02Z", "subject": "report", "event": "stored", "row_count": 50_000,
        "size": 1_048_576, "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
    {"sequence": 4, "at": "2026-02-01T06:00:02Z", "subject": "delivery", "event": "created", "delivery": "dlv_01kavs0k2mq4m4d2tkv1c7rbn5"}
]}))]
pub struct Timeline {
    /// The report.
    report: String,
    /// What happened, oldest first.
    events: Vec<Event>,
}

/// One thing that happened. Members that don't belong to the event are absent.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(example = json!({"sequence": 2, "at": "2026-02-01T06:00:00.1Z", "subject": "report", "event": "started", "attempt": 1}))]
pub struct Event {
    /// Position, from 1, without gaps.
    sequence: u64,
    /// When.
    at: Timestamp,
    /// `report` or `delivery`.
    subject: &'static str,
    /// Which delivery.
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<String>,
    /// Of a report: `admitted`, `started`, `stored`, `attempt_failed`, `failed`, `cancel_requested`, `cancelled`,
    /// `expired`, `purged`. Of a delivery: `created`, `started`, `intended`, `intent_withdrawn`, `delivered`,
    /// `attempt_failed`, `failed`.
    event: &'static str,
    /// Which attempt began.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    /// The worker that began it; only operators are told.
    #[serde(skip_serializing_if = "Option::is_none")]
    worker: Option<String>,
    /// Rows in the stored file.
    #[serde(skip_serializing_if = "Option::is_none")]
    row_count: Option<u64>,
    /// Size of the stored file in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    /// SHA-256 of the stored file.
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    /// The name that the complete file is about to get.
    #[serde(skip_serializing_if = "Option::is_none")]
    remote_path: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
    /// When it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_at: Option<Timestamp>,
    /// Whether someone deleted the file, rather than its retention having passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted: Option<bool>,
    /// The proof of delivery.
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<Receipt>,
}

impl Event {
    fn of(entry: &TimelineEntry, plane: Plane) -> Self {
        let event = Self { sequence: entry.sequence, at: entry.at, ..Self::default() };
        match &entry.what {
            Happening::Report(what) => event.of_report(what, plane),
            Happening::Delivery { delivery, event: what } => {
                Self { delivery: Some(delivery.to_string()), ..event }.of_delivery(what, plane)
            }
        }
    }

    fn of_report(self, what: &JobEvent, plane: Plane) -> Self {
        let event = Self { subject: "report", event: what.name(), ..self };
        match what {
            JobEvent::Admitted | JobEvent::CancelRequested | JobEvent::Cancelled | JobEvent::Purged => event,
            JobEvent::Started { attempt, worker } => event.started(*attempt, worker, plane),
            JobEvent::Stored { file, row_count, recipients: _ } => {
                let (size, sha256) = (Some(file.size), Some(file.sha256.clone()));
                Self { row_count: Some(*row_count), size, sha256, ..event }
            }
            JobEvent::AttemptFailed { failure, retry_at } => {
                Self { failure: Some(Failure::of(failure, plane)), retry_at: Some(*retry_at), ..event }
            }
            JobEvent::Failed { failure } => Self { failure: Some(Failure::of(failure, plane)), ..event },
            JobEvent::Expired { deleted } => Self { deleted: Some(*deleted), ..event },
        }
    }

    fn of_delivery(self, what: &DeliveryEvent, plane: Plane) -> Self {
        let event = Self { subject: "delivery", event: what.name(), ..self };
        match what {
            DeliveryEvent::Created | DeliveryEvent::IntentWithdrawn => event,
            DeliveryEvent::Started { attempt, worker } => event.started(*attempt, worker, plane),
            DeliveryEvent::Intended { intent } => Self { remote_path: Some(intent.final_path.clone()), ..event },
            DeliveryEvent::Delivered { receipt } => {
                Self { remote_path: Some(receipt.remote_path.clone()), receipt: Some(Receipt::of(receipt)), ..event }
            }
            DeliveryEvent::AttemptFailed { failure, retry_at } => {
                Self { failure: Some(Failure::of(failure, plane)), retry_at: Some(*retry_at), ..event }
            }
            DeliveryEvent::Failed { failure } => Self { failure: Some(Failure::of(failure, plane)), ..event },
        }
    }

    fn started(self, attempt: u32, worker: &str, plane: Plane) -> Self {
        let worker = (plane == Plane::Operator).then(|| worker.to_owned());
        Self { attempt: Some(attempt), worker, ..self }
    }
}

/// Show what happened to a report.
#[utoipa::path(get, path = "/v1/reports/{id}/timeline", operation_id = "showTimeline", tag = "reports",
    params(("id" = String, Path, description = "The report's id.", pattern = "^rep_[0-9a-z]{26}$", example = "rep_01kavs0h9yq4m4d2tkv1c7rbn5")),
    responses((status = 200, description = "Everything that happened, oldest first.", body = Timeline)))]
pub(crate) async fn timeline(
    extract::State(state): extract::State<State>,
    Caller(partner): Caller,
    Id(id): Id<JobId>,
) -> Result<Json<Timeline>, Problem> {
    let job = state.pipeline.report(&partner, &id).await?;
    Ok(Json(load(&state.pipeline, &job.id, Plane::Partner).await?))
}

/// The timeline of a report that the caller may see.
pub(crate) async fn load(pipeline: &Pipeline, id: &JobId, plane: Plane) -> Result<Timeline> {
    let entries = pipeline.parts().ledger.timeline(id).await?;
    Ok(Timeline { report: id.to_string(), events: entries.iter().map(|entry| Event::of(entry, plane)).collect() })
}
