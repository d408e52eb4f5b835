//! Webhooks and notifications of all partners, for operators: what is stuck, once more, no more.

use axum::Json;
use axum::extract;
use sealpost_core::id::PartnerId;

use crate::admin;
use crate::path::Id;
use crate::plane::Plane;
use crate::problem::Problem;
use crate::state::State;
use crate::webhooks::list::WebhookList;
use crate::webhooks::wire::Webhook;

pub mod notifications;
pub mod replay;
pub mod switch;

/// List a partner's webhooks.
#[utoipa::path(get, path = "/admin/v1/partners/{id}/webhooks", operation_id = "listWebhooksOfPartner", tag = "webhooks",
    params(("id" = String, Path, description = "The partner's id.", pattern = "^[a-z0-9][a-z0-9-]{0,62}$", example = "acme")),
    responses((status = 200, description = "The webhooks, oldest first.", body = WebhookList)))]
pub(crate) async fn list(
    extract::State(state): extract::State<State>,
    Id(id): Id<PartnerId>,
) -> Result<Json<WebhookList>, Problem> {
    admin::partner(&state.pipeline, &id).await?;
    let webhooks = state.pipeline.parts().outbox.webhooks(&id).await?;
    Ok(Json(WebhookList { webhooks: webhooks.iter().map(|one| Webhook::of(one, Plane::Operator)).collect() }))
}
