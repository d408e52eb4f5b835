//! Where a page begins: opaque to callers, and good only for the same caller, operation and parameters.
//!
//! A token is the position with a MAC (HMAC-SHA256, RFC 2104, 128 bits) keyed by the caller's own secret half, so every
//! process can read the tokens of every other without a further key.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use http::StatusCode;
use sealpost_core::error::{Error, codes};
use sha2::Sha256;

use super::call::Call;
use super::refusal::{Refusal, Result};

/// Bytes of the MAC.
const TAG: usize = 16;

/// The token for what comes after `position`.
pub(super) fn seal(call: &Call, parameters: &str, position: &str) -> Result<String> {
    let mut bytes = mac(call, parameters, position)?.finalize().into_bytes().to_vec();
    bytes.truncate(TAG);
    bytes.extend_from_slice(position.as_bytes());
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// The position of the request's `NextToken`, if it has one.
pub(super) fn open(call: &Call, parameters: &str) -> Result<Option<String>> {
    let Some(token) = call.input().text("NextToken", 1..=6144)? else { return Ok(None) };
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| wrong())?;
    let (tag, position) = bytes.split_at_checked(TAG).ok_or_else(wrong)?;
    let position = std::str::from_utf8(position).map_err(|_| wrong())?;
    // In constant time.
    mac(call, parameters, position)?.verify_truncated_left(tag).map_err(|_| wrong())?;
    Ok(Some(position.to_owned()))
}

/// A token that is none of ours, or not of this operation and its parameters.
pub(super) fn wrong() -> Refusal {
    let message = "The NextToken is not one of this operation and its parameters, or was changed.";
    Refusal::new("InvalidNextTokenException", StatusCode::BAD_REQUEST, message)
}

fn mac(call: &Call, parameters: &str, position: &str) -> Result<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(call.secret.expose())
        .map_err(|error| Refusal::internal(Error::new(&codes::request::INTERNAL, format!("HMAC: {error}"))))?;
    for part in ["sealpost-next-token", call.operation.name, parameters, position] {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part.as_bytes());
    }
    Ok(mac)
}
