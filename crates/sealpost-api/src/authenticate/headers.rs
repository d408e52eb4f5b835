//! The credentials in a request's headers: `Authorization: Bearer …` (RFC 6750, section 2.1), the same without `Bearer`,
//! and `x-api-key`.

use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use sealpost_core::error::{Error, Result, codes};
use sealpost_pipeline::identify::{Presented, nothing_presented};
use serde_json::Value as Json;

/// API Gateway's header for API keys.
pub(crate) const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Takes away the key of API Gateway's own usage plans, which comes in the same header as ours and which the event names a second
/// time: it says nothing about who calls.
pub(crate) fn drop_usage_key(headers: &mut HeaderMap, event: &Json) {
    let named = event.pointer("/requestContext/identity/apiKey").and_then(Json::as_str);
    let Some(key) = named.filter(|key| !key.starts_with("sp_")) else { return };
    let values = headers.get_all(X_API_KEY);
    let others: Vec<HeaderValue> = values.iter().filter(|value| value.as_bytes() != key.as_bytes()).cloned().collect();
    headers.remove(X_API_KEY);
    for other in others {
        headers.append(X_API_KEY, other);
    }
}

/// An API key and an access token; at most one of each.
pub(crate) fn presented(headers: &HeaderMap) -> Result<Presented<'_>> {
    let bearer = only(headers, &AUTHORIZATION, bearer)?;
    let beside = only(headers, &X_API_KEY, Some)?;
    let (key, token) = match bearer {
        Some(text) if text.starts_with("sp_") => (Some(text), None),
        // A JWT has three parts (RFC 7515, section 3.1).
        Some(text) if text.bytes().filter(|byte| *byte == b'.').count() == 2 => (None, Some(text)),
        Some(_) => return Err(unusable("`Authorization` has neither an API key nor an access token")),
        None => (None, None),
    };
    if key.is_some() && beside.is_some() && key != beside {
        return Err(unusable("the request has two different API keys"));
    }
    Ok(Presented { api_key: key.or(beside), token, certificate: None })
}

/// The one credential of a plane that has one kind only.
pub(crate) fn credential(headers: &HeaderMap) -> Result<String> {
    let (bearer, beside) = (only(headers, &AUTHORIZATION, bearer)?, only(headers, &X_API_KEY, Some)?);
    if bearer.is_some() && beside.is_some() && bearer != beside {
        return Err(unusable("the request has two different credentials"));
    }
    bearer.or(beside).map(str::to_owned).ok_or_else(nothing_presented)
}

/// The value of a header. It may be there twice, but not with two values.
fn only<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
    read: impl Fn(&'a str) -> Option<&'a str>,
) -> Result<Option<&'a str>> {
    let mut found = None;
    for value in headers.get_all(name) {
        let text = value.to_str().map_err(|_| unusable(&format!("`{name}` is not text")))?;
        let value = read(text.trim()).filter(|value| !value.is_empty());
        let value = value.ok_or_else(|| unusable(&format!("`{name}` has no credential that is taken here")))?;
        if found.is_some_and(|other| other != value) {
            return Err(unusable(&format!("the request has two different values of `{name}`")));
        }
        found = Some(value);
    }
    Ok(found)
}

/// The token of `Bearer <token>`; a bare token too, as API Gateway takes it.
fn bearer(value: &str) -> Option<&str> {
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Some(token.trim()),
        Some(_) => None,
        None => Some(value).filter(|value| !value.eq_ignore_ascii_case("bearer")),
    }
}

fn unusable(detail: &str) -> Error {
    Error::new(&codes::request::UNAUTHORIZED, detail)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn a_key_comes_in_either_header() {
        for pairs in [
            &[("authorization", "Bearer sp_a")][..],
            &[("authorization", "bearer  sp_a")],
            &[("authorization", "sp_a")],
            &[("x-api-key", "sp_a")],
            &[("x-api-key", "sp_a"), ("authorization", "Bearer sp_a")],
        ] {
            let headers = map(pairs);
            let found = presented(&headers).expect("a credential");
            assert_eq!((found.api_key, found.token), (Some("sp_a"), None));
            assert_eq!(credential(&headers).expect("a credential"), "sp_a");
        }
    }

    #[test]
    fn a_token_comes_with_or_without_its_scheme_and_beside_a_key() {
        for (pairs, key) in [
            (&[("authorization", "Bearer a.b.c")][..], None),
            (&[("authorization", "a.b.c")], None),
            (&[("authorization", "BEARER a.b.c"), ("x-api-key", "sp_a")], Some("sp_a")),
        ] {
            let headers = map(pairs);
            let found = presented(&headers).expect("a credential");
            assert_eq!((found.token, found.api_key), (Some("a.b.c"), key));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for pairs in [
            &[("authorization", "Basic c3A6YQ==")][..],
            &[("authorization", "Bearer")],
            &[("authorization", "Bearer ")],
            &[("authorization", "")],
            &[("authorization", "opaque")],
            &[("authorization", "a.b.c.d.e")],
            &[("x-api-key", "")],
            &[("x-api-key", "sp_a"), ("authorization", "Bearer sp_b")],
            &[("x-api-key", "sp_a"), ("x-api-key", "sp_b")],
            &[("authorization", "a.b.c"), ("authorization", "a.b.d")],
        ] {
            assert!(presented(&map(pairs)).is_err(), "{pairs:?}");
        }
        let headers = HeaderMap::new();
        let nothing = presented(&headers).expect("nothing");
        assert!(nothing.api_key.is_none() && nothing.token.is_none());
        assert!(credential(&headers).is_err());
    }
}
