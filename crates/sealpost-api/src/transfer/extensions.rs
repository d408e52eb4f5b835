//! What the service's model has no member for comes in headers that stock clients can add and the service ignores. They
//! count only when they are signed, so that nobody on the way can add or change one.

use std::collections::BTreeMap;

use http::HeaderMap;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::refusal::{Refusal, Result};

const IDEMPOTENCY_TOKEN: &str = "x-sealpost-idempotency-token";
const METADATA: &str = "x-sealpost-metadata";
/// Most bytes of the metadata.
const METADATA_LIMIT: usize = 2048;

/// The headers of one request.
#[derive(Debug, Default)]
pub(super) struct Extensions {
    /// The token, and the digest of the request that it stands for.
    pub(super) idempotency: Option<(String, String)>,
    /// The caller's own words.
    pub(super) metadata: BTreeMap<String, String>,
}

impl Extensions {
    /// Reads and checks them. `is_signed` tells which headers the signature covers.
    pub(super) fn read(
        headers: &HeaderMap,
        is_signed: impl Fn(&str) -> bool,
        operation: &str,
        body: &serde_json::Map<String, Json>,
    ) -> Result<Self> {
        for name in [IDEMPOTENCY_TOKEN, METADATA] {
            if headers.get_all(name).iter().count() > 1 {
                return Err(Refusal::invalid(format!("The header {name} is there more than once.")));
            }
            if headers.contains_key(name) && !is_signed(name) {
                return Err(Refusal::invalid(format!(
                    "The header {name} has to be signed with the request: add it before the request is signed."
                )));
            }
        }
        let metadata = headers.get(METADATA).map(|value| metadata(value.as_bytes())).transpose()?.unwrap_or_default();
        let token = headers.get(IDEMPOTENCY_TOKEN).map(|value| token(value.as_bytes())).transpose()?;
        let idempotency = token.map(|token| (token, digest(operation, body, &metadata)));
        Ok(Self { idempotency, metadata })
    }
}

fn token(value: &[u8]) -> Result<String> {
    let text = String::from_utf8_lossy(value).into_owned();
    if !(1..=64).contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Refusal::invalid(format!("{IDEMPOTENCY_TOKEN}: expected 1 to 64 visible ASCII characters.")));
    }
    Ok(text)
}

fn metadata(value: &[u8]) -> Result<BTreeMap<String, String>> {
    let wrong = |what: &str| Refusal::invalid(format!("{METADATA}: expected {what}."));
    if value.len() > METADATA_LIMIT {
        return Err(wrong("at most 2,048 bytes"));
    }
    serde_json::from_slice(value).map_err(|_| wrong("a JSON object whose values are strings"))
}

/// What makes two requests the same: operation, members in any order, metadata.
fn digest(operation: &str, body: &serde_json::Map<String, Json>, metadata: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    write_sorted(&Json::Object(body.clone()), &mut text);
    let metadata: Json = metadata.iter().map(|(key, value)| (key.clone(), Json::from(value.as_str()))).collect();
    hex::encode(Sha256::digest(format!("{operation}\n{text}\n{metadata}")))
}

/// JSON with the members of each object by name: clients write them in an order of their own.
fn write_sorted(value: &Json, text: &mut String) {
    match value {
        Json::Object(map) => {
            let sorted: BTreeMap<_, _> = map.iter().filter(|(_, value)| !value.is_null()).collect();
            text.push('{');
            for (name, value) in sorted {
                text.push_str(&Json::from(name.as_str()).to_string());
                text.push(':');
                write_sorted(value, text);
                text.push(',');
            }
            text.push('}');
        }
        Json::Array(list) => {
            text.push('[');
            for value in list {
                write_sorted(value, text);
                text.push(',');
            }
            text.push(']');
        }
        other => text.push_str(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use serde_json::json;

    use super::*;

    fn read(headers: &[(&'static str, &'static str)], body: &Json) -> Result<Extensions> {
        let headers =
            headers.iter().map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)));
        Extensions::read(&headers.collect(), |_| true, "StartFileTransfer", body.as_object().expect("an object"))
    }

    #[test]
    fn the_digest_does_not_depend_on_the_order_of_members() {
        let digest = |body: Json, metadata: &'static str| {
            let headers = [(IDEMPOTENCY_TOKEN, "one"), (METADATA, metadata)];
            read(&headers, &body).expect("headers").idempotency.expect("a token").1
        };
        let one = digest(json!({"a": "1", "b": {"c": ["2"], "d": "3"}}), "{}");
        assert_eq!(one, digest(json!({"b": {"d": "3", "c": ["2"], "e": null}, "a": "1"}), "{}"));
        assert_ne!(one, digest(json!({"a": "1", "b": {"c": ["2"], "d": "4"}}), "{}"));
        assert_ne!(one, digest(json!({"a": "1", "b": {"c": ["2"], "d": "3"}}), r#"{"batch": "7"}"#));
    }

    #[test]
    fn headers_are_checked_and_must_be_signed() {
        for (name, value) in [
            (IDEMPOTENCY_TOKEN, ""),
            (IDEMPOTENCY_TOKEN, "a b"),
            (METADATA, "[]"),
            (METADATA, "{\"a\": 1}"),
            (METADATA, "no"),
        ] {
            assert!(read(&[(name, value)], &json!({})).is_err(), "{name}: {value}");
        }
        let headers = [(http::HeaderName::from_static(METADATA), HeaderValue::from_static("{}"))].into_iter().collect();
        assert!(Extensions::read(&headers, |_| false, "x", &serde_json::Map::new()).is_err());
    }
}
