//! `GET /v1/changes/{id}`: one change.

use axum::extract;
use axum::response::Response;
use http::HeaderMap;
use sealpost_core::id::ChangeId;

use super::wire::Change;
use crate::authenticate::Caller;
use crate::conditional;
use crate::path::Id;
use crate::plane::Plane;
use crate::problem::Problem;
use crate::state::State;

/// Show a change.
#[utoipa::path(get, path = "/v1/changes/{id}", operation_id = "showChange", tag = "changes",
    params(("id" = String, Path, description = "The change's id.", pattern = "^chg_[0-9a-z]{26}$", example = "chg_01kavs0h9yq4m4d2tkv1c7rbn5")),
    responses((status = 200, description = "The change.", body = Change)))]
pub(crate) async fn show(
    extract::State(state): extract::State<State>,
    Caller(partner): Caller,
    Id(id): Id<ChangeId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let change = state.pipeline.change_of(&partner.id, &id).await?;
    Ok(conditional::json_or_not_modified(&headers, &Change::of(&change, Plane::Partner)))
}
