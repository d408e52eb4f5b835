//! `GET /v1/report-types/{id}`: one report type.

use axum::extract;
use axum::response::Response;
use http::HeaderMap;

use super::wire::ReportTypeBody;
use crate::authenticate::Caller;
use crate::base_path::BasePath;
use crate::conditional;
use crate::path::Id;
use crate::problem::Problem;
use crate::state::State;

/// Show a report type.
///
/// Everything needed to ask for one and to read its file: parameters and format options as JSON Schema, columns, formats.
#[utoipa::path(get, path = "/v1/report-types/{id}", operation_id = "showReportType", tag = "report types",
    params(
        ("id" = String, Path, description = "The report type's id.", example = "contracts.v1"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of the last answer: 304 where nothing has changed.", example = "\"8d0f0c3a4c5b4f6d9a1e2b3c4d5e6f70\""),
    ),
    responses(
        (status = 200, description = "The report type.", body = ReportTypeBody, headers(("ETag" = String, description = "Changes with anything in the answer; send it back as `If-None-Match`."))),
        (status = 304, description = "Nothing has changed."),
    ))]
pub(crate) async fn show(
    extract::State(state): extract::State<State>,
    Caller(partner): Caller,
    Id(id): Id<String>,
    base: BasePath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let report = state.pipeline.shown(super::granted(&state.pipeline, &partner, &id)?).await;
    let body = ReportTypeBody::of(&state.pipeline, &partner, &report, &base);
    Ok(conditional::json_or_not_modified(&headers, &body))
}
