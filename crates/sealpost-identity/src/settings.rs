//! The `[[identity.issuers]]` blocks of the configuration.

use schemars::JsonSchema;
use sealpost_core::error::FieldError;
use sealpost_core::identity::CLIENT_CERTIFICATES;
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::algorithm::Algorithm;
use crate::profile::Profile;

/// An issuer of access tokens, and which of its tokens are meant for this service.
///
/// At least one of `audiences` and `client_ids` is required: without, every token that the issuer makes for anyone would work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IssuerSettings {
    /// A name of your choice (1 to 63 of a-z, 0-9 and -): partners' identities name it. Never `mtls`.
    pub name: String,
    /// The issuer's URL exactly as its tokens say it in `iss`, with or without a slash at its end. `https://`; `http://`
    /// only on this machine.
    pub issuer: String,
    /// Whose tokens its tokens look like; `generic` when not given.
    #[serde(default)]
    pub profile: Profile,
    /// The names of this service at the issuer. A token with `aud` must have one of them there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audiences: Vec<String>,
    /// The clients whose tokens are accepted. A token without `aud` must be from one of them (Cognito); where they are
    /// given, a token with `aud` must be too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub client_ids: Vec<String>,
    /// The claim that says who the caller is; the profile's when not given, mostly the client id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_claim: Option<String>,
    /// What stands before the scopes of this service, such as `https://api.example` for `https://api.example/reports:read`.
    /// Scopes without it do not count then, except in `permissions` and `roles`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope_prefix: Option<String>,
    /// The only signature algorithms to accept; all that are safe when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithms: Option<Vec<Algorithm>>,
    /// Where the keys are; from the discovery document when not given. With it no discovery document is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_url: Option<String>,
    /// Where the discovery document is; `<issuer>/.well-known/openid-configuration` when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discovery_url: Option<String>,
}

/// Where an issuer's keys come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeySource {
    Discovery(Url),
    Keys(Url),
}

impl IssuerSettings {
    /// Everything that is wrong, with pointers below this block.
    #[must_use]
    pub fn problems(&self) -> Vec<FieldError> {
        let mut problems = Vec::new();
        let mut add = |field: &str, detail: String| problems.push(FieldError::new(format!("/{field}"), detail));
        if !is_slug(&self.name) {
            add("name", "must be 1 to 63 of a-z, 0-9 and -".to_owned());
        } else if self.name == CLIENT_CERTIFICATES {
            add("name", format!("`{CLIENT_CERTIFICATES}` stands for client certificates; choose another name"));
        }
        match address(&self.issuer) {
            Err(why) => add("issuer", why),
            Ok(url) if url.query().is_some() => add("issuer", "has a query, which an issuer never has".to_owned()),
            Ok(_) => {}
        }
        for (field, url) in [("jwks_url", &self.jwks_url), ("discovery_url", &self.discovery_url)] {
            if let Some(Err(why)) = url.as_deref().map(address) {
                add(field, why);
            }
        }
        if self.jwks_url.is_some() && self.discovery_url.is_some() {
            add("discovery_url", "is not read when `jwks_url` is given; remove one of them".to_owned());
        }
        let profile = self.profile.entry();
        if self.audiences.is_empty() && profile.audience {
            add("audiences", format!("is required with profile `{}`: its tokens always have `aud`", profile.name));
        } else if self.audiences.is_empty() && self.client_ids.is_empty() {
            let why = "or `client_ids` is required: without, tokens for any other service would be accepted";
            add("audiences", why.to_owned());
        }
        for (field, values) in [("audiences", &self.audiences), ("client_ids", &self.client_ids)] {
            if values.iter().any(|value| value.trim().is_empty()) {
                add(field, "has an empty entry".to_owned());
            }
        }
        for (field, value) in [("subject_claim", &self.subject_claim), ("scope_prefix", &self.scope_prefix)] {
            if value.as_ref().is_some_and(|value| value.trim().is_empty()) {
                add(field, "is empty; leave it out instead".to_owned());
            }
        }
        if self.algorithms.as_ref().is_some_and(Vec::is_empty) {
            add("algorithms", "is empty, so that no token could be accepted; leave it out to accept all".to_owned());
        }
        problems
    }

    /// Where the keys come from.
    ///
    /// # Errors
    /// Says why an address can't be used.
    pub(crate) fn key_source(&self) -> Result<KeySource, String> {
        if let Some(url) = &self.jwks_url {
            return Ok(KeySource::Keys(address(url)?));
        }
        let url = match &self.discovery_url {
            Some(url) => url.clone(),
            // OpenID Connect Discovery 1.0 section 4.
            None => format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/')),
        };
        Ok(KeySource::Discovery(address(&url)?))
    }
}

/// An address that keys may be fetched from: whoever can change what comes from there can make tokens.
pub(crate) fn address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("is not a URL: {error}"))?;
    let local = is_loopback(&url);
    match url.scheme() {
        "https" => {}
        "http" if local => {}
        "http" => return Err("must be https://; plain http:// is accepted on this machine only".to_owned()),
        _ => return Err("must be an https:// URL".to_owned()),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("has a user or password in it".to_owned());
    }
    if url.fragment().is_some() {
        return Err("has a fragment (`#…`)".to_owned());
    }
    Ok(url)
}

pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

fn is_slug(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&name.len()) && name.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn settings(change: serde_json::Value) -> IssuerSettings {
        let mut block = json!({"name": "a", "issuer": "https://id.example", "audiences": ["x"]});
        for (name, value) in change.as_object().unwrap() {
            block[name] = value.clone();
        }
        serde_json::from_value(block).unwrap()
    }

    #[test]
    fn each_problem_is_named_at_its_place() {
        for (change, pointer) in [
            (json!({"name": "mtls"}), "/name"),
            (json!({"name": "Okta"}), "/name"),
            (json!({"name": ""}), "/name"),
            (json!({"issuer": "http://id.example"}), "/issuer"),
            (json!({"issuer": "http://127.0.0.1.example"}), "/issuer"),
            (json!({"issuer": "ftp://id.example"}), "/issuer"),
            (json!({"issuer": "https://u:p@id.example"}), "/issuer"),
            (json!({"issuer": "https://id.example/?a"}), "/issuer"),
            (json!({"jwks_url": "http://id.example/keys"}), "/jwks_url"),
            (json!({"jwks_url": "https://a.b", "discovery_url": "https://a.b"}), "/discovery_url"),
            (json!({"audiences": []}), "/audiences"),
            (json!({"audiences": [], "client_ids": ["c"], "profile": "okta"}), "/audiences"),
            (json!({"client_ids": [" "]}), "/client_ids"),
            (json!({"subject_claim": ""}), "/subject_claim"),
            (json!({"algorithms": []}), "/algorithms"),
        ] {
            let problems = settings(change.clone()).problems();
            assert_eq!(problems.iter().map(|p| p.pointer.as_str()).collect::<Vec<_>>(), [pointer], "{change}");
        }
        for change in [
            json!({}),
            json!({"issuer": "http://localhost:8080/realms/a"}),
            json!({"issuer": "http://[::1]:1"}),
            json!({"audiences": [], "client_ids": ["c"], "profile": "cognito"}),
        ] {
            assert_eq!(settings(change).problems(), []);
        }
    }

    #[test]
    fn unknown_members_and_unsafe_algorithms_do_not_exist() {
        for (name, value) in
            [("audience", json!("x")), ("algorithms", json!(["HS256"])), ("algorithms", json!(["none"]))]
        {
            let mut block = json!({"name": "a", "issuer": "https://id.example", "audiences": ["x"]});
            block[name] = value;
            assert!(serde_json::from_value::<IssuerSettings>(block).is_err(), "{name}");
        }
    }

    #[test]
    fn the_discovery_document_is_below_the_issuer() {
        for issuer in ["https://id.example/realms/a", "https://id.example/realms/a/"] {
            let source = settings(json!({"issuer": issuer})).key_source().unwrap();
            let url = "https://id.example/realms/a/.well-known/openid-configuration".parse().unwrap();
            assert_eq!(source, KeySource::Discovery(url));
        }
    }
}
