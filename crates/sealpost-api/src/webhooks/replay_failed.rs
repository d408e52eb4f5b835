//! `POST /v1/webhooks/{id}:replay-failed`: post what was given up again, after the receiver was down.

use axum::Json;
use http::StatusCode;
use jiff::Timestamp;
use sealpost_core::id::WebhookId;
use sealpost_core::partner::Partner;
use sealpost_pipeline::Pipeline;
use sealpost_pipeline::audit::Author;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::Problem;

/// Which ones.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"since": "2026-02-01T00:00:00Z"}))]
pub struct ReplayRequest {
    /// Only notifications made at or after this time; all that failed when left out.
    #[serde(default)]
    since: Option<Timestamp>,
}

/// What became of it.
#[derive(Serialize, ToSchema)]
pub struct ReplayedBody {
    /// How many notifications are on their way again.
    replayed: usize,
    /// Whether there are more: at most 1,000 are taken at once, the newest first. Ask again for the others.
    more: bool,
}

/// Replay failed notifications.
///
/// The same ids and bytes as before, with new signatures.
#[utoipa::path(post, path = "/v1/webhooks/{id}:replay-failed", operation_id = "replayFailedNotifications", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's id.", pattern = "^whk_[0-9a-z]{26}$", example = "whk_01kavs0h9yq4m4d2tkv1c7rbn5")),
    request_body(content = Option<ReplayRequest>, description = "May be left out: then all that failed."),
    responses(
        (status = 202, description = "They are on their way again.", body = ReplayedBody),
        (status = 409, description = "The webhook is disabled (`SP-REQUEST-015`)."),
    ))]
pub(crate) async fn replay(
    pipeline: &Pipeline,
    partner: &Partner,
    id: &WebhookId,
    request: ReplayRequest,
    author: &Author,
) -> Result<(StatusCode, Json<ReplayedBody>), Problem> {
    let replayed = pipeline.replay_failed(&partner.id, id, request.since, author).await?;
    Ok((StatusCode::ACCEPTED, Json(ReplayedBody { replayed: replayed.count, more: replayed.more })))
}
