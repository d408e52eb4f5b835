//! `GET /v1/changes`: the partner's changes, newest first, page by page.

use axum::Json;
use axum::extract;
use sealpost_core::error::Result;
use sealpost_core::port::ChangeFilter;
use sealpost_pipeline::Pipeline;
use serde::Serialize;
use utoipa::ToSchema;

use super::cursor;
use super::wire::{Change, Status};
use crate::authenticate::Caller;
use crate::plane::Plane;
use crate::problem::Problem;
use crate::query::Query;
use crate::state::State;

/// A page of changes.
#[derive(Serialize, ToSchema)]
pub struct ChangeList {
    /// The changes, newest first.
    changes: Vec<Change>,
    /// The cursor of the next page; null on the last one.
    #[schema(required, example = "Y2hnXzAxa2F2czBoOXlxNG00ZDJ0a3YxYzdyYm41")]
    next_cursor: Option<String>,
}

/// List your changes.
///
/// The newest first. Where the operator wants to approve changes, one waits as `pending` until it is decided.
#[utoipa::path(get, path = "/v1/changes", operation_id = "listChanges", tag = "changes",
    params(
        ("status" = Option<Status>, Query, description = "Only changes in this status.", example = "pending"),
        ("limit" = Option<u32>, Query, description = "Most changes on a page, 1 to 100; 20 when not given.", minimum = 1, maximum = 100, example = 20),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before."),
    ),
    responses((status = 200, description = "A page.", body = ChangeList)))]
pub(crate) async fn list(
    extract::State(state): extract::State<State>,
    Caller(partner): Caller,
    query: Query,
) -> Result<Json<ChangeList>, Problem> {
    let mut reader = query.read(&["status", "limit", "cursor"]);
    let filter = ChangeFilter {
        partner: Some(partner.id.clone()),
        status: reader.one("status", Status::read),
        after: cursor::after(&mut reader),
        limit: cursor::limit(&mut reader),
    };
    reader.end()?;
    Ok(Json(page(&state.pipeline, &filter, Plane::Partner).await?))
}

/// A page of changes, on either plane.
pub(crate) async fn page(pipeline: &Pipeline, filter: &ChangeFilter, plane: Plane) -> Result<ChangeList> {
    let page = cursor::page(pipeline.parts().changes.changes(filter).await, filter.after.is_some())?;
    let next_cursor = page.entries.last().filter(|_| page.more).map(|last| cursor::to_cursor(&last.id));
    let changes = page.entries.iter().map(|change| Change::of(change, plane)).collect();
    Ok(ChangeList { changes, next_cursor })
}
