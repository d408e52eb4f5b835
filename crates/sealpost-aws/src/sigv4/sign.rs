//! Signs a request that we send.

use aws_lc_rs::hmac;
use http::HeaderValue;
use http::header::{AUTHORIZATION, HOST};
use http::request::Parts;
use jiff::Timestamp;
use sealpost_core::secret::Secret;

use super::key::signing_key;
use super::{ALGORITHM, DATE, SECURITY_TOKEN, Scope, canonical, instant};

/// Headers that proxies and HTTP clients add, change or drop on the way.
const UNSIGNED: [&str; 6] =
    ["authorization", "connection", "expect", "transfer-encoding", "user-agent", "x-amzn-trace-id"];

/// An access key with its secret half.
#[derive(Debug)]
pub struct SigningKeys {
    /// The public half.
    pub access_key_id: String,
    /// The secret half.
    pub secret: Secret,
    /// The token that belongs to temporary keys.
    pub session_token: Option<Secret>,
}

/// Signs every header that is there, and adds `host`, `x-amz-date`, `x-amz-security-token` and `authorization`.
///
/// The request's path is `/`, as this protocol has it, or a plain prefix of a gateway in front; it has no query.
///
/// # Errors
/// When an address, key id or token can't stand in a header.
pub fn sign(
    request: &mut Parts,
    body: &[u8],
    keys: &SigningKeys,
    scope: &Scope,
    now: Timestamp,
) -> Result<(), http::Error> {
    let instant = instant(now);
    let day = instant.get(..8).unwrap_or_default();
    if let (None, Some(authority)) = (request.headers.get(HOST), request.uri.authority()) {
        request.headers.insert(HOST, HeaderValue::try_from(authority.as_str())?);
    }
    request.headers.insert(DATE, HeaderValue::try_from(&instant)?);
    if let Some(token) = &keys.session_token {
        let mut token = HeaderValue::from_bytes(token.expose())?;
        token.set_sensitive(true);
        request.headers.insert(SECURITY_TOKEN, token);
    }
    let names = request.headers.keys().map(|name| name.as_str().to_owned());
    let mut signed: Vec<String> = names.filter(|name| !UNSIGNED.contains(&name.as_str())).collect();
    signed.sort_unstable();
    // Only names that are there were asked for.
    let canonical = canonical::request(request, &signed, &canonical::sha256(body)).unwrap_or_default();
    let text = canonical::string_to_sign(&instant, day, scope, &canonical);
    let signature = hmac::sign(&signing_key(keys.secret.expose(), day, scope), text.as_bytes());
    let authorization = format!(
        "{ALGORITHM} Credential={}/{}, SignedHeaders={}, Signature={}",
        keys.access_key_id,
        scope.on(day),
        signed.join(";"),
        hex::encode(signature.as_ref())
    );
    request.headers.insert(AUTHORIZATION, HeaderValue::try_from(authorization)?);
    Ok(())
}
