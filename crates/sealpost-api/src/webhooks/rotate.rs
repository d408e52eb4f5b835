//! `POST /v1/webhooks/{id}:rotate-secret`: a new secret. The one before signs too for a while.

use axum::Json;
use sealpost_core::id::WebhookId;
use sealpost_core::partner::Partner;
use sealpost_pipeline::Pipeline;
use sealpost_pipeline::audit::Author;
use serde::Deserialize;
use utoipa::ToSchema;

use super::wire::WebhookWithSecret;
use crate::problem::Problem;

/// How to change over.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"overlap_hours": 24}))]
pub struct RotationRequest {
    /// For how many hours both secrets sign; 0 ends the old one at once.
    #[serde(default = "a_day")]
    #[schema(minimum = 0, maximum = 168, default = 24)]
    overlap_hours: i64,
}

impl Default for RotationRequest {
    fn default() -> Self {
        Self { overlap_hours: a_day() }
    }
}

fn a_day() -> i64 {
    24
}

/// Rotate a webhook's secret.
///
/// While both secrets sign, `webhook-signature` has a signature by each, the new one first, so that a receiver can change
/// over without losing a notification. Never more than two sign: rotating again ends the oldest.
#[utoipa::path(post, path = "/v1/webhooks/{id}:rotate-secret", operation_id = "rotateWebhookSecret", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's id.", pattern = "^whk_[0-9a-z]{26}$", example = "whk_01kavs0h9yq4m4d2tkv1c7rbn5")),
    request_body(content = Option<RotationRequest>, description = "May be left out: then they overlap for a day."),
    responses(
        (status = 200, description = "The webhook, with its new secret for the only time.", body = WebhookWithSecret),
        (status = 409, description = "The operator offers no webhooks (`SP-REQUEST-038`)."),
    ))]
pub(crate) async fn rotate(
    pipeline: &Pipeline,
    partner: &Partner,
    id: &WebhookId,
    request: RotationRequest,
    author: &Author,
) -> Result<Json<WebhookWithSecret>, Problem> {
    let (webhook, secret) = pipeline.rotate_webhook_secret(&partner.id, id, request.overlap_hours, author).await?;
    Ok(Json(WebhookWithSecret::of(&webhook, &secret)?))
}
