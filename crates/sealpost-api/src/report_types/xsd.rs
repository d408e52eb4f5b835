//! `GET /v1/report-types/{id}/schema.xsd`: the XML Schema of the report type's XML files, as the default
//! options write them.

use axum::extract;
use axum::response::{IntoResponse, Response};
use http::header;
use sealpost_core::error::{Error, codes};

use crate::authenticate::Caller;
use crate::path::Id;
use crate::problem::Problem;
use crate::state::State;

/// Fetch the XML Schema of a report type's XML.
#[utoipa::path(get, path = "/v1/report-types/{id}/schema.xsd", operation_id = "fetchReportTypeXsd", tag = "report types",
    params(("id" = String, Path, description = "The report type's id.", example = "contracts.v1")),
    responses((status = 200, description = "The schema of files that are written with the default format options.", body = String, content_type = "application/xml", example = json!("<xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\">…</xs:schema>"))))]
pub(crate) async fn xsd(
    extract::State(state): extract::State<State>,
    Caller(partner): Caller,
    Id(id): Id<String>,
) -> Result<Response, Problem> {
    let report = super::granted(&state.pipeline, &partner, &id)?;
    let offered = state.pipeline.formats_of(&report).iter().any(|entry| entry.name == "xml");
    let Some(write) = offered.then_some(state.xsd) else {
        return Err(Error::new(&codes::request::NOT_FOUND, format!("{id} has no XML schema")).into());
    };
    // A schema without columns would be one that no file keeps to.
    let report = state.pipeline.with_columns(report).await?;
    Ok(([(header::CONTENT_TYPE, "application/xml")], write(&report)?).into_response())
}
