//! `GET /admin/v1/report-types`: the whole catalogue, and who may ask for what.

use axum::Json;
use axum::extract;
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::report_types::wire::ColumnShape;
use crate::state::State;

/// The catalogue.
#[derive(Serialize, ToSchema)]
pub struct CatalogueBody {
    /// The report types, by id.
    report_types: Vec<CatalogueEntry>,
}

/// A report type as an operator sees it.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "id": "contracts.v1", "title": "Contracts", "source": "main", "formats": ["csv", "xlsx"],
    "columns": [{"name": "contract", "type": "integer"}, {"name": "partner", "type": "text"}],
    "scope_column": "partner", "timeout_s": 300, "granted_to": ["acme"]
}))]
pub struct CatalogueEntry {
    /// Its id.
    id: String,
    /// Its name.
    title: String,
    /// The source it asks.
    source: String,
    /// Formats it offers.
    formats: Vec<&'static str>,
    /// Its columns.
    columns: Vec<ColumnShape>,
    /// The column that must equal the partner's scope in every row.
    scope_column: Option<String>,
    /// Time limit of the statement in seconds.
    timeout_s: u64,
    /// Partners that may ask for it.
    granted_to: Vec<String>,
}

/// List the catalogue.
#[utoipa::path(get, path = "/admin/v1/report-types", operation_id = "listCatalogue", tag = "catalogue",
    responses((status = 200, description = "The report types, by id.", body = CatalogueBody)))]
pub(crate) async fn list(extract::State(state): extract::State<State>) -> Result<Json<CatalogueBody>, Problem> {
    let parts = state.pipeline.parts();
    let partners = parts.records.partners().await?;
    let entry = |report: std::sync::Arc<sealpost_core::report::ReportType>| {
        let granted = partners.iter().filter(|partner| partner.grants.iter().any(|grant| grant.report == report.id));
        CatalogueEntry {
            id: report.id.to_string(),
            title: report.settings.title.clone(),
            source: report.settings.source.clone(),
            formats: state.pipeline.formats_of(&report).iter().map(|format| format.name).collect(),
            columns: report.columns.iter().map(ColumnShape::of).collect(),
            scope_column: report.settings.scope.column.clone(),
            timeout_s: report.settings.timeout_s,
            granted_to: granted.map(|partner| partner.id.to_string()).collect(),
        }
    };
    Ok(Json(CatalogueBody { report_types: parts.catalogue.iter().map(entry).collect() }))
}
