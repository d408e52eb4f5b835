//! `POST /admin/v1/notifications/{id}:replay`: post a notification of any partner again.

use axum::Json;
use axum::extract;
use http::StatusCode;
use sealpost_core::error::{Error, codes};

use crate::admin::Operator;
use crate::path::Id;
use crate::plane::Plane;
use crate::problem::Problem;
use crate::state::State;
use crate::webhooks::replay::before_replay;
use crate::webhooks::wire::Notification;

/// Replay a notification of any partner.
#[utoipa::path(post, path = "/admin/v1/notifications/{id}:replay", operation_id = "replayNotificationOfAny", tag = "webhooks",
    params(("id" = String, Path, description = "The notification's id.", pattern = "^msg_[0-9a-z]{26}$", example = "msg_01kavs0k2mq4m4d2tkv1c7rbn5")),
    responses(
        (status = 202, description = "It is on its way again.", body = Notification),
        (status = 409, description = "It is on its way already, or the webhook is disabled (`SP-REQUEST-015`)."),
    ))]
pub(crate) async fn replay(
    extract::State(state): extract::State<State>,
    Operator(author): Operator,
    Id(segment): Id<String>,
) -> Result<(StatusCode, Json<Notification>), Problem> {
    let id = before_replay(&segment)?;
    let missing = || Error::new(&codes::request::NOT_FOUND, format!("notification {id}"));
    let found = state.pipeline.parts().outbox.notification(&id).await?.ok_or_else(missing)?;
    let replayed = state.pipeline.replay_notification(&found.partner, &found.webhook, &id, &author).await?;
    Ok((StatusCode::ACCEPTED, Json(Notification::of(&replayed, Plane::Operator))))
}
