//! `POST /v1/reports:preview`: a dry run. Everything is checked; a few masked rows; nothing is stored.

use axum::Json;
use axum::extract;
use serde::Serialize;
use utoipa::ToSchema;

use super::create::ReportRequest;
use crate::authenticate::Caller;
use crate::body::JsonBody;
use crate::problem::Problem;
use crate::report_types::wire::ColumnShape;
use crate::state::State;

/// What a report would look like.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "report_type": "contracts.v1", "format": "csv",
    "columns": [{"name": "contract", "type": "integer"}, {"name": "employee", "type": "text"}],
    "rows": [["9999", "xxxx xxxxxx"], ["9999", null]], "more": true
}))]
pub struct Preview {
    /// The report type.
    report_type: String,
    /// The format it would have.
    format: String,
    /// Its columns.
    columns: Vec<ColumnShape>,
    /// A few rows with every letter as `x` and every digit as `9`; NULL as null.
    rows: Vec<Vec<Option<String>>>,
    /// Whether there are more rows than shown.
    more: bool,
}

impl From<sealpost_pipeline::preview::Preview> for Preview {
    fn from(preview: sealpost_pipeline::preview::Preview) -> Self {
        let columns = preview.columns.iter().map(ColumnShape::of).collect();
        let sealpost_pipeline::preview::Preview { report_type, format, rows, more, .. } = preview;
        Self { report_type, format, columns, rows, more }
    }
}

/// See what a report would look like.
#[utoipa::path(post, path = "/v1/reports:preview", operation_id = "previewReport", tag = "reports",
    request_body = ReportRequest,
    responses(
        (status = 200, description = "The request is valid, and this is what it would give.", body = Preview),
        (status = 409, description = "The partner has no destination."),
    ))]
pub(crate) async fn preview(
    extract::State(state): extract::State<State>,
    Caller(partner): Caller,
    JsonBody(request): JsonBody<ReportRequest>,
) -> Result<Json<Preview>, Problem> {
    Ok(Json(state.pipeline.preview(&partner, &request.into()).await?.into()))
}
