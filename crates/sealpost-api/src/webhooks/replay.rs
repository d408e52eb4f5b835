//! `POST /v1/webhooks/{id}/notifications/{notification}:replay`: post one again.

use axum::Json;
use axum::extract;
use http::StatusCode;
use sealpost_core::error::{Error, codes};
use sealpost_core::id::{NotificationId, WebhookId};

use super::author;
use super::wire::Notification;
use crate::authenticate::{Caller, Credentials};
use crate::path::Id;
use crate::plane::Plane;
use crate::problem::Problem;
use crate::state::State;

/// Replay a notification.
///
/// One that failed or was delivered. The same id and bytes as before, with a new signature.
#[utoipa::path(post, path = "/v1/webhooks/{id}/notifications/{notification}:replay", operation_id = "replayNotification", tag = "webhooks",
    params(
        ("id" = String, Path, description = "The webhook's id.", pattern = "^whk_[0-9a-z]{26}$", example = "whk_01kavs0h9yq4m4d2tkv1c7rbn5"),
        ("notification" = String, Path, description = "The notification's id.", pattern = "^msg_[0-9a-z]{26}$", example = "msg_01kavs0k2mq4m4d2tkv1c7rbn5"),
    ),
    responses(
        (status = 202, description = "It is on its way again.", body = Notification),
        (status = 409, description = "It is on its way already, or the webhook is disabled (`SP-REQUEST-015`)."),
    ))]
pub(crate) async fn replay(
    extract::State(state): extract::State<State>,
    Caller(partner): Caller,
    credentials: Credentials,
    Id((webhook, segment)): Id<(WebhookId, String)>,
) -> Result<(StatusCode, Json<Notification>), Problem> {
    let notification = before_replay(&segment)?;
    let author = author(credentials);
    let replayed = state.pipeline.replay_notification(&partner.id, &webhook, &notification, &author).await?;
    Ok((StatusCode::ACCEPTED, Json(Notification::of(&replayed, Plane::Partner))))
}

/// `{notification}:replay`.
pub(crate) fn before_replay(segment: &str) -> Result<NotificationId, Error> {
    let unknown = || Error::new(&codes::request::UNKNOWN_PATH, "this method needs `:replay` behind the id");
    let missing = |_| Error::new(&codes::request::NOT_FOUND, "nothing has this id");
    let (id, _) = segment.rsplit_once(':').filter(|(_, verb)| *verb == "replay").ok_or_else(unknown)?;
    id.parse().map_err(missing)
}
