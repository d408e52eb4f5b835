//! `GET /v1/webhooks/{id}`: one webhook.

use axum::Json;
use axum::extract;
use sealpost_core::id::WebhookId;

use super::wire::Webhook;
use crate::authenticate::Caller;
use crate::path::Id;
use crate::plane::Plane;
use crate::problem::Problem;
use crate::state::State;

/// Show a webhook.
#[utoipa::path(get, path = "/v1/webhooks/{id}", operation_id = "showWebhook", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's id.", pattern = "^whk_[0-9a-z]{26}$", example = "whk_01kavs0h9yq4m4d2tkv1c7rbn5")),
    responses((status = 200, description = "The webhook, without its secret.", body = Webhook)))]
pub(crate) async fn show(
    extract::State(state): extract::State<State>,
    Caller(partner): Caller,
    Id(id): Id<WebhookId>,
) -> Result<Json<Webhook>, Problem> {
    Ok(Json(Webhook::of(&state.pipeline.webhook(&partner.id, &id).await?, Plane::Partner)))
}
