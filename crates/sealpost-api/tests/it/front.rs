//! Another listener before a rig's flow: with TLS, proxies, access tokens.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use metrics_exporter_prometheus::PrometheusBuilder;
use sealpost_api::{Front, State};
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::identity::{Identity, VerifiedToken};
use sealpost_core::port::TokenVerifier;
use sealpost_core::usage::RateLimit;
use tokio::net::TcpListener;

use crate::rig::Rig;

/// Serves the partner plane; gives its `host:port`.
pub(crate) async fn listen(rig: &Rig, front: Front, change: impl FnOnce(State) -> State) -> String {
    let metrics = PrometheusBuilder::new().build_recorder().handle();
    // Far more refusals from one address than anyone but a test should make.
    let patient = RateLimit { per_second: 1_000.0, burst: 10_000 };
    let state = State::new(rig.pipeline.clone(), metrics, None, |_| Ok(String::new())).with_failed_attempts(patient);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let router = sealpost_api::public::router(change(state));
    tokio::spawn(sealpost_api::serve_behind(listener, router, rig.shutdown.clone(), front));
    address
}

/// Takes `test.<subject>.<scope>+<scope>` for a token of the issuer `test`, except for subjects that are no letters.
/// What makes a real token good is tested where tokens are verified; here it is what comes after.
pub(crate) struct Tokens;

#[async_trait]
impl TokenVerifier for Tokens {
    async fn verify(&self, token: &str) -> Result<VerifiedToken> {
        let parts: Vec<&str> = token.split('.').collect();
        let &["test", subject, scopes] = parts.as_slice() else {
            return Err(Error::new(&codes::request::TOKEN_REFUSED, "its signature is \"wrong\""));
        };
        if subject == "away" {
            return Err(Error::new(&codes::request::ISSUER_UNAVAILABLE, "issuer test"));
        }
        Ok(VerifiedToken {
            identity: Identity { issuer: "test".to_owned(), subject: subject.to_owned() },
            scopes: scopes.split('+').map(str::to_owned).collect(),
            expires_at: Timestamp::MAX,
        })
    }

    fn vouched(&self, claims: &serde_json::Map<String, serde_json::Value>) -> Result<VerifiedToken> {
        let text = |name: &str| claims.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
        Ok(VerifiedToken {
            identity: Identity { issuer: "test".to_owned(), subject: text("sub") },
            scopes: text("scope").split(' ').map(str::to_owned).collect(),
            expires_at: Timestamp::MAX,
        })
    }

    async fn check(&self) -> Vec<(String, Result<String>)> {
        Vec::new()
    }
}

/// [`listen`] with [`Tokens`]; gives the URL.
pub(crate) async fn with_tokens(rig: &Rig) -> String {
    format!("http://{}", listen(rig, Front::default(), |state| state.with_tokens(Arc::new(Tokens))).await)
}

/// Makes identities stand for a partner.
pub(crate) async fn know(rig: &Rig, partner: &str, identities: &[(&str, &str)]) {
    let id = partner.parse().unwrap();
    let new: Vec<Identity> = identities
        .iter()
        .map(|(issuer, subject)| Identity { issuer: (*issuer).to_owned(), subject: (*subject).to_owned() })
        .collect();
    let edit = move |mut partner: sealpost_core::partner::Partner| {
        let all: BTreeSet<Identity> = partner.identities.drain(..).chain(new.iter().cloned()).collect();
        partner.identities = all.into_iter().collect();
        Ok(partner)
    };
    rig.pipeline.parts().records.edit_partner(&id, &edit).await.unwrap().unwrap();
}
