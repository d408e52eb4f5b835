//! `DELETE /admin/v1/partners/{id}/keys/{key}`: revoke an API key, at once and for good.

use axum::Json;
use axum::extract;
use sealpost_core::id::PartnerId;

use super::list::KeyBody;
use crate::admin::Operator;
use crate::path::Id;
use crate::problem::Problem;
use crate::state::State;

/// Revoke an API key.
#[utoipa::path(delete, path = "/admin/v1/partners/{id}/keys/{key}", operation_id = "revokeKey", tag = "keys",
    params(
        ("id" = String, Path, description = "The partner's id.", pattern = "^[a-z0-9][a-z0-9-]{0,62}$", example = "acme"),
        ("key" = String, Path, description = "The key's public half.", pattern = "^[a-z0-9]{12}$", example = "abcdefghijkm"),
    ),
    responses((status = 200, description = "It is revoked. Asking again changes nothing.", body = KeyBody)))]
pub(crate) async fn revoke(
    extract::State(state): extract::State<State>,
    Operator(author): Operator,
    Id((id, key)): Id<(PartnerId, String)>,
) -> Result<Json<KeyBody>, Problem> {
    Ok(Json(KeyBody::of(&state.pipeline.revoke_key(&author, &id, &key).await?)))
}
