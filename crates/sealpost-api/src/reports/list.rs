//! `GET /v1/reports`: the partner's reports, newest first, page by page.

use axum::Json;
use axum::extract;
use futures::{StreamExt, TryStreamExt};
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::JobFilter;
use sealpost_pipeline::Pipeline;
use serde::Serialize;
use utoipa::ToSchema;

use super::filter;
use super::wire::{Report, ReportStatus, collection};
use crate::authenticate::Caller;
use crate::base_path::BasePath;
use crate::plane::Plane;
use crate::problem::{Problem, in_query};
use crate::query::Query;
use crate::state::State;

/// Reports whose deliveries are read at once.
const AT_ONCE: usize = 8;

/// A page of reports.
#[derive(Serialize, ToSchema)]
pub struct ReportList {
    /// The reports, newest first.
    reports: Vec<Report>,
    /// The cursor of the next page; null on the last one.
    #[schema(required, example = "cmVwXzAxa2F2czBoOXlxNG00ZDJ0a3YxYzdyYm41")]
    next_cursor: Option<String>,
    /// Where to go from here.
    links: PageLinks,
}

/// Paths around a page.
#[derive(Serialize, ToSchema)]
pub struct PageLinks {
    /// The next page, with the same filters.
    #[schema(required, example = "/v1/reports?limit=20&cursor=cmVwXzAxa2F2czBoOXlxNG00ZDJ0a3YxYzdyYm41")]
    next: Option<String>,
}

/// List reports.
///
/// The newest first. Follow `links.next` until it is null; reports that are added meanwhile don't shift the pages.
#[utoipa::path(get, path = "/v1/reports", operation_id = "listReports", tag = "reports",
    params(
        ("status" = Option<Vec<ReportStatus>>, Query, description = "Only reports in this status; may be repeated, or several separated by commas.", style = Form, explode, example = json!(["queued", "running"])),
        ("report_type" = Option<String>, Query, description = "Only reports of this type.", pattern = "^[a-z0-9][a-z0-9_-]*([.][a-z0-9_-]+)*[.]?$", max_length = 100, example = "contracts.v1"),
        ("created_from" = Option<String>, Query, description = "Only reports created at or after this instant (RFC 3339).", format = DateTime, example = "2026-02-01T00:00:00Z"),
        ("created_to" = Option<String>, Query, description = "Only reports created before this instant (RFC 3339); not before `created_from`.", format = DateTime, example = "2026-03-01T00:00:00Z"),
        ("limit" = Option<u32>, Query, description = "Most reports on a page, 1 to 100; 20 when not given.", minimum = 1, maximum = 100, example = 20),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before."),
    ),
    responses((status = 200, description = "A page.", body = ReportList)))]
pub(crate) async fn list(
    extract::State(state): extract::State<State>,
    Caller(partner): Caller,
    base: BasePath,
    query: Query,
) -> Result<Json<ReportList>, Problem> {
    let filter = filter::of_partner(&query, partner.id.clone())?;
    Ok(Json(page(&state.pipeline, &filter, &query, Plane::Partner, &base).await?))
}

/// A page of reports, on either plane.
pub(crate) async fn page(
    pipeline: &Pipeline,
    filter: &JobFilter,
    query: &Query,
    plane: Plane,
    base: &BasePath,
) -> Result<ReportList> {
    let page = pipeline.parts().ledger.jobs(filter).await.map_err(|error| match &filter.after {
        // The only part of a checked filter that a ledger can refuse: a report that is not of this list.
        Some(_) if error.is(&codes::request::INVALID) => {
            let field = in_query("cursor", "not a cursor of this list");
            Error::new(&codes::request::INVALID, "a query parameter is not valid").with_fields(vec![field])
        }
        _ => error,
    })?;
    let next_cursor = page.jobs.last().filter(|_| page.more).map(|last| filter::to_cursor(&last.id));
    let path = collection(plane);
    let next = next_cursor.as_deref().map(|cursor| base.before(format!("{path}?{}", query.with_cursor(cursor))));
    let reports = futures::stream::iter(page.jobs).map(|job| Report::load(pipeline, job, plane, base));
    Ok(ReportList { reports: reports.buffered(AT_ONCE).try_collect().await?, next_cursor, links: PageLinks { next } })
}
