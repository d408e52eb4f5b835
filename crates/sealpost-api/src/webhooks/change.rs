//! `PATCH /v1/webhooks/{id}`: change a webhook. Notifications on their way go to the new address.

use axum::Json;
use axum::extract;
use sealpost_core::id::WebhookId;
use sealpost_pipeline::webhooks::WebhookWish;
use serde::Deserialize;
use utoipa::ToSchema;

use super::author;
use super::wire::{Webhook, WebhookEvent};
use crate::authenticate::{Caller, Credentials};
use crate::body::JsonBody;
use crate::path::Id;
use crate::plane::Plane;
use crate::problem::Problem;
use crate::state::State;

/// What is to change. What is left out, or null, stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"events": ["report.failed"], "enabled": true}))]
pub struct WebhookPatch {
    /// Where notifications are posted to, as when it was made.
    #[serde(default)]
    #[schema(format = "uri", max_length = 2048, pattern = "^https?://[^\\s@#]+$")]
    url: Option<String>,
    /// What it is told; everything when empty.
    #[serde(default)]
    events: Option<Vec<WebhookEvent>>,
    /// What it is used for, up to 200 characters, none of them control characters.
    #[serde(default)]
    #[schema(max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    label: Option<String>,
    /// Whether it is told anything. Notifications that were given up meanwhile can be replayed.
    #[serde(default)]
    enabled: Option<bool>,
}

/// Change a webhook.
#[utoipa::path(patch, path = "/v1/webhooks/{id}", operation_id = "changeWebhook", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's id.", pattern = "^whk_[0-9a-z]{26}$", example = "whk_01kavs0h9yq4m4d2tkv1c7rbn5")),
    request_body = WebhookPatch,
    responses(
        (status = 200, description = "The webhook as it is now.", body = Webhook),
        (status = 400, description = "The request is not valid (`SP-REQUEST-001`), or the address may not be used (`SP-REQUEST-036`)."),
    ))]
pub(crate) async fn change(
    extract::State(state): extract::State<State>,
    Caller(partner): Caller,
    credentials: Credentials,
    Id(id): Id<WebhookId>,
    JsonBody(request): JsonBody<WebhookPatch>,
) -> Result<Json<Webhook>, Problem> {
    let wish = WebhookWish {
        url: request.url,
        events: request.events.map(|events| events.into_iter().map(WebhookEvent::kind).collect()),
        label: request.label,
        enabled: request.enabled,
    };
    let webhook = state.pipeline.change_webhook(&partner.id, &id, wish, &author(credentials)).await?;
    Ok(Json(Webhook::of(&webhook, Plane::Partner)))
}
