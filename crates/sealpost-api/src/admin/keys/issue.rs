//! `POST /admin/v1/partners/{id}/keys`: make an API key. It is shown once.

use axum::Json;
use axum::extract;
use http::StatusCode;
use jiff::Timestamp;
use sealpost_core::error::{Error, FieldError, codes};
use sealpost_core::id::PartnerId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::list::KeyBody;
use crate::body::OptionalJsonBody;
use crate::path::Id;
use crate::problem::Problem;
use crate::state::State;

/// What the key is to be.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"label": "month end", "expires_at": "2027-12-31T00:00:00Z"}))]
pub struct KeyRequest {
    /// What it is used for, up to 200 characters.
    #[serde(default)]
    label: String,
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
    params(("id" = String, Path, description = "The partner's id.")),
    request_body(content = Option<KeyRequest>, description = "May be left out."),
    responses((status = 201, description = "The key, for the only time.", body = NewKey)))]
pub(crate) async fn issue(
    extract::State(state): extract::State<State>,
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
    if !problems.is_empty() {
        return Err(Error::new(&codes::request::INVALID, "the key can't be made").with_fields(problems).into());
    }
    let (key, secret) = state.pipeline.issue_key(&id, &request.label, request.expires_at).await?;
    Ok((StatusCode::CREATED, Json(NewKey { key: secret.expose_text()?.to_owned(), about: KeyBody::of(&key) })))
}
