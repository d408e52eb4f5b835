//! Issuers, or who stands in their place, that answer too much, too slowly, or with somebody else's keys.

use std::sync::Arc;
use std::time::Duration;

use sealpost_core::error::codes;
use sealpost_core::port::TokenVerifier;
use sealpost_identity::{Issuers, Timing};
use serde_json::json;

use crate::forge::{Pair, from_now};
use crate::site::{Answer, Site};
use crate::world::{AUDIENCE, World, block, patient};

const DISCOVERY: &str = "/.well-known/openid-configuration";

/// Asserts that no token can be checked with such an answer, and that a good answer afterwards mends it.
async fn unusable(path: &str, answer: Answer, reason: &str) -> World {
    unusable_within(patient().request, path, answer, reason).await
}

/// The same, where a request may take so long.
async fn unusable_within(request: Duration, path: &str, answer: Answer, reason: &str) -> World {
    let world = World::with("EdDSA", json!({}), &Timing { request, ..patient() }).await;
    world.site.set(path, answer);
    let error = world.verify(&world.token()).await.unwrap_err();
    assert!(error.is(&codes::request::ISSUER_UNAVAILABLE), "{error}");
    assert!(error.is_retried() && error.detail().contains(reason), "{error:?} has no `{reason}`");
    world.site.publish(&[world.pair.jwk("a")]);
    world.accepts().await;
    world
}

#[tokio::test]
async fn an_endless_answer_is_read_to_its_limit() {
    // What was sent beyond the limit lies in the system's buffers of both ends.
    const BUFFERS: usize = 16 * 1024 * 1024;
    let world = unusable("/jwks", Answer::Endless, "more than 150000 bytes").await;
    assert!(world.site.sent() < BUFFERS, "{}", world.site.sent());
    let world = unusable(DISCOVERY, Answer::Endless, "more than 65536 bytes").await;
    assert!(world.site.sent() < BUFFERS, "{}", world.site.sent());
    unusable("/jwks", Answer::Head("200 OK\r\nContent-Length: 9999999999".to_owned()), "").await;
}

#[tokio::test]
async fn a_slow_answer_is_given_up() {
    for path in [DISCOVERY, "/jwks"] {
        for answer in [Answer::Trickle, Answer::Silence] {
            unusable_within(Duration::from_secs(2), path, answer, "timed out").await;
        }
    }
}

#[tokio::test]
async fn too_many_keys_and_what_is_no_key_set_are_refused() {
    let key = Pair::new("EdDSA").jwk("x");
    let many = |count: usize| Answer::Body(json!({ "keys": vec![json!({}); count] }).to_string());
    unusable("/jwks", many(10_000), "at most 100").await;
    unusable("/jwks", Answer::Body(json!({ "keys": vec![key; 10_000] }).to_string()), "more than 150000 bytes").await;
    for body in ["", "<html>sign in</html>", "[]", "{}", "{\"keys\":null}", "{\"keys\":[],\"keys\":[]}"] {
        unusable("/jwks", Answer::Body(body.to_owned()), "key set").await;
    }
    let deep = format!("{{\"keys\":{}{}}}", "[".repeat(50_000), "]".repeat(50_000));
    unusable("/jwks", Answer::Body(deep), "key set").await;
    for status in ["500 Oops", "404 Not Found", "204 No Content", "401 Unauthorized"] {
        unusable("/jwks", Answer::Head(status.to_owned()), &status[..3]).await;
    }
}

#[tokio::test]
async fn redirects_leave_neither_host_nor_port() {
    let elsewhere = Site::start().await;
    let attacker = Pair::new("EdDSA");
    elsewhere.publish(&[attacker.jwk("a")]);
    let redirect = |target: &str| Answer::Head(format!("302 Found\r\nLocation: {target}"));
    for path in [DISCOVERY, "/jwks"] {
        let localhost = elsewhere.url(path).replace("127.0.0.1", "localhost");
        for target in [elsewhere.url(path), localhost, "file:///etc/passwd".to_owned()] {
            unusable(path, redirect(&target), path).await;
        }
        unusable(path, redirect(path), "redirects too often").await;
    }
    assert_eq!(elsewhere.all_hits(), 0);
    // On the same host a redirect is fine.
    let world = World::new("EdDSA").await;
    world.site.set("/keys", Answer::Body(json!({"keys": [world.pair.jwk("a")]}).to_string()));
    world.site.set("/jwks", redirect("/keys"));
    world.accepts().await;
}

#[tokio::test]
async fn a_discovery_document_of_another_issuer_is_refused() {
    let other = Site::start().await;
    other.publish(&[Pair::new("EdDSA").jwk("a")]);
    let document = |issuer: &str| Answer::Body(json!({"issuer": issuer, "jwks_uri": other.url("/jwks")}).to_string());
    for issuer in [other.url(""), "https://login.microsoftonline.com/{tenantid}/v2.0".to_owned(), String::new()] {
        unusable(DISCOVERY, document(&issuer), "must be the same").await;
    }
    assert_eq!(other.all_hits(), 0);
    unusable(DISCOVERY, Answer::Body("{}".to_owned()), "names no issuer").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_issuer_delays_neither_others_nor_its_own_known_keys() {
    let (quick, slow) = (Site::start().await, Site::start().await);
    let (one, two) = (Pair::new("EdDSA"), Pair::new("EdDSA"));
    quick.publish(&[one.jwk("a")]);
    slow.publish(&[two.jwk("a")]);
    // Long enough to hang the test if anybody waited for it.
    let timing = Timing { request: Duration::from_secs(600), ..Timing::default() };
    let blocks = vec![block("quick", &quick.url(""), &json!({})), block("slow", &slow.url(""), &json!({}))];
    let issuers = Arc::new(Issuers::with_timing(blocks, &timing).unwrap());
    let token = |pair: &Pair, site: &Site, id: &str| {
        let claims = json!({"iss": site.url(""), "aud": AUDIENCE, "client_id": "c", "exp": from_now(900)});
        pair.token(&json!({"alg": "EdDSA", "kid": id}), &claims)
    };
    issuers.verify(&token(&two, &slow, "a")).await.unwrap();

    slow.set("/jwks", Answer::Silence);
    let waiting: Vec<_> = (0..50)
        .map(|number| {
            let (issuers, token) = (Arc::clone(&issuers), token(&two, &slow, &format!("new-{number}")));
            tokio::spawn(async move { issuers.verify(&token).await })
        })
        .collect();
    while slow.hits("/jwks") < 2 {
        tokio::task::yield_now().await;
    }
    for _ in 0..100 {
        issuers.verify(&token(&one, &quick, "a")).await.unwrap();
        issuers.verify(&token(&two, &slow, "a")).await.unwrap();
    }
    assert!(waiting.iter().all(|task| !task.is_finished()), "tokens with unknown keys wait");
    assert_eq!((slow.hits("/jwks"), quick.hits("/jwks")), (2, 1));
    for task in waiting {
        task.abort();
    }
}
