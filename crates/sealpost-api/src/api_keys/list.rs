//! `GET /v1/api-keys`: the partner's API keys, without the keys themselves.

use axum::Json;
use axum::extract;
use serde::Serialize;
use utoipa::ToSchema;

use super::wire::ApiKey;
use crate::authenticate::Caller;
use crate::problem::Problem;
use crate::state::State;

/// API keys.
#[derive(Serialize, ToSchema)]
pub struct ApiKeyList {
    /// The keys, newest first.
    api_keys: Vec<ApiKey>,
}

/// List your API keys.
#[utoipa::path(get, path = "/v1/api-keys", operation_id = "listApiKeys", tag = "API keys",
    responses((status = 200, description = "The keys, newest first.", body = ApiKeyList)))]
pub(crate) async fn list(
    extract::State(state): extract::State<State>,
    Caller(partner): Caller,
) -> Result<Json<ApiKeyList>, Problem> {
    let keys = state.pipeline.parts().records.api_keys(&partner.id).await?;
    Ok(Json(ApiKeyList { api_keys: keys.iter().map(ApiKey::of).collect() }))
}
