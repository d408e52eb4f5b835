//! `GET /admin/v1/partners/{id}`: a partner as the document that `put` takes.

use axum::extract;
use axum::response::Response;
use http::HeaderMap;
use sealpost_core::id::PartnerId;

use crate::admin::schema;
use crate::conditional;
use crate::path::Id;
use crate::problem::Problem;
use crate::state::State;

/// Show a partner.
#[utoipa::path(get, path = "/admin/v1/partners/{id}", operation_id = "showPartner", tag = "partners",
    params(("id" = String, Path, description = "The partner's id.", pattern = "^[a-z0-9][a-z0-9-]{0,62}$", example = "acme")),
    responses((status = 200, description = "The partner with its connectors.", body = schema::PartnerDocument)))]
pub(crate) async fn show(
    extract::State(state): extract::State<State>,
    Id(id): Id<PartnerId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Ok(conditional::json_or_not_modified(&headers, &state.pipeline.partner_document(&id).await?))
}
