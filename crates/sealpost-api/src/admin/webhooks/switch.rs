//! `POST /admin/v1/partners/{id}/webhooks/{webhook}:disable` and `:enable`.

use axum::Json;
use axum::extract;
use sealpost_core::error::{Error, codes};
use sealpost_core::id::{PartnerId, WebhookId};
use sealpost_pipeline::Pipeline;
use sealpost_pipeline::audit::Author;
use sealpost_pipeline::webhooks::WebhookWish;

use crate::admin::Operator;
use crate::path::Id;
use crate::plane::Plane;
use crate::problem::Problem;
use crate::state::State;
use crate::webhooks::wire::Webhook;

/// Finds the operation and runs it: the router has no parameters that end within a segment.
pub(crate) async fn switch(
    extract::State(state): extract::State<State>,
    Operator(author): Operator,
    Id((partner, segment)): Id<(PartnerId, String)>,
) -> Result<Json<Webhook>, Problem> {
    let unknown =
        || Error::new(&codes::request::UNKNOWN_PATH, "this method needs `:disable` or `:enable` behind the id");
    let (id, verb) = segment.rsplit_once(':').ok_or_else(unknown)?;
    let id = id.parse().map_err(|_| Error::new(&codes::request::NOT_FOUND, "nothing has this id"))?;
    match verb {
        "disable" => disable(&state.pipeline, &partner, &id, &author).await,
        "enable" => enable(&state.pipeline, &partner, &id, &author).await,
        _ => Err(unknown().into()),
    }
}

/// Disable a partner's webhook.
///
/// It is told nothing more. What is on its way to it fails, and can be replayed later.
#[utoipa::path(post, path = "/admin/v1/partners/{id}/webhooks/{webhook}:disable", operation_id = "disableWebhook", tag = "webhooks",
    params(
        ("id" = String, Path, description = "The partner's id.", pattern = "^[a-z0-9][a-z0-9-]{0,62}$", example = "acme"),
        ("webhook" = String, Path, description = "The webhook's id.", pattern = "^whk_[0-9a-z]{26}$", example = "whk_01kavs0h9yq4m4d2tkv1c7rbn5"),
    ),
    responses((status = 200, description = "The webhook as it is now.", body = Webhook)))]
async fn disable(
    pipeline: &Pipeline,
    partner: &PartnerId,
    id: &WebhookId,
    author: &Author,
) -> Result<Json<Webhook>, Problem> {
    set(pipeline, partner, id, false, author).await
}

/// Enable a partner's webhook.
#[utoipa::path(post, path = "/admin/v1/partners/{id}/webhooks/{webhook}:enable", operation_id = "enableWebhook", tag = "webhooks",
    params(
        ("id" = String, Path, description = "The partner's id.", pattern = "^[a-z0-9][a-z0-9-]{0,62}$", example = "acme"),
        ("webhook" = String, Path, description = "The webhook's id.", pattern = "^whk_[0-9a-z]{26}$", example = "whk_01kavs0h9yq4m4d2tkv1c7rbn5"),
    ),
    responses((status = 200, description = "The webhook as it is now.", body = Webhook)))]
async fn enable(
    pipeline: &Pipeline,
    partner: &PartnerId,
    id: &WebhookId,
    author: &Author,
) -> Result<Json<Webhook>, Problem> {
    set(pipeline, partner, id, true, author).await
}

async fn set(
    pipeline: &Pipeline,
    partner: &PartnerId,
    id: &WebhookId,
    enabled: bool,
    author: &Author,
) -> Result<Json<Webhook>, Problem> {
    let wish = WebhookWish { enabled: Some(enabled), ..WebhookWish::default() };
    Ok(Json(Webhook::of(&pipeline.change_webhook(partner, id, wish, author).await?, Plane::Operator)))
}
