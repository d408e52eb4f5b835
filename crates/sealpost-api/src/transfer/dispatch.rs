//! One call: who, what, whether, and then its row of the table.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, HeaderMap};
use http::{Extensions as HttpExtensions, StatusCode};
use serde_json::{Map, Value as Json};

use super::authenticate::{check_replay, claim};
use super::call::Call;
use super::edge::Trail;
use super::extensions::Extensions;
use super::operations::{self, NOT_OFFERED, Operation};
use super::refusal::{MEDIA_TYPE, Refusal, Result, answer};
use super::state::TransferState;
use crate::body;
use crate::serve::ClientAddress;

const TARGET: &str = "x-amz-target";
/// What stands before the operation's name in the target.
const PREFIX: &str = "TransferService.";

/// `POST /`.
pub(super) async fn dispatch(State(state): State<TransferState>, request: Request) -> Response {
    match carry_out(state, request).await {
        Ok(Some(body)) => answer(StatusCode::OK, &body),
        Ok(None) => StatusCode::OK.into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

async fn carry_out(state: TransferState, request: Request) -> Result<Option<Json>> {
    let (parts, content) = request.into_parts();
    let address = parts.extensions.get::<ClientAddress>().map(|ClientAddress(address)| *address);
    let trail = trail(&parts.extensions);
    // The head alone tells who has no key here, before a byte of the body is read.
    let claim = claim(&state, &parts, address).await?;
    let bytes = read(content).await?;
    let verified = claim.prove(&state, &parts, &bytes, address)?;
    trail.caller.get_or_init(|| claim.key.id.clone());
    state.throttle.call(&claim.key.id)?;
    let operation = operation(&parts.headers)?;
    trail.operation.get_or_init(|| operation.name);
    claim.may(&state, operation)?;
    if operation.changes_something() {
        check_replay(&state, &verified)?;
    }
    let body = object(&bytes)?;
    let signed = &claim.credential.signed_headers;
    let is_signed = |name: &str| signed.iter().any(|one| one == name);
    let extensions = Extensions::read(&parts.headers, is_signed, operation.name, &body)?;
    let call = Call { state, operation, caller: claim.key, secret: claim.secret, body, extensions };
    (operation.run)(&call).await
}

fn trail(extensions: &HttpExtensions) -> Trail {
    extensions.get::<Trail>().cloned().unwrap_or_default()
}

async fn read(content: Body) -> Result<bytes::Bytes> {
    body::collect(Request::new(content)).await.map_err(|error| {
        if error.is(&sealpost_core::error::codes::request::TOO_LARGE) {
            let message = format!("The request body is too large: at most {} bytes.", body::LIMIT);
            return Refusal::new("RequestEntityTooLarge", StatusCode::PAYLOAD_TOO_LARGE, message);
        }
        Refusal::from(error)
    })
}

fn operation(headers: &HeaderMap) -> Result<&'static Operation> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let unknown = |message: String| Err(Refusal::new("UnknownOperationException", StatusCode::BAD_REQUEST, message));
    let media_type = text(CONTENT_TYPE.as_str());
    if !media_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(MEDIA_TYPE) {
        return unknown(format!("Expected the header Content-Type: {MEDIA_TYPE}."));
    }
    if headers.get_all(TARGET).iter().count() > 1 {
        return unknown("The header X-Amz-Target is there more than once.".to_owned());
    }
    let Some(name) = text(TARGET).strip_prefix(PREFIX) else {
        return unknown(format!("Expected the header X-Amz-Target: {PREFIX} and the operation's name."));
    };
    if let Some(operation) = operations::find(name) {
        return Ok(operation);
    }
    if let Some(name) = NOT_OFFERED.iter().find(|one| **one == name) {
        return Err(Refusal::invalid(format!(
            "{name} is not offered: this service has the SFTP connectors of AWS Transfer Family, and none of its servers, \
             users, AS2, workflows and web apps."
        )));
    }
    unknown("There is no operation of this name.".to_owned())
}

/// The members. An empty body has none.
fn object(bytes: &[u8]) -> Result<Map<String, Json>> {
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_slice(bytes) {
        Ok(Json::Object(map)) => Ok(map),
        Ok(_) => Err(Refusal::serialization("The body is not a JSON object.")),
        Err(_) => Err(Refusal::serialization("The body is not JSON.")),
    }
}
