//! `DELETE /v1/reports/{id}`: cancel a report, or delete the file of one that has succeeded.

use axum::Json;
use axum::extract;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use sealpost_core::id::JobId;
use sealpost_core::job::Job;
use sealpost_pipeline::Pipeline;

use super::wire::Report;
use crate::authenticate::Caller;
use crate::base_path::BasePath;
use crate::path::Id;
use crate::plane::Plane;
use crate::problem::Problem;
use crate::state::State;

/// Cancel a report or delete its file.
///
/// A report that waits or runs is cancelled; of one that has succeeded the file is deleted. The record of it stays.
#[utoipa::path(delete, path = "/v1/reports/{id}", operation_id = "deleteReport", tag = "reports",
    params(("id" = String, Path, description = "The report's id.", pattern = "^rep_[0-9a-z]{26}$", example = "rep_01kavs0h9yq4m4d2tkv1c7rbn5")),
    responses(
        (status = 200, description = "It is cancelled, or its file is deleted. Asking again changes nothing.", body = Report),
        (status = 202, description = "It is being produced; the worker has been told to stop.", body = Report),
        (status = 409, description = "It has failed: there is nothing to cancel or delete (`SP-REQUEST-015`)."),
    ))]
pub(crate) async fn delete(
    extract::State(state): extract::State<State>,
    Caller(partner): Caller,
    Id(id): Id<JobId>,
    base: BasePath,
) -> Result<Response, Problem> {
    let job = state.pipeline.cancel_or_delete(&partner, &id).await?;
    answer(&state.pipeline, job, Plane::Partner, &base).await
}

/// The answer of either plane about a report that was cancelled, or whose file was deleted.
pub(crate) async fn answer(pipeline: &Pipeline, job: Job, plane: Plane, base: &BasePath) -> Result<Response, Problem> {
    let status = if job.status.is_terminal() { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((status, Json(Report::load(pipeline, job, plane, base).await?)).into_response())
}
