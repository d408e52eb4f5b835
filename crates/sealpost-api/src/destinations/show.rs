//! `GET /v1/destinations/{id}`: one destination.

use axum::extract;
use axum::response::Response;
use http::HeaderMap;
use sealpost_core::id::ConnectorId;

use super::load;
use super::wire::Destination;
use crate::authenticate::Caller;
use crate::conditional;
use crate::path::Id;
use crate::problem::Problem;
use crate::state::State;

/// Show a destination.
#[utoipa::path(get, path = "/v1/destinations/{id}", operation_id = "showDestination", tag = "destinations",
    params(("id" = String, Path, description = "The destination's id.", pattern = "^c-[0-9a-f]{17}$", example = "c-0123456789abcdef0")),
    responses((status = 200, description = "The destination. Secrets are never shown.", body = Destination)))]
pub(crate) async fn show(
    extract::State(state): extract::State<State>,
    Caller(partner): Caller,
    Id(id): Id<ConnectorId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Ok(conditional::json_or_not_modified(&headers, &load(&state.pipeline, &partner.id, &id).await?))
}
