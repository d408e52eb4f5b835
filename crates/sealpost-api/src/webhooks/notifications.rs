//! `GET /v1/webhooks/{id}/notifications`: what a webhook was and is to be told, newest first, page by page.

use axum::Json;
use axum::extract;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::id::WebhookId;
use sealpost_core::port::NotificationFilter;
use sealpost_pipeline::Pipeline;
use serde::Serialize;
use utoipa::ToSchema;

use super::filter;
use super::wire::{Notification, NotificationStatus};
use crate::authenticate::Caller;
use crate::path::Id;
use crate::plane::Plane;
use crate::problem::{Problem, in_query};
use crate::query::Query;
use crate::state::State;

/// A page of notifications.
#[derive(Serialize, ToSchema)]
pub struct NotificationList {
    /// The notifications, newest first.
    notifications: Vec<Notification>,
    /// The cursor of the next page; null on the last one.
    #[schema(required, example = "bXNnXzAxa2F2czBrMm1xNG00ZDJ0a3YxYzdyYm41")]
    next_cursor: Option<String>,
}

/// List a webhook's notifications.
///
/// The newest first; those that ended are kept for 30 days. Ask with `cursor` until `next_cursor` is null.
#[utoipa::path(get, path = "/v1/webhooks/{id}/notifications", operation_id = "listNotifications", tag = "webhooks",
    params(
        ("id" = String, Path, description = "The webhook's id.", pattern = "^whk_[0-9a-z]{26}$", example = "whk_01kavs0h9yq4m4d2tkv1c7rbn5"),
        ("status" = Option<NotificationStatus>, Query, description = "Only notifications in this status.", example = "failed"),
        ("limit" = Option<u32>, Query, description = "Most notifications on a page, 1 to 100; 20 when not given.", minimum = 1, maximum = 100, example = 20),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before."),
    ),
    responses((status = 200, description = "A page.", body = NotificationList)))]
pub(crate) async fn list(
    extract::State(state): extract::State<State>,
    Caller(partner): Caller,
    Id(id): Id<WebhookId>,
    query: Query,
) -> Result<Json<NotificationList>, Problem> {
    let filter = filter::of_partner(&query, partner.id.clone(), id.clone())?;
    state.pipeline.webhook(&partner.id, &id).await?;
    Ok(Json(page(&state.pipeline, &filter, Plane::Partner).await?))
}

/// A page of notifications, on either plane.
pub(crate) async fn page(pipeline: &Pipeline, filter: &NotificationFilter, plane: Plane) -> Result<NotificationList> {
    let page = pipeline.parts().outbox.notifications(filter).await.map_err(|error| match &filter.after {
        // The only part of a checked filter that a ledger can refuse: one that is not of this list.
        Some(_) if error.is(&codes::request::INVALID) => {
            let field = in_query("cursor", "not a cursor of this list");
            Error::new(&codes::request::INVALID, "a query parameter is not valid").with_fields(vec![field])
        }
        _ => error,
    })?;
    let next_cursor = page.notifications.last().filter(|_| page.more).map(|last| filter::to_cursor(&last.into()));
    let notifications = page.notifications.iter().map(|one| Notification::of(one, plane)).collect();
    Ok(NotificationList { notifications, next_cursor })
}
