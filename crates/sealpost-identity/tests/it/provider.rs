//! A certified issuer, `oidc-provider`: client credentials, every algorithm, keys that change while tokens are checked.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use sealpost_core::error::codes;
use sealpost_core::port::TokenVerifier;
use sealpost_identity::Issuers;
use sealpost_testkit::oidc::OidcProvider;
use serde_json::json;

use crate::world::{AUDIENCE, block, patient};

const CLIENTS: &[(&str, &[&str])] = &[("acme", &["reports:read", "reports:write"]), ("bolt", &["reports:read"])];

fn issuers(provider: &OidcProvider) -> Issuers {
    Issuers::with_timing(vec![block("id", &provider.issuer(), &json!({}))], &patient()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn client_credentials_tokens_are_accepted_for_us_only() {
    let provider = OidcProvider::start(CLIENTS);
    let issuers = issuers(&provider);
    let verified = issuers.verify(&provider.token("acme", "reports:read reports:write", AUDIENCE)).await.unwrap();
    assert_eq!((verified.identity.issuer.as_str(), verified.identity.subject.as_str()), ("id", "acme"));
    assert_eq!(verified.scopes, ["reports:read", "reports:write"]);
    let left = verified.expires_at.as_second() - jiff::Timestamp::now().as_second();
    assert!((1..=600).contains(&left), "{left}");
    let verified = issuers.verify(&provider.token("bolt", "reports:read", AUDIENCE)).await.unwrap();
    assert_eq!((verified.identity.subject.as_str(), verified.scopes.len()), ("bolt", 1));

    let error = issuers.verify(&provider.token("acme", "reports:read", "https://other.example")).await.unwrap_err();
    assert!(error.is(&codes::request::TOKEN_REFUSED), "{error}");
    assert_eq!(error.detail(), "audience `https://other.example` is not accepted here");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_of_every_algorithm_are_accepted() {
    let provider = OidcProvider::start(CLIENTS);
    let issuers = issuers(&provider);
    for algorithm in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA", "Ed25519"] {
        provider.use_keys(&[(algorithm, algorithm)]);
        let said = issuers.check().await.remove(0).1.unwrap();
        let verified = issuers.verify(&provider.token("acme", "reports:read", AUDIENCE)).await;
        assert_eq!(verified.unwrap_or_else(|error| panic!("{algorithm}: {error}; {said}")).identity.subject, "acme");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_change_while_tokens_are_checked() {
    let provider = OidcProvider::start(CLIENTS);
    let issuers = Arc::new(issuers(&provider));
    let token = || provider.token("acme", "reports:read", AUDIENCE);
    let (old, valid) = (token(), Arc::new(Mutex::new(vec![token()])));
    issuers.verify(&old).await.unwrap();

    let (stop, checked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let checking: Vec<_> = (0..4)
        .map(|_| {
            let (issuers, valid) = (Arc::clone(&issuers), Arc::clone(&valid));
            let (stop, checked) = (Arc::clone(&stop), Arc::clone(&checked));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let tokens = valid.lock().unwrap().clone();
                    for token in tokens {
                        issuers.verify(&token).await.expect("a valid token");
                        checked.fetch_add(1, Ordering::Relaxed);
                    }
                    // A verification with a known key never waits, so nothing else would get its turn.
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    let more = async || {
        let before = checked.load(Ordering::Relaxed);
        while checked.load(Ordering::Relaxed) < before + 200
            && !checking.iter().any(tokio::task::JoinHandle::is_finished)
        {
            tokio::task::yield_now().await;
        }
    };

    more().await;
    // The new key signs at once: nobody was told before.
    provider.use_keys(&[("second", "ES256"), ("first", "RS256")]);
    valid.lock().unwrap().push(token());
    more().await;
    // The old one goes, with the tokens that it signed.
    *valid.lock().unwrap() = vec![token()];
    more().await;
    provider.use_keys(&[("second", "ES256")]);
    issuers.verify(&old).await.expect("until the keys are renewed, as everywhere");
    issuers.check().await.remove(0).1.unwrap();
    let error = issuers.verify(&old).await.unwrap_err();
    assert!(error.is(&codes::request::TOKEN_REFUSED) && error.detail().contains("`first`"), "{error}");
    more().await;
    stop.store(true, Ordering::Relaxed);
    for task in checking {
        task.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuer_that_is_down_stops_nobody_whose_key_is_known() {
    let mut provider = OidcProvider::start(CLIENTS);
    let issuers = issuers(&provider);
    let cold = self::issuers(&provider);
    let token = provider.token("acme", "reports:read", AUDIENCE);
    issuers.verify(&token).await.unwrap();
    provider.use_keys(&[("second", "EdDSA"), ("first", "RS256")]);
    let newer = provider.token("acme", "reports:read", AUDIENCE);

    provider.stop();
    issuers.verify(&token).await.unwrap();
    let error = cold.verify(&token).await.unwrap_err();
    assert!(error.is(&codes::request::ISSUER_UNAVAILABLE) && error.detail().contains("refused"), "{error}");
    // What it hears may be the end of a connection that it has kept.
    let error = issuers.verify(&newer).await.unwrap_err();
    assert!(error.is(&codes::request::ISSUER_UNAVAILABLE), "{error}");
    let (name, outcome) = issuers.check().await.remove(0);
    assert!(name == "id" && outcome.unwrap_err().is(&codes::request::ISSUER_UNAVAILABLE));
    issuers.verify(&token).await.unwrap();

    provider.resume();
    cold.verify(&token).await.unwrap();
    issuers.check().await.remove(0).1.unwrap();
    issuers.verify(&newer).await.unwrap();
    issuers.verify(&token).await.unwrap();
}
