//! `/v1/changes`: what the partner has asked to have changed about itself, and what became of it.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::LOCATION;
use sealpost_core::change::{Change, ChangeStatus};
use sealpost_pipeline::audit::Author;
use serde::Serialize;

use crate::authenticate::Credentials;
use crate::plane::Plane;

pub(crate) mod cursor;
pub mod list;
pub mod show;
pub mod wire;
pub mod withdraw;

/// Who acts, for the audit trail.
pub(crate) fn author(credentials: &Credentials) -> Author {
    Author { actor: credentials.actor.clone(), request_id: Some(credentials.request_id.clone()) }
}

/// What became of a wish: it is done, or it waits for an operator.
pub(crate) enum Answer<T> {
    /// What there is now, and where.
    Done(StatusCode, T, Option<String>),
    /// The change that waits.
    Waits(Box<Change>),
}

impl<T> Answer<T> {
    /// The change, where it waits.
    pub(crate) fn unless_done(change: &Change) -> Option<Self> {
        (change.status == ChangeStatus::Pending).then(|| Self::Waits(Box::new(change.clone())))
    }
}

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        match self {
            Self::Done(status, body, Some(location)) => (status, [(LOCATION, location)], Json(body)).into_response(),
            Self::Done(status, body, None) => (status, Json(body)).into_response(),
            Self::Waits(change) => {
                let location = format!("/v1/changes/{}", change.id);
                let body = wire::Change::of(&change, Plane::Partner);
                (StatusCode::ACCEPTED, [(LOCATION, location)], Json(body)).into_response()
            }
        }
    }
}

/// A change that is done, as the answer of what leaves nothing behind to show.
pub(crate) fn done(change: &Change) -> Answer<wire::Change> {
    Answer::unless_done(change)
        .unwrap_or_else(|| Answer::Done(StatusCode::OK, wire::Change::of(change, Plane::Partner), None))
}
