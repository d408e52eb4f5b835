//! `/v1/destinations/{id}/host-keys`: the keys by which a destination's server is trusted.

use axum::extract;
use http::StatusCode;
use sealpost_core::error::{Error, FieldError, codes};
use sealpost_core::id::ConnectorId;
use serde::Deserialize;
use utoipa::ToSchema;

use super::load;
use super::wire::Destination;
use crate::authenticate::{Caller, Credentials};
use crate::body::JsonBody;
use crate::changes::{Answer, author, wire::Change};
use crate::path::Id;
use crate::problem::Problem;
use crate::query::Query;
use crate::state::State;

/// Which host key.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HostKeyRequest {
    /// Its fingerprint, as a test showed it.
    #[schema(pattern = "^SHA256:[0-9A-Za-z+/]{43}$", example = "SHA256:uNiVztksCsDhcc0u9e8BrdoXT3s8Y6cB3gZ0JL4tT1A")]
    fingerprint: String,
}

fn is_fingerprint(text: &str) -> bool {
    let digest = text.strip_prefix("SHA256:").unwrap_or_default();
    digest.len() == 43 && digest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(&byte))
}

/// Trust a host key.
///
/// One that the server has shown in a test. Compare it with what the server's administrator tells you over another channel
/// first: whoever has this key is sent your files.
#[utoipa::path(post, path = "/v1/destinations/{id}/host-keys", operation_id = "trustHostKey", tag = "destinations",
    params(("id" = String, Path, description = "The destination's id.", pattern = "^c-[0-9a-f]{17}$", example = "c-0123456789abcdef0")),
    request_body = HostKeyRequest,
    responses(
        (status = 200, description = "It is trusted.", body = Destination),
        (status = 202, description = "It waits for the operator's approval.", body = Change, headers(("Location" = String, description = "The change."))),
        (status = 404, description = "You have no such destination, or its server has not shown this key (`SP-REQUEST-008`)."),
        (status = 409, description = "A change of it waits (`SP-REQUEST-035`), there are 8 already (`SP-REQUEST-037`), or operators do this here (`SP-REQUEST-038`)."),
    ))]
pub(crate) async fn trust(
    extract::State(state): extract::State<State>,
    Caller(partner): Caller,
    credentials: Credentials,
    Id(id): Id<ConnectorId>,
    JsonBody(request): JsonBody<HostKeyRequest>,
) -> Result<Answer<Destination>, Problem> {
    let fingerprint = request.fingerprint;
    if !is_fingerprint(&fingerprint) {
        let field = FieldError::new("/fingerprint", "expected `SHA256:` and 43 characters of base64");
        return Err(Error::new(&codes::request::INVALID, "that is no fingerprint").with_fields(vec![field]).into());
    }
    let change = state.pipeline.ask_to_trust(&partner.id, &id, &fingerprint, &author(&credentials)).await?;
    match Answer::unless_done(&change) {
        Some(waits) => Ok(waits),
        None => Ok(Answer::Done(StatusCode::OK, load(&state.pipeline, &partner.id, &id).await?, None)),
    }
}

/// Trust a host key no longer.
///
/// Deliveries to a server that shows it fail from now on.
#[utoipa::path(delete, path = "/v1/destinations/{id}/host-keys", operation_id = "distrustHostKey", tag = "destinations",
    params(
        ("id" = String, Path, description = "The destination's id.", pattern = "^c-[0-9a-f]{17}$", example = "c-0123456789abcdef0"),
        ("fingerprint" = String, Query, description = "The key's fingerprint, with `+` and `/` escaped.", pattern = "^SHA256:[0-9A-Za-z+/]{43}$", example = "SHA256:uNiVztksCsDhcc0u9e8BrdoXT3s8Y6cB3gZ0JL4tT1A"),
    ),
    responses(
        (status = 200, description = "It is not trusted any more.", body = Destination),
        (status = 202, description = "It waits for the operator's approval.", body = Change, headers(("Location" = String, description = "The change."))),
        (status = 404, description = "You have no such destination, or the key is not approved (`SP-REQUEST-008`)."),
        (status = 409, description = "A change of it waits (`SP-REQUEST-035`), 50 changes wait already (`SP-REQUEST-037`), or operators do this here (`SP-REQUEST-038`)."),
    ))]
pub(crate) async fn distrust(
    extract::State(state): extract::State<State>,
    Caller(partner): Caller,
    credentials: Credentials,
    Id(id): Id<ConnectorId>,
    query: Query,
) -> Result<Answer<Destination>, Problem> {
    let mut reader = query.read(&["fingerprint"]);
    // In a query string a `+` that was not escaped arrives as a space, which no fingerprint has.
    let fingerprint = reader.one("fingerprint", |text| {
        let text = text.replace(' ', "+");
        if is_fingerprint(&text) { Ok(text) } else { Err("expected `SHA256:` and 43 characters of base64".to_owned()) }
    });
    if query.read(&["fingerprint"]).all("fingerprint").is_empty() {
        reader.wrong("fingerprint", "missing");
    }
    reader.end()?;
    let fingerprint = fingerprint.unwrap_or_default();
    let change = state.pipeline.ask_to_distrust(&partner.id, &id, &fingerprint, &author(&credentials)).await?;
    match Answer::unless_done(&change) {
        Some(waits) => Ok(waits),
        None => Ok(Answer::Done(StatusCode::OK, load(&state.pipeline, &partner.id, &id).await?, None)),
    }
}
