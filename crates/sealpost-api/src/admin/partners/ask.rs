//! `POST /admin/v1/partners/{id}/reports` and `…/reports:preview`: ask for a report in a partner's name.

use axum::Json;
use axum::extract;
use axum::response::Response;
use http::HeaderMap;
use sealpost_core::id::PartnerId;

use crate::admin;
use crate::body::JsonBody;
use crate::path::Id;
use crate::plane::Plane;
use crate::problem::Problem;
use crate::reports::create::{ReportRequest, admit};
use crate::reports::preview::Preview;
use crate::reports::wire::Report;
use crate::state::State;

/// Ask for a report in a partner's name.
#[utoipa::path(post, path = "/admin/v1/partners/{id}/reports", operation_id = "createReportOfPartner", tag = "partners",
    params(
        ("id" = String, Path, description = "The partner's id.", pattern = "^[a-z0-9][a-z0-9-]{0,62}$", example = "acme"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 printable ASCII characters, kept for 24 hours.", min_length = 1, max_length = 255, pattern = "^[!-~]([ -~]*[!-~])?$", example = "2026-02-contracts"),
    ),
    request_body = ReportRequest,
    responses(
        (status = 202, description = "Accepted.", body = Report),
        (status = 400, description = "The request is not valid (`SP-REQUEST-001`), or names a report type (`SP-REQUEST-002`), format (`SP-REQUEST-004`) or format option (`SP-REQUEST-005`) that does not exist; a report type that is not granted to the partner answers like that, too. `errors` names every field that is wrong."),
        (status = 403, description = "The format is not granted to the partner (`SP-REQUEST-003`), or the partner is disabled (`SP-REQUEST-012`)."),
        (status = 409, description = "The partner has no usable certificate (`SP-REQUEST-006`) or no destination (`SP-REQUEST-007`)."),
        (status = 422, description = "The idempotency key was used with another request (`SP-REQUEST-014`)."),
        (status = 429, description = "Too many reports of the partner are queued or running (`SP-REQUEST-013`)."),
    ))]
pub(crate) async fn create(
    extract::State(state): extract::State<State>,
    Id(id): Id<PartnerId>,
    headers: HeaderMap,
    JsonBody(request): JsonBody<ReportRequest>,
) -> Result<Response, Problem> {
    let partner = admin::partner(&state.pipeline, &id).await?;
    admit(&state.pipeline, &partner, &headers, request, Plane::Operator).await
}

/// See what a partner's report would look like.
#[utoipa::path(post, path = "/admin/v1/partners/{id}/reports:preview", operation_id = "previewReportOfPartner", tag = "partners",
    params(("id" = String, Path, description = "The partner's id.", pattern = "^[a-z0-9][a-z0-9-]{0,62}$", example = "acme")),
    request_body = ReportRequest,
    responses(
        (status = 200, description = "What it would give.", body = Preview),
        (status = 400, description = "The request is not valid (`SP-REQUEST-001`), or names a report type (`SP-REQUEST-002`), format (`SP-REQUEST-004`) or format option (`SP-REQUEST-005`) that does not exist; a report type that is not granted to the partner answers like that, too. `errors` names every field that is wrong."),
        (status = 403, description = "The format is not granted to the partner (`SP-REQUEST-003`), or the partner is disabled (`SP-REQUEST-012`)."),
        (status = 409, description = "The partner has no usable certificate (`SP-REQUEST-006`) or no destination (`SP-REQUEST-007`)."),
    ))]
pub(crate) async fn preview(
    extract::State(state): extract::State<State>,
    Id(id): Id<PartnerId>,
    JsonBody(request): JsonBody<ReportRequest>,
) -> Result<Json<Preview>, Problem> {
    let partner = admin::partner(&state.pipeline, &id).await?;
    Ok(Json(state.pipeline.preview(&partner, &request.into()).await?.into()))
}
