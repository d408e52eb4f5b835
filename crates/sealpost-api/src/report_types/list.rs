//! `GET /v1/report-types`: what the partner may ask for.

use axum::Json;
use axum::extract;
use serde::Serialize;
use utoipa::ToSchema;

use super::wire::ReportTypeBody;
use crate::authenticate::Caller;
use crate::base_path::BasePath;
use crate::problem::Problem;
use crate::state::State;

/// The report types granted to the caller.
#[derive(Serialize, ToSchema)]
pub struct ReportTypeList {
    /// The report types, by id.
    report_types: Vec<ReportTypeBody>,
}

/// List the report types that you may ask for.
#[utoipa::path(get, path = "/v1/report-types", operation_id = "listReportTypes", tag = "report types",
    responses((status = 200, description = "The report types, by id.", body = ReportTypeList)))]
pub(crate) async fn list(
    extract::State(state): extract::State<State>,
    Caller(partner): Caller,
    base: BasePath,
) -> Result<Json<ReportTypeList>, Problem> {
    let shown = state.pipeline.granted(&partner).map(|report| state.pipeline.shown(report));
    let reports = futures::future::join_all(shown).await;
    let body = |report: &std::sync::Arc<_>| ReportTypeBody::of(&state.pipeline, &partner, report, &base);
    Ok(Json(ReportTypeList { report_types: reports.iter().map(body).collect() }))
}
