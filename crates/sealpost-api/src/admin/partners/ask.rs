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
        ("id" = String, Path, description = "The partner's id."),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 printable ASCII characters."),
    ),
    request_body = ReportRequest,
    responses(
        (status = 202, description = "Accepted.", body = Report),
        (status = 409, description = "The partner has no usable certificate or no destination."),
        (status = 422, description = "The idempotency key was used with another request."),
        (status = 429, description = "Too many reports are queued or running."),
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
    params(("id" = String, Path, description = "The partner's id.")),
    request_body = ReportRequest,
    responses((status = 200, description = "What it would give.", body = Preview)))]
pub(crate) async fn preview(
    extract::State(state): extract::State<State>,
    Id(id): Id<PartnerId>,
    JsonBody(request): JsonBody<ReportRequest>,
) -> Result<Json<Preview>, Problem> {
    let partner = admin::partner(&state.pipeline, &id).await?;
    Ok(Json(state.pipeline.preview(&partner, &request.into()).await?.into()))
}
