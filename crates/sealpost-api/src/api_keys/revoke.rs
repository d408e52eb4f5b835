//! `DELETE /v1/api-keys/{id}`: revoke an API key, at once and for good.

use axum::Json;
use axum::extract;

use super::wire::ApiKey;
use crate::authenticate::{Caller, Credentials};
use crate::changes::author;
use crate::path::Id;
use crate::problem::Problem;
use crate::state::State;

/// Revoke an API key.
///
/// At once and for good, also the one that the request itself is made with.
#[utoipa::path(delete, path = "/v1/api-keys/{id}", operation_id = "revokeApiKey", tag = "API keys",
    params(("id" = String, Path, description = "The key's public half.", pattern = "^[a-z0-9]{12}$", example = "abcdefghijkm")),
    responses((status = 200, description = "It is revoked. Asking again changes nothing.", body = ApiKey)))]
pub(crate) async fn revoke(
    extract::State(state): extract::State<State>,
    Caller(partner): Caller,
    credentials: Credentials,
    Id(id): Id<String>,
) -> Result<Json<ApiKey>, Problem> {
    Ok(Json(ApiKey::of(&state.pipeline.revoke_key(&author(&credentials), &partner.id, &id).await?)))
}
