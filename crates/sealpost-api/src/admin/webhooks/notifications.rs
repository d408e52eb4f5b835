//! `GET /admin/v1/notifications`: notifications of all partners; with `status=failed` the dead letters.

use axum::Json;
use axum::extract;

use crate::plane::Plane;
use crate::problem::Problem;
use crate::query::Query;
use crate::state::State;
use crate::webhooks::filter;
use crate::webhooks::notifications::{NotificationList, page};
use crate::webhooks::wire::NotificationStatus;

/// List notifications of all partners.
#[utoipa::path(get, path = "/admin/v1/notifications", operation_id = "listNotificationsOfAll", tag = "webhooks",
    params(
        ("partner" = Option<String>, Query, description = "Only notifications of this partner.", pattern = "^[a-z0-9][a-z0-9-]{0,62}$", example = "acme"),
        ("webhook" = Option<String>, Query, description = "Only notifications to this webhook.", pattern = "^whk_[0-9a-z]{26}$", example = "whk_01kavs0h9yq4m4d2tkv1c7rbn5"),
        ("status" = Option<NotificationStatus>, Query, description = "Only notifications in this status: `failed` for the dead letters.", example = "failed"),
        ("limit" = Option<u32>, Query, description = "Most notifications on a page, 1 to 100; 20 when not given.", minimum = 1, maximum = 100, example = 20),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before."),
    ),
    responses((status = 200, description = "A page, newest first.", body = NotificationList)))]
pub(crate) async fn list(
    extract::State(state): extract::State<State>,
    query: Query,
) -> Result<Json<NotificationList>, Problem> {
    Ok(Json(page(&state.pipeline, &filter::of_operator(&query)?, Plane::Operator).await?))
}
