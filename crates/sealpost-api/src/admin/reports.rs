//! `/admin/v1/reports`: reports of all partners. What the partner plane does, seen and done by an operator.

use axum::Json;
use axum::extract;
use axum::response::Response;
use http::HeaderMap;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::id::JobId;
use sealpost_core::job::Job;
use sealpost_pipeline::Pipeline;

use crate::admin;
use crate::base_path::BasePath;
use crate::body::OptionalJsonBody;
use crate::path::Id;
use crate::plane::Plane;
use crate::problem::Problem;
use crate::query::Query;
use crate::reports::deliveries::DeliveryList;
use crate::reports::list::ReportList;
use crate::reports::redeliver::RedeliveryRequest;
use crate::reports::timeline::Timeline;
use crate::reports::wire::{Report, ReportStatus};
use crate::reports::{
    delete as deleting, filter, list as listing, redeliver as redelivering, show as showing, timeline as timelines,
};
use crate::state::State;

async fn find(pipeline: &Pipeline, id: &JobId) -> Result<Job> {
    let found = pipeline.parts().ledger.job_of_any_partner(id).await?;
    found.ok_or_else(|| Error::new(&codes::request::NOT_FOUND, format!("report {id}")))
}

/// List reports of all partners.
#[utoipa::path(get, path = "/admin/v1/reports", operation_id = "listReportsOfAll", tag = "reports",
    params(
        ("partner" = Option<String>, Query, description = "Only reports of this partner.", pattern = "^[a-z0-9][a-z0-9-]{0,62}$", example = "acme"),
        ("status" = Option<Vec<ReportStatus>>, Query, description = "Only reports in this status; may be repeated, or several separated by commas.", style = Form, explode),
        ("report_type" = Option<String>, Query, description = "Only reports of this type.", pattern = "^[a-z0-9][a-z0-9_-]*([.][a-z0-9_-]+)*[.]?$", max_length = 100, example = "contracts.v1"),
        ("created_from" = Option<String>, Query, description = "Only reports created at or after this instant (RFC 3339).", format = DateTime, example = "2026-02-01T00:00:00Z"),
        ("created_to" = Option<String>, Query, description = "Only reports created before this instant (RFC 3339); not before `created_from`.", format = DateTime, example = "2026-03-01T00:00:00Z"),
        ("limit" = Option<u32>, Query, description = "Most reports on a page, 1 to 100; 20 when not given.", minimum = 1, maximum = 100, example = 20),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before."),
    ),
    responses((status = 200, description = "A page, newest first.", body = ReportList)))]
pub(crate) async fn list(
    extract::State(state): extract::State<State>,
    query: Query,
) -> Result<Json<ReportList>, Problem> {
    let filter = filter::of_operator(&query)?;
    Ok(Json(listing::page(&state.pipeline, &filter, &query, Plane::Operator, &BasePath::NONE).await?))
}

/// Show a report of any partner.
#[utoipa::path(get, path = "/admin/v1/reports/{id}", operation_id = "showReportOfAny", tag = "reports",
    params(("id" = String, Path, description = "The report's id.", pattern = "^rep_[0-9a-z]{26}$", example = "rep_01kavs0h9yq4m4d2tkv1c7rbn5")),
    responses((status = 200, description = "The report, with its deliveries and full details of failures.", body = Report)))]
pub(crate) async fn show(
    extract::State(state): extract::State<State>,
    Id(id): Id<JobId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let job = find(&state.pipeline, &id).await?;
    let report = Report::load(&state.pipeline, job, Plane::Operator, &BasePath::NONE).await?;
    Ok(showing::answer(&headers, &report))
}

/// Show what happened to a report of any partner.
#[utoipa::path(get, path = "/admin/v1/reports/{id}/timeline", operation_id = "showTimelineOfAny", tag = "reports",
    params(("id" = String, Path, description = "The report's id.", pattern = "^rep_[0-9a-z]{26}$", example = "rep_01kavs0h9yq4m4d2tkv1c7rbn5")),
    responses((status = 200, description = "Everything that happened, oldest first.", body = Timeline)))]
pub(crate) async fn timeline(
    extract::State(state): extract::State<State>,
    Id(id): Id<JobId>,
) -> Result<Json<Timeline>, Problem> {
    let job = find(&state.pipeline, &id).await?;
    Ok(Json(timelines::load(&state.pipeline, &job.id, Plane::Operator).await?))
}

/// The deliveries of a report of any partner.
#[utoipa::path(get, path = "/admin/v1/reports/{id}/deliveries", operation_id = "listDeliveriesOfAny", tag = "reports",
    params(("id" = String, Path, description = "The report's id.", pattern = "^rep_[0-9a-z]{26}$", example = "rep_01kavs0h9yq4m4d2tkv1c7rbn5")),
    responses((status = 200, description = "The deliveries, oldest first.", body = DeliveryList)))]
pub(crate) async fn deliveries(
    extract::State(state): extract::State<State>,
    Id(id): Id<JobId>,
) -> Result<Json<DeliveryList>, Problem> {
    let job = find(&state.pipeline, &id).await?;
    let deliveries = state.pipeline.parts().ledger.deliveries(&job.id).await?;
    Ok(Json(DeliveryList::of(&deliveries, Plane::Operator)))
}

/// Cancel a report of any partner, or delete its file.
#[utoipa::path(delete, path = "/admin/v1/reports/{id}", operation_id = "deleteReportOfAny", tag = "reports",
    params(("id" = String, Path, description = "The report's id.", pattern = "^rep_[0-9a-z]{26}$", example = "rep_01kavs0h9yq4m4d2tkv1c7rbn5")),
    responses(
        (status = 200, description = "It is cancelled, or its file is deleted.", body = Report),
        (status = 202, description = "It is being produced; the worker has been told to stop.", body = Report),
        (status = 409, description = "It has failed: there is nothing to cancel or delete (`SP-REQUEST-015`)."),
    ))]
pub(crate) async fn delete(
    extract::State(state): extract::State<State>,
    Id(id): Id<JobId>,
) -> Result<Response, Problem> {
    // Files of a partner that was removed can be deleted early, too.
    let job = state.pipeline.cancel_or_delete_of_any(&id).await?;
    deleting::answer(&state.pipeline, job, Plane::Operator, &BasePath::NONE).await
}

/// Deliver the file of a report of any partner again.
#[utoipa::path(post, path = "/admin/v1/reports/{id}/deliveries", operation_id = "redeliverReportOfAny", tag = "reports",
    params(
        ("id" = String, Path, description = "The report's id.", pattern = "^rep_[0-9a-z]{26}$", example = "rep_01kavs0h9yq4m4d2tkv1c7rbn5"),
        ("Idempotency-Key" = Option<String>, Header, description = "As in the partner API: the same key with the same request gives the first deliveries again.", min_length = 1, max_length = 255, pattern = "^[!-~]([ -~]*[!-~])?$", example = "ticket-4711"),
    ),
    request_body(content = Option<RedeliveryRequest>, description = "May be left out: then to all destinations."),
    responses(
        (status = 202, description = "The new deliveries.", body = DeliveryList,
            headers(("Idempotent-Replayed" = String, description = "`true` where an earlier request had the same key."))),
        (status = 409, description = "It has not succeeded (`SP-REQUEST-015`), there is no destination (`SP-REQUEST-007`), or it was sent as often as one may be (`SP-REQUEST-044`)."),
        (status = 410, description = "The file has expired or was deleted (`SP-REQUEST-017`)."),
        (status = 422, description = "The idempotency key was used with another request (`SP-REQUEST-014`)."),
    ))]
pub(crate) async fn redeliver(
    extract::State(state): extract::State<State>,
    Id(id): Id<JobId>,
    headers: HeaderMap,
    OptionalJsonBody(request): OptionalJsonBody<RedeliveryRequest>,
) -> Result<Response, Problem> {
    let job = find(&state.pipeline, &id).await?;
    let partner = admin::partner(&state.pipeline, &job.request.partner).await?;
    redelivering::again(&state.pipeline, &partner, &id, &headers, request.unwrap_or_default(), Plane::Operator).await
}
