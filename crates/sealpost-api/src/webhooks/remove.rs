//! `DELETE /v1/webhooks/{id}`: remove a webhook with its notifications.

use axum::extract;
use http::StatusCode;
use sealpost_core::id::WebhookId;

use super::author;
use crate::authenticate::{Caller, Credentials};
use crate::path::Id;
use crate::problem::Problem;
use crate::state::State;

/// Remove a webhook.
///
/// Its notifications go with it, those on their way too.
#[utoipa::path(delete, path = "/v1/webhooks/{id}", operation_id = "removeWebhook", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's id.", pattern = "^whk_[0-9a-z]{26}$", example = "whk_01kavs0h9yq4m4d2tkv1c7rbn5")),
    responses((status = 204, description = "It is removed.")))]
pub(crate) async fn remove(
    extract::State(state): extract::State<State>,
    Caller(partner): Caller,
    credentials: Credentials,
    Id(id): Id<WebhookId>,
) -> Result<StatusCode, Problem> {
    state.pipeline.remove_webhook(&partner.id, &id, &author(credentials)).await?;
    Ok(StatusCode::NO_CONTENT)
}
