//! `DELETE /admin/v1/partners/{id}`: remove a partner with its connectors and keys.

use axum::extract;
use http::StatusCode;
use sealpost_core::error::{Error, codes};
use sealpost_core::id::PartnerId;

use crate::path::Id;
use crate::problem::Problem;
use crate::state::State;

/// Remove a partner.
#[utoipa::path(delete, path = "/admin/v1/partners/{id}", operation_id = "removePartner", tag = "partners",
    params(("id" = String, Path, description = "The partner's id.")),
    responses(
        (status = 204, description = "It is gone, with its connectors and API keys."),
        (status = 409, description = "It has reports queued or running, or deliveries under way."),
    ))]
pub(crate) async fn remove(
    extract::State(state): extract::State<State>,
    Id(id): Id<PartnerId>,
) -> Result<StatusCode, Problem> {
    if state.pipeline.parts().records.remove_partner(&id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Error::new(&codes::request::NOT_FOUND, format!("partner {id}")).into())
    }
}
