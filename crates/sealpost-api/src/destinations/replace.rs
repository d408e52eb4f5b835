//! `PUT /v1/destinations/{id}`: another shape for a destination.

use axum::extract;
use http::StatusCode;
use sealpost_core::error::{Error, FieldError, codes};
use sealpost_core::id::ConnectorId;

use super::create::DestinationRequest;
use super::load;
use super::wire::Destination;
use crate::authenticate::{Caller, Credentials};
use crate::body::JsonBody;
use crate::changes::{Answer, author, wire::Change};
use crate::path::Id;
use crate::problem::Problem;
use crate::state::State;

/// Replace a destination.
///
/// What is left out gets its default, except `login`, which stays as it is; a password has to be given again for another
/// host, port or user. Another host or port starts without approved host keys. A delivery that is being sent goes on as it
/// began; those that wait are sent to the new place. Limits and retries stay the operator's.
#[utoipa::path(put, path = "/v1/destinations/{id}", operation_id = "replaceDestination", tag = "destinations",
    params(("id" = String, Path, description = "The destination's id.", pattern = "^c-[0-9a-f]{17}$", example = "c-0123456789abcdef0")),
    request_body = DestinationRequest,
    responses(
        (status = 200, description = "It is changed.", body = Destination),
        (status = 202, description = "It waits for the operator's approval.", body = Change, headers(("Location" = String, description = "The change."))),
        (status = 400, description = "The request is not valid (`SP-REQUEST-001`), or the address may not be used (`SP-REQUEST-036`)."),
        (status = 409, description = "A change of it waits (`SP-REQUEST-035`), 50 changes wait already (`SP-REQUEST-037`), or this is not offered here (`SP-REQUEST-038`)."),
    ))]
pub(crate) async fn replace(
    extract::State(state): extract::State<State>,
    Caller(partner): Caller,
    credentials: Credentials,
    Id(id): Id<ConnectorId>,
    JsonBody(request): JsonBody<DestinationRequest>,
) -> Result<Answer<Destination>, Problem> {
    let before = state.pipeline.destination(&partner.id, &id).await?;
    if request.name.as_ref().is_some_and(|name| *name != before.name) {
        let field = FieldError::new("/name", format!("it is `{}`, and can't be changed", before.name));
        let error = Error::new(&codes::request::INVALID, "a destination keeps its name").with_fields(vec![field]);
        return Err(error.into());
    }
    let wish = request.named(before.name);
    let change = state.pipeline.ask_for_destination(&partner.id, wish, &author(&credentials)).await?;
    if let Some(waits) = Answer::unless_done(&change) {
        return Ok(waits);
    }
    Ok(Answer::Done(StatusCode::OK, load(&state.pipeline, &partner.id, &id).await?, None))
}
