//! `POST /admin/v1/changes/{id}:approve` and `…:reject`: the operator's decision.

use axum::Json;
use axum::extract;
use sealpost_core::error::{Error, FieldError, codes};
use sealpost_core::id::ChangeId;
use sealpost_pipeline::self_service::change::LONGEST_REASON;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::admin::Operator;
use crate::body::OptionalJsonBody;
use crate::changes::wire::Change;
use crate::path::Id;
use crate::plane::Plane;
use crate::problem::Problem;
use crate::state::State;

/// Why it was decided so.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionRequest {
    /// For the partner to read, up to 500 characters, none of them control characters.
    #[serde(default)]
    #[schema(max_length = 500, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$", example = "confirmed by phone")]
    reason: String,
}

/// Finds the operation and runs it: the router has no parameters that end within a segment.
pub(crate) async fn decide(
    extract::State(state): extract::State<State>,
    Operator(author): Operator,
    Id(segment): Id<String>,
    OptionalJsonBody(request): OptionalJsonBody<DecisionRequest>,
) -> Result<Json<Change>, Problem> {
    let unknown =
        || Error::new(&codes::request::UNKNOWN_PATH, "this method needs `:approve` or `:reject` behind the id");
    let (id, verb) = segment.rsplit_once(':').ok_or_else(unknown)?;
    let id: Result<ChangeId, _> = id.parse();
    let id = id.map_err(|_| Error::new(&codes::request::NOT_FOUND, "nothing has this id"));
    let reason = request.unwrap_or_default().reason;
    if reason.chars().count() > LONGEST_REASON || reason.chars().any(char::is_control) {
        let detail = format!("expected at most {LONGEST_REASON} characters, none of them control characters");
        let fields = vec![FieldError::new("/reason", detail)];
        return Err(Error::new(&codes::request::INVALID, "the reason can't be kept").with_fields(fields).into());
    }
    let change = match verb {
        "approve" => state.pipeline.approve_change(&id?, &reason, &author).await?,
        "reject" => state.pipeline.reject_change(&id?, &reason, &author).await?,
        _ => return Err(unknown().into()),
    };
    Ok(Json(Change::of(&change, Plane::Operator)))
}

/// Approve a change.
///
/// It is checked again, then done. What can't be done any more is refused, and the change waits on.
#[utoipa::path(post, path = "/admin/v1/changes/{id}:approve", operation_id = "approveChange", tag = "changes",
    params(("id" = String, Path, description = "The change's id.", pattern = "^chg_[0-9a-z]{26}$", example = "chg_01kavs0h9yq4m4d2tkv1c7rbn5")),
    request_body(content = Option<DecisionRequest>, description = "May be left out."),
    responses(
        (status = 200, description = "It is done.", body = Change),
        (status = 400, description = "The request is not valid (`SP-REQUEST-001`), or the change can't be done any more: the certificate has expired (`SP-SEAL-003`) or was revoked (`SP-SEAL-004`), the address may not be used (`SP-REQUEST-036`)."),
        (status = 409, description = "It does not wait any more (`SP-REQUEST-015`), or would break a rule now: no certificate would be left (`SP-REQUEST-040`), there are too many (`SP-REQUEST-037`)."),
    ))]
#[expect(dead_code, reason = "it describes; `decide` runs it")]
pub(crate) fn approve() {}

/// Reject a change.
#[utoipa::path(post, path = "/admin/v1/changes/{id}:reject", operation_id = "rejectChange", tag = "changes",
    params(("id" = String, Path, description = "The change's id.", pattern = "^chg_[0-9a-z]{26}$", example = "chg_01kavs0h9yq4m4d2tkv1c7rbn5")),
    request_body(content = Option<DecisionRequest>, description = "May be left out."),
    responses(
        (status = 200, description = "It is rejected.", body = Change),
        (status = 409, description = "It does not wait any more, or is being carried out (`SP-REQUEST-015`)."),
    ))]
#[expect(dead_code, reason = "it describes; `decide` runs it")]
pub(crate) fn reject() {}
