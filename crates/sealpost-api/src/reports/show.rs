//! `GET /v1/reports/{id}`: how a report is. Made for polling: `ETag`, 304, `Retry-After`.

use axum::extract;
use axum::response::Response;
use http::header::{self, HeaderMap, HeaderValue};
use jiff::Timestamp;
use sealpost_core::id::JobId;

use super::wire::Report;
use crate::authenticate::Caller;
use crate::conditional;
use crate::path::Id;
use crate::plane::Plane;
use crate::problem::Problem;
use crate::state::State;

/// Show a report.
#[utoipa::path(get, path = "/v1/reports/{id}", operation_id = "showReport", tag = "reports",
    params(
        ("id" = String, Path, description = "The report's id."),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of the last answer."),
    ),
    responses(
        (status = 200, description = "The report, with its deliveries.", body = Report,
            headers(
                ("ETag" = String, description = "Changes with anything in the answer."),
                ("Retry-After" = u64, description = "Seconds until it is worth looking again, while something goes on."),
            )),
        (status = 304, description = "Nothing has changed."),
    ))]
pub(crate) async fn show(
    extract::State(state): extract::State<State>,
    Caller(partner): Caller,
    Id(id): Id<JobId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let job = state.pipeline.report(&partner, &id).await?;
    Ok(answer(&headers, &Report::load(&state.pipeline, job, Plane::Partner).await?))
}

/// The answer about one report, on either plane.
pub(crate) fn answer(asked: &HeaderMap, report: &Report) -> Response {
    let mut response = conditional::json_or_not_modified(asked, report);
    if let Some(seconds) = report.look_again_in(Timestamp::now()) {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
