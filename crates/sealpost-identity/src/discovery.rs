//! From an issuer to its keys: the discovery document (`OpenID` Connect Discovery 1.0 section 4) names the key set.

use std::time::Duration;

use serde_json::Value;
use url::Url;

use crate::fetch::Fetcher;
use crate::json;
use crate::keys::KeySet;
use crate::refusal::quote;
use crate::settings::{KeySource, address, is_loopback};

/// The longest discovery document in bytes. Real ones have 1 to 8 KiB.
const LONGEST_DOCUMENT: usize = 64 * 1024;

/// The longest key set in bytes: what API Gateway reads.
const LONGEST_KEYS: usize = 150_000;

/// An issuer's keys and where they were found.
pub(crate) struct Found {
    pub(crate) keys: KeySet,
    pub(crate) url: Url,
    pub(crate) max_age: Option<Duration>,
}

/// Fetches an issuer's keys.
///
/// # Errors
/// Says in words what went wrong, and at which address.
pub(crate) async fn fetch_keys(fetcher: &Fetcher, issuer: &str, source: &KeySource) -> Result<Found, String> {
    let url = match source {
        KeySource::Keys(url) => url.clone(),
        KeySource::Discovery(url) => {
            let document = fetcher.get(url, LONGEST_DOCUMENT).await?;
            keys_url(&document.body, issuer, url).map_err(|why| format!("discovery document {url}: {why}"))?
        }
    };
    let fetched = fetcher.get(&url, LONGEST_KEYS).await?;
    let keys = KeySet::read(&fetched.body).map_err(|why| format!("key set {url}: {why}"))?;
    Ok(Found { keys, url, max_age: fetched.max_age })
}

fn keys_url(document: &[u8], issuer: &str, from: &Url) -> Result<Url, String> {
    let document = json::object(document)?;
    // Discovery section 4.3: it must be exactly the issuer that was asked for, or one issuer could speak for another.
    match document.get("issuer") {
        Some(Value::String(named)) if named == issuer => {}
        Some(Value::String(named)) => {
            return Err(format!("it is issuer {}'s; `issuer` in the configuration must be the same", quote(named)));
        }
        _ => return Err("it names no issuer".to_owned()),
    }
    let Some(Value::String(url)) = document.get("jwks_uri") else {
        return Err("it has no `jwks_uri`".to_owned());
    };
    let url = address(url).map_err(|why| format!("its `jwks_uri` {why}"))?;
    // A public issuer has no business on this machine, nor without TLS.
    if is_loopback(&url) && !is_loopback(from) {
        return Err("its `jwks_uri` is on this machine".to_owned());
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(document: Value) -> Result<Url, String> {
        let from = "https://id.example/.well-known/openid-configuration".parse().unwrap();
        keys_url(document.to_string().as_bytes(), "https://id.example", &from)
    }

    #[test]
    fn the_document_must_be_of_the_same_issuer_exactly() {
        let keys = "https://keys.example/jwks";
        read(json!({"issuer": "https://id.example", "jwks_uri": keys})).unwrap();
        for issuer in
            [json!("https://id.example/"), json!("https://ID.example"), json!(null), json!(["https://id.example"])]
        {
            assert!(read(json!({"issuer": issuer, "jwks_uri": keys})).is_err(), "{issuer}");
        }
    }

    #[test]
    fn keys_come_by_tls_from_elsewhere_than_this_machine() {
        for url in ["http://keys.example", "http://127.0.0.1/", "https://localhost/", "file:///etc/passwd", "keys"] {
            assert!(read(json!({"issuer": "https://id.example", "jwks_uri": url})).is_err(), "{url}");
        }
        assert!(read(json!({"issuer": "https://id.example"})).is_err());
    }
}
