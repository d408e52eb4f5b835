//! `POST /v1/keys/{id}:verb`: the router has no parameters that end within a segment, so the verb is looked for here.

use axum::extract::{self, FromRequest, Request};
use axum::response::{IntoResponse, Response};
use sealpost_core::error::{Error, codes};

use super::{challenge, prove};
use crate::authenticate::{Caller, Credentials};
use crate::body::JsonBody;
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
    match segment.rsplit_once(':') {
        Some((fingerprint, "challenge")) => {
            Ok(challenge::challenge(&state.pipeline, &partner, fingerprint).await?.into_response())
        }
        Some((fingerprint, "prove")) => {
            let JsonBody(proof) = JsonBody::from_request(request, &state).await?;
            Ok(prove::prove(&state.pipeline, &partner, fingerprint, &proof, &credentials).await?.into_response())
        }
        _ => {
            Err(Error::new(&codes::request::UNKNOWN_PATH, "this method needs `:challenge` or `:prove` behind it")
                .into())
        }
    }
}
