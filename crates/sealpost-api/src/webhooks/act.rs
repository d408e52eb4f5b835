//! `POST /v1/webhooks/{id}:verb`: the router has no parameters that end within a segment, so the verb is looked for here.

use axum::extract::{self, FromRequest, Request};
use axum::response::{IntoResponse, Response};
use sealpost_core::error::{Error, codes};
use sealpost_pipeline::audit::Author;

use super::{author, id_and_verb, ping, replay_failed, rotate};
use crate::authenticate::{Caller, Credentials};
use crate::body::OptionalJsonBody;
use crate::path::Id;
use crate::problem::Problem;
use crate::state::State;

/// Finds the operation and runs it.
pub(crate) async fn act(
    extract::State(state): extract::State<State>,
    Caller(partner): Caller,
    credentials: Credentials,
    Id(segment): Id<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (id, verb) = id_and_verb(&segment)?;
    let (pipeline, author): (_, Author) = (&state.pipeline, author(credentials));
    match verb {
        "ping" => Ok(ping::ping(pipeline, &partner, &id, &author).await?.into_response()),
        "rotate-secret" => {
            let OptionalJsonBody(wish) = OptionalJsonBody::from_request(request, &state).await?;
            Ok(rotate::rotate(pipeline, &partner, &id, wish.unwrap_or_default(), &author).await?.into_response())
        }
        "replay-failed" => {
            let OptionalJsonBody(wish) = OptionalJsonBody::from_request(request, &state).await?;
            Ok(replay_failed::replay(pipeline, &partner, &id, wish.unwrap_or_default(), &author).await?.into_response())
        }
        _ => Err(Error::new(&codes::request::UNKNOWN_PATH, "a webhook has no such verb").into()),
    }
}
