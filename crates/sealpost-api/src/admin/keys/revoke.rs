//! `DELETE /admin/v1/partners/{id}/keys/{key}`: revoke an API key, at once and for good.

use axum::Json;
use axum::extract;
use sealpost_core::id::PartnerId;

use super::list::KeyBody;
use crate::path::Id;
use crate::problem::Problem;
use crate::state::State;

/// Revoke an API key.
#[utoipa::path(delete, path = "/admin/v1/partners/{id}/keys/{key}", operation_id = "revokeKey", tag = "keys",
    params(
        ("id" = String, Path, description = "The partner's id."),
        ("key" = String, Path, description = "The key's public half."),
    ),
    responses((status = 200, description = "It is revoked. Asking again changes nothing.", body = KeyBody)))]
pub(crate) async fn revoke(
    extract::State(state): extract::State<State>,
    Id((id, key)): Id<(PartnerId, String)>,
) -> Result<Json<KeyBody>, Problem> {
    Ok(Json(KeyBody::of(&state.pipeline.revoke_key(&id, &key).await?)))
}
