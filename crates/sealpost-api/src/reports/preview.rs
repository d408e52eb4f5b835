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
    "rows": [["9999", "xxxx xxxxxx"], ["9999", null]], "more": true, "estimated_rows": 12400, "estimated_size": 310000, "exact": false
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
    /// How many rows there would be; null where the database can't tell.
    estimated_rows: Option<u64>,
    /// How many bytes the file would have in its format, before compression and encryption.
    estimated_size: Option<u64>,
    /// Whether rows and size were counted. Else they are estimates: rows by the database, size by the rows of the sample.
    exact: bool,
}

impl From<sealpost_pipeline::preview::Preview> for Preview {
    fn from(preview: sealpost_pipeline::preview::Preview) -> Self {
        let columns = preview.columns.iter().map(ColumnShape::of).collect();
        let sealpost_pipeline::preview::Preview {
            report_type,
            format,
            rows,
            more,
            estimated_rows,
            estimated_size,
            exact,
            ..
        } = preview;
        Self { report_type, format, columns, rows, more, estimated_rows, estimated_size, exact }
    }
}

/// See what a report would look like.
///
/// Checks the request as `POST /v1/reports` would, and shows columns and a few masked rows. Nothing is stored or sent.
#[utoipa::path(post, path = "/v1/reports:preview", operation_id = "previewReport", tag = "reports",
    request_body = ReportRequest,
    responses(
        (status = 200, description = "The request is valid, and this is what it would give.", body = Preview),
        (status = 400, description = "The request is not valid (`SP-REQUEST-001`), or names a report type (`SP-REQUEST-002`), format (`SP-REQUEST-004`) or format option (`SP-REQUEST-005`) that does not exist; a report type that is not granted to you answers like that, too. `errors` names every field that is wrong."),
        (status = 403, description = "The format is not granted to you (`SP-REQUEST-003`), or the credentials do not allow this."),
        (status = 409, description = "You have no usable certificate (`SP-REQUEST-006`), or there is no destination to deliver to (`SP-REQUEST-007`)."),
    ))]
pub(crate) async fn preview(
    extract::State(state): extract::State<State>,
    Caller(partner): Caller,
    JsonBody(request): JsonBody<ReportRequest>,
) -> Result<Json<Preview>, Problem> {
    Ok(Json(state.pipeline.preview(&partner, &request.into()).await?.into()))
}
