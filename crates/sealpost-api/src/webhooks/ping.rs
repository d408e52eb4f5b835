//! `POST /v1/webhooks/{id}:ping`: a notification at once, to see whether it arrives.

use axum::Json;
use http::StatusCode;
use sealpost_core::id::WebhookId;
use sealpost_core::partner::Partner;
use sealpost_pipeline::Pipeline;
use sealpost_pipeline::audit::Author;

use super::wire::Notification;
use crate::plane::Plane;
use crate::problem::Problem;

/// Ping a webhook.
///
/// Sends a notification of the type `webhook.ping`, also to a webhook that is disabled. Its status tells how it went.
#[utoipa::path(post, path = "/v1/webhooks/{id}:ping", operation_id = "pingWebhook", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's id.", pattern = "^whk_[0-9a-z]{26}$", example = "whk_01kavs0h9yq4m4d2tkv1c7rbn5")),
    responses(
        (status = 202, description = "The notification, on its way.", body = Notification),
        (status = 409, description = "A ping is on its way to it already (`SP-REQUEST-015`), or the operator offers no webhooks (`SP-REQUEST-038`)."),
    ))]
pub(crate) async fn ping(
    pipeline: &Pipeline,
    partner: &Partner,
    id: &WebhookId,
    author: &Author,
) -> Result<(StatusCode, Json<Notification>), Problem> {
    let notification = pipeline.ping_webhook(&partner.id, id, author).await?;
    Ok((StatusCode::ACCEPTED, Json(Notification::of(&notification, Plane::Partner))))
}
