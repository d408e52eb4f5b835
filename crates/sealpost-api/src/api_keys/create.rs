//! `POST /v1/api-keys`: make an API key. It is shown once.

use axum::Json;
use axum::extract;
use http::StatusCode;
use jiff::Timestamp;
use sealpost_core::error::{Error, FieldError, codes};
use sealpost_core::identity::Scope as CoreScope;
use sealpost_pipeline::keys::KeyWish;
use serde::Deserialize;
use utoipa::ToSchema;

use super::wire::{NewApiKey, Scope, check};
use crate::authenticate::{Caller, Credentials};
use crate::body::JsonBody;
use crate::changes::author;
use crate::problem::Problem;
use crate::state::State;

/// What the key is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"label": "night run", "scopes": ["reports:read", "reports:write"], "expires_at": "2027-02-01T06:00:00Z"}))]
pub struct ApiKeyRequest {
    /// What it is used for, up to 200 characters, none of them control characters.
    #[serde(default)]
    #[schema(max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    label: String,
    /// What it may do: of what your own credentials may.
    #[schema(value_type = Vec<Scope>, min_items = 1)]
    scopes: Vec<CoreScope>,
    /// When it stops working; never when absent.
    #[serde(default)]
    expires_at: Option<Timestamp>,
}

/// Make an API key.
#[utoipa::path(post, path = "/v1/api-keys", operation_id = "createApiKey", tag = "API keys",
    request_body = ApiKeyRequest,
    responses(
        (status = 201, description = "The key, for the only time.", body = NewApiKey),
        (status = 409, description = "There are 20 keys that work already (`SP-REQUEST-037`)."),
    ))]
pub(crate) async fn create(
    extract::State(state): extract::State<State>,
    Caller(partner): Caller,
    credentials: Credentials,
    JsonBody(request): JsonBody<ApiKeyRequest>,
) -> Result<(StatusCode, Json<NewApiKey>), Problem> {
    let mut problems = Vec::new();
    check(&request.label, request.expires_at, &mut problems);
    if request.scopes.is_empty() {
        problems.push(FieldError::new("/scopes", "expected at least one"));
    }
    if !problems.is_empty() {
        return Err(Error::new(&codes::request::INVALID, "the key can't be made").with_fields(problems).into());
    }
    let wish = KeyWish { label: request.label, scopes: request.scopes, expires_at: request.expires_at };
    let made = state.pipeline.create_key(&author(&credentials), &partner.id, &wish, &credentials.scopes).await?;
    Ok((StatusCode::CREATED, Json(NewApiKey::of(&made.0, &made.1)?)))
}
