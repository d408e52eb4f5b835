//! Holds a received request against the secret of its access key.

use std::time::Duration;

use aws_lc_rs::hmac;
use http::header::HOST;
use http::request::Parts;
use jiff::Timestamp;
use sealpost_core::secret::Secret;

use super::authorization::{Credential, incomplete, missing, parse};
use super::key::signing_key;
use super::{CONTENT_SHA256, DATE, Refusal, SECURITY_TOKEN, Scope, canonical, instant, read_instant};

/// A request that was signed with the secret, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Whose key it is.
    pub access_key_id: String,
    /// When it was signed, by the caller's clock.
    pub signed_at: Timestamp,
    /// The signature. A client that repeats a request within the same second repeats this as well: it does not tell a
    /// repetition from a replay.
    pub signature: String,
}

/// Verifies the signature of a request to `POST /` (or a plain path before it).
///
/// `host`, `x-amz-date` and every other `x-amz-…` header must be signed; the body's digest is always calculated; the scope is
/// exactly the expected one, on the day of `x-amz-date`, which is at most `skew` away from `now`, either way.
///
/// # Errors
/// Why it is not believed. The order of the checks gives nothing away: all but the last need no secret.
pub fn verify(
    request: &Parts,
    body: &[u8],
    secret: &Secret,
    expectation: &Scope,
    now: Timestamp,
    skew: Duration,
) -> Result<Verified, Refusal> {
    if request.uri.query().is_some() {
        return Err(missing("Signatures in the query string are not accepted: sign by the Authorization header."));
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    if !request.uri.path().bytes().all(is_plain) {
        return Err(incomplete("The path has characters that have more than one canonical form; requests go to `/`."));
    }
    let credential = parse(&request.headers)?;
    if request.headers.contains_key(SECURITY_TOKEN) {
        return Err(Refusal::InvalidClientTokenId(
            "The request has an X-Amz-Security-Token: temporary credentials are of AWS, not of this service. Use an access \
             key that was issued here, without a session token."
                .to_owned(),
        ));
    }
    let date = date(request)?;
    is_in_scope(&credential, expectation, &date.text)?;
    are_signed(request, &credential.signed_headers)?;
    let digest = canonical::sha256(body);
    has_digest(request, &digest)?;
    is_in_time(&date, now, skew)?;
    let canonical = canonical::request(request, &credential.signed_headers, &digest)
        .map_err(|name| incomplete(&format!("'{name}' is among SignedHeaders, but the request has no such header.")))?;
    let text = canonical::string_to_sign(&date.text, &credential.date, expectation, &canonical);
    let key = signing_key(secret.expose(), &credential.date, expectation);
    let signature = hex::decode(&credential.signature).unwrap_or_default();
    // In constant time.
    if hmac::verify(&key, text.as_bytes(), &signature).is_err() {
        return Err(mismatch(&canonical, &text));
    }
    Ok(Verified { access_key_id: credential.access_key_id, signed_at: date.at, signature: credential.signature })
}

struct Date {
    text: String,
    at: Timestamp,
}

fn date(request: &Parts) -> Result<Date, Refusal> {
    let mut all = request.headers.get_all(DATE).iter();
    let (Some(value), None) = (all.next(), all.next()) else {
        return Err(incomplete("Authorization header requires existence of one 'X-Amz-Date' header."));
    };
    let text = value.to_str().unwrap_or_default().trim();
    let at = read_instant(text).ok_or_else(|| {
        incomplete("Date must be in ISO-8601 'basic format', such as 20150830T123600Z, in X-Amz-Date.")
    })?;
    Ok(Date { text: text.to_owned(), at })
}

/// In the words of AWS, which people look up.
fn is_in_scope(credential: &Credential, expectation: &Scope, date: &str) -> Result<(), Refusal> {
    let refuse = |message: String| Err(Refusal::InvalidSignature(message));
    if credential.region != expectation.region {
        return refuse(format!(
            "Credential should be scoped to a valid region: it is '{}', expected '{}'.",
            credential.region, expectation.region
        ));
    }
    if credential.service != expectation.service {
        return refuse(format!("Credential should be scoped to correct service: '{}'.", expectation.service));
    }
    if !date.starts_with(&credential.date) {
        return refuse(format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != '{}', from \
             '{date}'.",
            credential.date,
            date.get(..8).unwrap_or_default()
        ));
    }
    Ok(())
}

/// What is not signed could be changed on the way.
fn are_signed(request: &Parts, signed: &[String]) -> Result<(), Refusal> {
    let names = request.headers.keys().map(http::HeaderName::as_str);
    let needed = names.filter(|name| name.starts_with("x-amz-")).chain([HOST.as_str()]);
    for name in needed {
        if !signed.iter().any(|one| one == name) {
            return Err(incomplete(&format!("'{name}' must be a 'SignedHeader' in the AWS Authorization.")));
        }
        // A second one could be read by somebody else behind us.
        if name == HOST.as_str() && request.headers.get_all(HOST).iter().count() > 1 {
            return Err(incomplete("The request has more than one Host header."));
        }
    }
    Ok(())
}

fn has_digest(request: &Parts, digest: &str) -> Result<(), Refusal> {
    for value in request.headers.get_all(CONTENT_SHA256) {
        let said = value.to_str().unwrap_or_default().trim();
        if said == digest {
            continue;
        }
        let is_digest = said.len() == 64 && said.bytes().all(|byte| byte.is_ascii_hexdigit());
        return Err(Refusal::InvalidSignature(if is_digest {
            "The value of the header 'X-Amz-Content-SHA256' does not match the calculated digest of the body."
                .to_owned()
        } else {
            "The header 'X-Amz-Content-SHA256' must be the SHA-256 of the body, in lower-case hexadecimal; unsigned and \
             streamed payloads are not accepted."
                .to_owned()
        }));
    }
    Ok(())
}

fn is_in_time(date: &Date, now: Timestamp, skew: Duration) -> Result<(), Refusal> {
    let minutes = skew.as_secs() / 60;
    let Ok(earliest) = now.checked_sub(skew) else { return Ok(()) };
    let Ok(latest) = now.checked_add(skew) else { return Ok(()) };
    // To the second, as the caller's clock is given.
    if date.at.as_second() < earliest.as_second() {
        return Err(Refusal::RequestExpired(format!(
            "Signature expired: {} is now earlier than {} ({} - {minutes} min.)",
            date.text,
            instant(earliest),
            instant(now)
        )));
    }
    if date.at.as_second() > latest.as_second() {
        return Err(Refusal::RequestExpired(format!(
            "Signature not yet current: {} is still later than {} ({} + {minutes} min.)",
            date.text,
            instant(latest),
            instant(now)
        )));
    }
    Ok(())
}

/// With both texts, as AWS prints them: the caller compares them with its own. They hold what the caller sent, no secret.
fn mismatch(canonical: &[u8], text: &str) -> Refusal {
    Refusal::InvalidSignature(format!(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and \
         signing method. Consult the service documentation for details.\n\nThe Canonical String for this request should have \
         been\n'{}'\n\nThe String-to-Sign should have been\n'{text}'\n",
        String::from_utf8_lossy(canonical)
    ))
}
