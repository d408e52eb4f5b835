//! `POST /v1/api-keys/{id}:rotate`: a new key in the place of one that goes on working for a while.

use axum::Json;
use axum::extract;
use http::StatusCode;
use sealpost_core::error::{Error, FieldError, codes};
use sealpost_pipeline::keys::LONGEST_OVERLAP_H;
use serde::Deserialize;
use utoipa::ToSchema;

use super::wire::NewApiKey;
use crate::admin::before_verb;
use crate::authenticate::{Caller, Credentials};
use crate::body::OptionalJsonBody;
use crate::changes::author;
use crate::path::Id;
use crate::problem::Problem;
use crate::state::State;

/// How to rotate.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ApiKeyRotationRequest)]
pub struct RotationRequest {
    /// For how many hours the old key goes on working: 0 to 720; 24 when absent.
    #[serde(default = "a_day")]
    #[schema(maximum = 720, default = 24, example = 24)]
    overlap_hours: u32,
}

impl Default for RotationRequest {
    fn default() -> Self {
        Self { overlap_hours: a_day() }
    }
}

fn a_day() -> u32 {
    24
}

/// Rotate an API key.
///
/// The new key has label, scopes and expiry of the old one, which stops working after the overlap.
#[utoipa::path(post, path = "/v1/api-keys/{id}:rotate", operation_id = "rotateApiKey", tag = "API keys",
    params(("id" = String, Path, description = "The old key's public half.", pattern = "^[a-z0-9]{12}$", example = "abcdefghijkm")),
    request_body(content = Option<RotationRequest>, description = "May be left out."),
    responses(
        (status = 201, description = "The new key, for the only time.", body = NewApiKey),
        (status = 403, description = "The key may do more than your own credentials (`SP-REQUEST-028`)."),
        (status = 409, description = "The key does not work any more (`SP-REQUEST-015`), or there are 20 keys that do (`SP-REQUEST-037`)."),
    ))]
pub(crate) async fn rotate(
    extract::State(state): extract::State<State>,
    Caller(partner): Caller,
    credentials: Credentials,
    Id(segment): Id<String>,
    OptionalJsonBody(request): OptionalJsonBody<RotationRequest>,
) -> Result<(StatusCode, Json<NewApiKey>), Problem> {
    let id = before_verb(&segment, "rotate")?;
    let hours = request.unwrap_or_default().overlap_hours;
    if hours > LONGEST_OVERLAP_H {
        let field = FieldError::new("/overlap_hours", format!("expected 0 to {LONGEST_OVERLAP_H}"));
        return Err(Error::new(&codes::request::INVALID, "the key can't be rotated").with_fields(vec![field]).into());
    }
    let (author, held) = (author(&credentials), &credentials.scopes);
    let made = state.pipeline.rotate_key(&author, &partner.id, id, hours, held).await?;
    Ok((StatusCode::CREATED, Json(NewApiKey::of(&made.0, &made.1)?)))
}
