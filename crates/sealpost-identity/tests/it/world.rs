//! An issuer whose keys the test holds, and a verifier that trusts it.

use std::time::Duration;

use sealpost_core::error::{Error, codes};
use sealpost_core::identity::VerifiedToken;
use sealpost_core::port::TokenVerifier;
use sealpost_identity::{IssuerSettings, Issuers, Timing};
use serde_json::{Value, json};

use crate::forge::{Pair, from_now};
use crate::site::Site;

pub(crate) const AUDIENCE: &str = "https://api.example";

/// A block of the configuration, with these members besides name, issuer and audience.
pub(crate) fn block(name: &str, issuer: &str, change: &Value) -> IssuerSettings {
    let mut block = json!({"name": name, "issuer": issuer, "audiences": [AUDIENCE]});
    for (name, value) in change.as_object().unwrap() {
        block[name] = value.clone();
    }
    serde_json::from_value(block).unwrap()
}

/// The usual times, but for requests: each may take as long as it does on a slow machine, and is made again at once.
pub(crate) fn patient() -> Timing {
    Timing { request: Duration::from_secs(30), first_retry: Duration::ZERO, ..Timing::default() }
}

pub(crate) struct World {
    pub(crate) site: Site,
    pub(crate) issuers: Issuers,
    /// The key `a`, for the algorithm of the world.
    pub(crate) pair: Pair,
    algorithm: &'static str,
}

impl World {
    /// An issuer with one key.
    pub(crate) async fn new(algorithm: &'static str) -> Self {
        Self::with(algorithm, json!({}), &Timing::default()).await
    }

    /// The same, with members of its block and times.
    pub(crate) async fn with(algorithm: &'static str, change: Value, timing: &Timing) -> Self {
        let (site, pair) = (Site::start().await, Pair::new(algorithm));
        site.publish(&[pair.jwk("a")]);
        let issuers = Issuers::with_timing(vec![block("id", &site.url(""), &change)], timing).unwrap();
        Self { site, issuers, pair, algorithm }
    }

    pub(crate) fn header(&self) -> Value {
        json!({"alg": self.algorithm, "kid": "a", "typ": "at+jwt"})
    }

    pub(crate) fn claims(&self) -> Value {
        json!({
            "iss": self.site.url(""), "aud": AUDIENCE, "sub": "acme", "client_id": "acme", "scope": "reports:read",
            "iat": from_now(0), "exp": from_now(300),
        })
    }

    /// A token that is right.
    pub(crate) fn token(&self) -> String {
        self.pair.token(&self.header(), &self.claims())
    }

    /// A token that is right but for one member of its header.
    pub(crate) fn with_header(&self, name: &str, value: Value) -> String {
        let mut header = self.header();
        header[name] = value;
        self.pair.token(&header, &self.claims())
    }

    /// A token that is right but for one claim; null leaves it out.
    pub(crate) fn with_claim(&self, name: &str, value: Value) -> String {
        let mut claims = self.claims();
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().shift_remove(name)),
            value => claims[name] = value,
        }
        self.pair.token(&self.header(), &claims)
    }

    pub(crate) async fn verify(&self, token: &str) -> Result<VerifiedToken, Error> {
        self.issuers.verify(token).await
    }

    /// Asserts that the right token works: a suite whose every token is refused proves nothing.
    pub(crate) async fn accepts(&self) {
        let verified = self.verify(&self.token()).await.unwrap();
        assert_eq!((verified.identity.issuer.as_str(), verified.identity.subject.as_str()), ("id", "acme"));
        assert_eq!(verified.scopes, ["reports:read"]);
    }

    /// Asserts that a token is refused, and that the reason does not repeat it.
    pub(crate) async fn refuses(&self, token: &str) -> String {
        match self.verify(token).await {
            Ok(_) => panic!("accepted: {token}"),
            Err(error) => {
                assert!(error.is(&codes::request::TOKEN_REFUSED), "{error} for {token}");
                let said = format!("{error:?}");
                for part in token.split('.').filter(|part| part.len() > 20) {
                    assert!(!said.contains(part), "{said} repeats the token");
                }
                error.detail().to_owned()
            }
        }
    }
}
