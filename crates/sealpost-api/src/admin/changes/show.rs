//! `GET /admin/v1/changes/{id}`: a change of any partner.

use axum::extract;
use axum::response::Response;
use http::HeaderMap;
use sealpost_core::error::{Error, codes};
use sealpost_core::id::ChangeId;

use crate::changes::wire::Change;
use crate::conditional;
use crate::path::Id;
use crate::plane::Plane;
use crate::problem::Problem;
use crate::state::State;

/// Show a change of any partner.
#[utoipa::path(get, path = "/admin/v1/changes/{id}", operation_id = "showChangeOfAny", tag = "changes",
    params(("id" = String, Path, description = "The change's id.", pattern = "^chg_[0-9a-z]{26}$", example = "chg_01kavs0h9yq4m4d2tkv1c7rbn5")),
    responses((status = 200, description = "The change.", body = Change)))]
pub(crate) async fn show(
    extract::State(state): extract::State<State>,
    Id(id): Id<ChangeId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let found = state.pipeline.parts().changes.change(&id).await?;
    let change = found.ok_or_else(|| Error::new(&codes::request::NOT_FOUND, format!("change {id}")))?;
    Ok(conditional::json_or_not_modified(&headers, &Change::of(&change, Plane::Operator)))
}
