//! `GET /v1/keys/{id}`: one certificate.

use axum::extract;
use axum::response::Response;
use http::HeaderMap;
use jiff::Timestamp;

use super::wire::Key;
use crate::authenticate::Caller;
use crate::conditional;
use crate::path::Id;
use crate::problem::Problem;
use crate::state::State;

/// Show an OpenPGP certificate.
#[utoipa::path(get, path = "/v1/keys/{id}", operation_id = "showOpenPgpKey", tag = "keys",
    params(("id" = String, Path, description = "The fingerprint of its primary key.", pattern = "^([0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})$", example = "6F7E9A7C5D3B4E2F1A0B9C8D7E6F5A4B3C2D1E0F")),
    responses((status = 200, description = "The certificate.", body = Key)))]
pub(crate) async fn show(
    extract::State(state): extract::State<State>,
    Caller(partner): Caller,
    Id(fingerprint): Id<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let key = state.pipeline.key_of(&partner.id, &fingerprint).await?;
    Ok(conditional::json_or_not_modified(&headers, &Key::of(&key, Timestamp::now())))
}
