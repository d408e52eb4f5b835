//! `POST /admin/v1/partners/{id}/keys`: make an API key. It is shown once.

use axum::Json;
use axum::extract;
use http::StatusCode;
use jiff::Timestamp;
use sealpost_core::error::{Error, FieldError, codes};
use sealpost_core::id::PartnerId;
use sealpost_core::identity::Scope;
use sealpost_pipeline::keys::KeyWish;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::list::KeyBody;
use crate::admin::Operator;
use crate::body::OptionalJsonBody;
use crate::path::Id;
use crate::problem::Problem;
use crate::state::State;

/// What the key is to be.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"label": "month end", "scopes": ["reports:read", "reports:write"], "expires_at": "2027-12-31T00:00:00Z"}))]
pub struct KeyRequest {
    /// What it is used for, up to 200 characters, none of them control characters.
    #[serde(default)]
    #[schema(max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    label: String,
    /// What it may do: `reports:read`, `reports:write`, `keys:write`, `destinations:write`; everything when absent.
    #[serde(default)]
    #[schema(value_type = Option<Vec<crate::api_keys::wire::Scope>>, min_items = 1)]
    scopes: Option<Vec<Scope>>,
    /// When it stops working; never when absent.
    #[serde(default)]
    expires_at: Option<Timestamp>,
}

/// A new API key.
#[derive(Serialize, ToSchema)]
pub struct NewKey {
    /// The key itself. It is shown now and never again.
    #[schema(example = "sp_abcdefghijkm_…")]
    key: String,
    /// What is known about it.
    #[serde(flatten)]
    about: KeyBody,
}

/// Make an API key.
#[utoipa::path(post, path = "/admin/v1/partners/{id}/keys", operation_id = "issueKey", tag = "keys",
    params(("id" = String, Path, description = "The partner's id.", pattern = "^[a-z0-9][a-z0-9-]{0,62}$", example = "acme")),
    request_body(content = Option<KeyRequest>, description = "May be left out."),
    responses((status = 201, description = "The key, for the only time.", body = NewKey)))]
pub(crate) async fn issue(
    extract::State(state): extract::State<State>,
    Operator(author): Operator,
    Id(id): Id<PartnerId>,
    OptionalJsonBody(request): OptionalJsonBody<KeyRequest>,
) -> Result<(StatusCode, Json<NewKey>), Problem> {
    let request = request.unwrap_or_default();
    let mut problems = Vec::new();
    if request.label.chars().count() > 200 || request.label.chars().any(char::is_control) {
        problems.push(FieldError::new("/label", "expected at most 200 characters, none of them control characters"));
    }
    if request.expires_at.is_some_and(|at| at <= Timestamp::now()) {
        problems.push(FieldError::new("/expires_at", "expected a time to come"));
    }
    if request.scopes.as_ref().is_some_and(Vec::is_empty) {
        problems.push(FieldError::new("/scopes", "expected at least one"));
    }
    if !problems.is_empty() {
        return Err(Error::new(&codes::request::INVALID, "the key can't be made").with_fields(problems).into());
    }
    let scopes = request.scopes.unwrap_or_else(Scope::all);
    let wish = KeyWish { label: request.label, scopes, expires_at: request.expires_at };
    let (key, secret) = state.pipeline.issue_key_by(&author, &id, &wish).await?;
    Ok((StatusCode::CREATED, Json(NewKey { key: secret.expose_text()?.to_owned(), about: KeyBody::of(&key) })))
}
