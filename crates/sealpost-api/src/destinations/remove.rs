//! `DELETE /v1/destinations/{id}`: send nothing there any more.

use axum::extract;
use sealpost_core::id::ConnectorId;

use crate::authenticate::{Caller, Credentials};
use crate::changes::{Answer, author, done, wire::Change};
use crate::path::Id;
use crate::problem::Problem;
use crate::state::State;

/// Remove a destination.
///
/// A file that is being sent still arrives; deliveries that wait fail with `SP-DELIVER-019`. The reports keep their files,
/// which can be sent to another destination or fetched.
#[utoipa::path(delete, path = "/v1/destinations/{id}", operation_id = "removeDestination", tag = "destinations",
    params(("id" = String, Path, description = "The destination's id.", pattern = "^c-[0-9a-f]{17}$", example = "c-0123456789abcdef0")),
    responses(
        (status = 200, description = "The change, done.", body = Change),
        (status = 202, description = "It waits for the operator's approval.", body = Change, headers(("Location" = String, description = "The change."))),
        (status = 409, description = "A change of it waits (`SP-REQUEST-035`), 50 changes wait already (`SP-REQUEST-037`), or operators do this here (`SP-REQUEST-038`)."),
    ))]
pub(crate) async fn remove(
    extract::State(state): extract::State<State>,
    Caller(partner): Caller,
    credentials: Credentials,
    Id(id): Id<ConnectorId>,
) -> Result<Answer<Change>, Problem> {
    let change = state.pipeline.ask_to_remove_destination(&partner.id, &id, &author(&credentials)).await?;
    Ok(done(&change))
}
