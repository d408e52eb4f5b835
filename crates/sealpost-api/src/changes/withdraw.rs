//! `DELETE /v1/changes/{id}`: take back a change that waits.

use axum::Json;
use axum::extract;
use sealpost_core::change::ChangeAction;
use sealpost_core::error::{Error, codes};
use sealpost_core::id::ChangeId;
use sealpost_core::identity::Scope;

use super::author;
use super::wire::Change;
use crate::authenticate::{Caller, Credentials};
use crate::path::Id;
use crate::plane::Plane;
use crate::problem::Problem;
use crate::state::State;

/// Take back a change that waits for approval.
///
/// A change of certificates needs the scope `keys:write` beside.
#[utoipa::path(delete, path = "/v1/changes/{id}", operation_id = "withdrawChange", tag = "changes",
    params(("id" = String, Path, description = "The change's id.", pattern = "^chg_[0-9a-z]{26}$", example = "chg_01kavs0h9yq4m4d2tkv1c7rbn5")),
    responses(
        (status = 200, description = "It is withdrawn.", body = Change),
        (status = 409, description = "It does not wait any more, or is being carried out (`SP-REQUEST-015`)."),
    ))]
pub(crate) async fn withdraw(
    extract::State(state): extract::State<State>,
    Caller(partner): Caller,
    credentials: Credentials,
    Id(id): Id<ChangeId>,
) -> Result<Json<Change>, Problem> {
    let change = state.pipeline.change_of(&partner.id, &id).await?;
    let about_keys =
        matches!(change.action, ChangeAction::AddCertificate { .. } | ChangeAction::RetireCertificate { .. });
    if about_keys && !credentials.scopes.contains(&Scope::KeysWrite) {
        let detail = "a change of certificates needs the scope keys:write";
        return Err(Error::new(&codes::request::SCOPE_MISSING, detail).into());
    }
    let change = state.pipeline.withdraw_change(&partner.id, &id, &author(&credentials)).await?;
    Ok(Json(Change::of(&change, Plane::Partner)))
}
