//! `DELETE /admin/v1/partners/{id}`: remove a partner with its connectors and keys.

use axum::extract;
use http::StatusCode;
use sealpost_core::error::{Error, codes};
use sealpost_core::id::PartnerId;

use crate::admin::Operator;
use crate::path::Id;
use crate::problem::Problem;
use crate::state::State;

/// Remove a partner.
#[utoipa::path(delete, path = "/admin/v1/partners/{id}", operation_id = "removePartner", tag = "partners",
    params(("id" = String, Path, description = "The partner's id.", pattern = "^[a-z0-9][a-z0-9-]{0,62}$", example = "acme")),
    responses(
        (status = 204, description = "It is gone, with its connectors and API keys."),
        (status = 409, description = "It has reports queued or running, or deliveries under way (`SP-REQUEST-015`)."),
    ))]
pub(crate) async fn remove(
    extract::State(state): extract::State<State>,
    Operator(author): Operator,
    Id(id): Id<PartnerId>,
) -> Result<StatusCode, Problem> {
    if state.pipeline.remove_partner_everywhere(&author, &id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Error::new(&codes::request::NOT_FOUND, format!("partner {id}")).into())
    }
}
