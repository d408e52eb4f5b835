//! The canonical request and the string to sign: the one form that both sides calculate.

use aws_lc_rs::digest::{SHA256, digest};
use http::header::HOST;
use http::request::Parts;

use super::{ALGORITHM, Scope};

/// SHA-256 in lower-case hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes))
}

/// Method, path, query, signed headers, their names, the body's digest; a line each. Bytes, because header values may be
/// other than UTF-8.
///
/// # Errors
/// The name of a signed header that the request does not have.
pub(super) fn request<'a>(request: &Parts, signed: &'a [String], body_sha256: &str) -> Result<Vec<u8>, &'a str> {
    // The empty line is the query's, which this protocol has none of.
    let mut text = format!("{}\n{}\n\n", request.method, path(request)).into_bytes();
    for name in signed {
        text.extend_from_slice(name.as_bytes());
        text.push(b':');
        let mut values = request.headers.get_all(name.as_str()).iter().map(http::HeaderValue::as_bytes).peekable();
        if values.peek().is_none() {
            // HTTP/2 and clients of ours have the host in the address instead.
            match request.uri.authority() {
                Some(authority) if name == HOST.as_str() => text.extend_from_slice(authority.as_str().as_bytes()),
                _ => return Err(name),
            }
        }
        for (index, value) in values.enumerate() {
            if index > 0 {
                text.push(b',');
            }
            trimmed(value, &mut text);
        }
        text.push(b'\n');
    }
    text.push(b'\n');
    text.extend_from_slice(signed.join(";").as_bytes());
    text.push(b'\n');
    text.extend_from_slice(body_sha256.as_bytes());
    Ok(text)
}

fn path(request: &Parts) -> &str {
    match request.uri.path() {
        "" => "/",
        path => path,
    }
}

/// A value without blanks at its ends, and with one space for each run of blanks inside.
fn trimmed(value: &[u8], text: &mut Vec<u8>) {
    let words = value.split(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).filter(|word| !word.is_empty());
    for (index, word) in words.enumerate() {
        if index > 0 {
            text.push(b' ');
        }
        text.extend_from_slice(word);
    }
}

/// Algorithm, instant, scope, and the canonical request's digest.
pub(super) fn string_to_sign(instant: &str, day: &str, scope: &Scope, canonical: &[u8]) -> String {
    format!("{ALGORITHM}\n{instant}\n{}\n{}", scope.on(day), sha256(canonical))
}
