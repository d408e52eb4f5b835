//! `GET /v1/webhooks`: the partner's webhooks.

use axum::Json;
use axum::extract;
use serde::Serialize;
use utoipa::ToSchema;

use super::wire::Webhook;
use crate::authenticate::Caller;
use crate::plane::Plane;
use crate::problem::Problem;
use crate::state::State;

/// The webhooks, at most 10.
#[derive(Serialize, ToSchema)]
pub struct WebhookList {
    /// The webhooks, oldest first.
    pub(crate) webhooks: Vec<Webhook>,
}

/// List webhooks.
#[utoipa::path(get, path = "/v1/webhooks", operation_id = "listWebhooks", tag = "webhooks",
    responses((status = 200, description = "The webhooks, oldest first.", body = WebhookList)))]
pub(crate) async fn list(
    extract::State(state): extract::State<State>,
    Caller(partner): Caller,
) -> Result<Json<WebhookList>, Problem> {
    let webhooks = state.pipeline.parts().outbox.webhooks(&partner.id).await?;
    let webhooks = webhooks.iter().map(|webhook| Webhook::of(webhook, Plane::Partner)).collect();
    Ok(Json(WebhookList { webhooks }))
}
