//! `GET /admin/v1/changes`: changes of all partners, newest first, page by page.

use axum::Json;
use axum::extract;
use sealpost_core::port::ChangeFilter;

use crate::changes::cursor;
use crate::changes::list::{ChangeList, page};
use crate::changes::wire::Status;
use crate::plane::Plane;
use crate::problem::Problem;
use crate::query::Query;
use crate::state::State;

/// List changes of all partners.
#[utoipa::path(get, path = "/admin/v1/changes", operation_id = "listChangesOfAll", tag = "changes",
    params(
        ("partner" = Option<String>, Query, description = "Only changes of this partner.", pattern = "^[a-z0-9][a-z0-9-]{0,62}$", example = "acme"),
        ("status" = Option<Status>, Query, description = "Only changes in this status.", example = "pending"),
        ("limit" = Option<u32>, Query, description = "Most changes on a page, 1 to 100; 20 when not given.", minimum = 1, maximum = 100, example = 20),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before."),
    ),
    responses((status = 200, description = "A page.", body = ChangeList)))]
pub(crate) async fn list(
    extract::State(state): extract::State<State>,
    query: Query,
) -> Result<Json<ChangeList>, Problem> {
    let mut reader = query.read(&["partner", "status", "limit", "cursor"]);
    let words = |error: sealpost_core::Error| error.detail().to_owned();
    let filter = ChangeFilter {
        partner: reader.one("partner", |text| text.parse().map_err(words)),
        status: reader.one("status", Status::read),
        after: cursor::after(&mut reader),
        limit: cursor::limit(&mut reader),
    };
    reader.end()?;
    Ok(Json(page(&state.pipeline, &filter, Plane::Operator).await?))
}
