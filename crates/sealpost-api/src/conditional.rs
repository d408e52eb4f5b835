//! Entity tags and conditional requests (RFC 9110, sections 8.8.3 and 13).

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderValue};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// Room for the headers of an answer: its own, and those that the edge adds.
const HEADERS: usize = 16;

/// A JSON answer with an entity tag made of its bytes, or 304 where the caller has it already.
pub(crate) fn json_or_not_modified(asked: &HeaderMap, value: &impl Serialize) -> Response {
    let bytes = serde_json::to_vec(value).unwrap_or_default();
    let mut digest = hex::encode(Sha256::digest(&bytes));
    digest.truncate(32);
    match HeaderValue::from_str(&quoted(&digest)) {
        Ok(tag) => tagged(asked, tag, bytes.into()),
        Err(_) => ([(header::CONTENT_TYPE, "application/json")], bytes).into_response(),
    }
}

/// A JSON answer that has this entity tag, or 304 where the caller has it already.
pub(crate) fn tagged(asked: &HeaderMap, tag: HeaderValue, bytes: Bytes) -> Response {
    let is_known = asked.contains_key(header::IF_NONE_MATCH) && tag.to_str().is_ok_and(|tag| is_unchanged(asked, tag));
    let mut response = if is_known { with_room(Body::empty()) } else { json(bytes) };
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    response.headers_mut().insert(header::ETAG, tag);
    response
}

/// A JSON answer.
pub(crate) fn json(bytes: Bytes) -> Response {
    let mut response = with_room(Body::from(bytes));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn with_room(body: Body) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().reserve(HEADERS);
    response
}

/// A weak entity tag: what has it means the same, though not every byte may be the same (RFC 9110, section 8.8.1).
pub(crate) fn weak(opaque: &str) -> String {
    format!("W/\"{opaque}\"")
}

/// A strong entity tag.
pub(crate) fn quoted(opaque: &str) -> String {
    format!("\"{opaque}\"")
}

/// Whether `If-None-Match` names this tag. The comparison is weak (section 13.1.2).
pub(crate) fn is_unchanged(asked: &HeaderMap, tag: &str) -> bool {
    let tag = opaque(tag);
    let mut lists = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    lists.any(|list| list.split(',').map(str::trim).any(|one| one == "*" || opaque(one) == tag))
}

fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_compared_weakly_in_lists() {
        let asks = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static(value));
            is_unchanged(&headers, "\"a\"")
        };
        assert!(asks("\"a\"") && asks("W/\"a\"") && asks("\"b\", \"a\"") && asks("*"));
        assert!(!asks("\"b\"") && !asks("a") && !asks(""));
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static("W/\"a\""));
        assert!(is_unchanged(&headers, &weak("a")) && !is_unchanged(&headers, &weak("b")));
    }
}
