//! Keys are fetched as seldom as can be, and as often as must be.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use sealpost_core::error::codes;
use sealpost_core::port::TokenVerifier;
use sealpost_identity::Timing;
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::forge::Pair;
use crate::site::{Answer, LATE};
use crate::world::{World, patient};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_verifications_cause_one_fetch() {
    let world = Arc::new(World::new("EdDSA").await);
    let all = async |world: &Arc<World>, token: String| {
        let mut tasks = JoinSet::new();
        for _ in 0..100 {
            let (world, token) = (Arc::clone(world), token.clone());
            tasks.spawn(async move { world.verify(&token).await.map(|_| ()) });
        }
        tasks.join_all().await
    };
    for outcome in all(&world, world.token()).await {
        outcome.unwrap();
    }
    assert_eq!((world.site.hits("/.well-known/openid-configuration"), world.site.hits("/jwks")), (1, 1));

    // A new key, which all of them need at once.
    let new = Pair::new("EdDSA");
    world.site.publish(&[world.pair.jwk("a"), new.jwk("b")]);
    let mut header = world.header();
    header["kid"] = json!("b");
    for outcome in all(&world, new.token(&header, &world.claims())).await {
        outcome.unwrap();
    }
    assert_eq!(world.site.hits("/jwks"), 2);

    for outcome in join_all((0..100).map(|_| world.issuers.check())).await {
        outcome.into_iter().for_each(|(_, said)| drop(said.unwrap()));
    }
    assert_eq!(world.site.hits("/jwks"), 3, "so does a check");
}

#[tokio::test]
async fn a_flood_of_invented_key_ids_is_one_fetch() {
    let world = World::new("EdDSA").await;
    world.accepts().await;
    for number in 0..1_000 {
        let why = world.refuses(&world.with_header("kid", json!(format!("invented-{number}")))).await;
        assert!(why.contains("has no key"), "{why}");
    }
    assert_eq!(world.site.hits("/jwks"), 2);
}

#[tokio::test]
async fn a_key_id_that_was_missing_is_not_asked_for_again() {
    let timing = Timing { unknown_key_pause: Duration::ZERO, ..Timing::default() };
    let world = World::with("EdDSA", json!({}), &timing).await;
    world.accepts().await;
    for _ in 0..10 {
        world.refuses(&world.with_header("kid", json!("b"))).await;
    }
    assert_eq!(world.site.hits("/jwks"), 2);
    world.refuses(&world.with_header("kid", json!("c"))).await;
    assert_eq!(world.site.hits("/jwks"), 3, "another one is");
}

#[tokio::test]
async fn an_issuer_that_is_down_is_not_hammered() {
    let timing = Timing { first_retry: Duration::from_secs(60), longest_retry: Duration::from_secs(60), ..patient() };
    let world = World::with("EdDSA", json!({}), &timing).await;
    world.site.set("/jwks", Answer::Head("503 Down".to_owned()));
    for _ in 0..100 {
        let error = world.verify(&world.token()).await.unwrap_err();
        assert!(error.is(&codes::request::ISSUER_UNAVAILABLE) && error.detail().contains("503"), "{error}");
    }
    assert_eq!(world.site.hits("/jwks"), 1);
}

#[tokio::test]
async fn known_keys_are_used_without_the_issuer_for_a_while_then_no_more() {
    let brief = Duration::from_millis(300);
    let timing =
        Timing { shortest_age: brief, longest_age: brief, without_issuer: Duration::from_secs(3600), ..patient() };
    let world = World::with("EdDSA", json!({}), &timing).await;
    world.accepts().await;
    world.site.set("/jwks", Answer::Head("503 Down".to_owned()));
    let hits = world.site.hits("/jwks");
    until(|| world.site.hits("/jwks") > hits + 2, || world.accepts()).await;
    let error = world.verify(&world.with_header("kid", json!("b"))).await.unwrap_err();
    assert!(error.is(&codes::request::ISSUER_UNAVAILABLE), "of an unknown key nothing can be said: {error}");

    // Long enough for a token to be checked with keys that have just come.
    let brief = Duration::from_secs(2);
    let timing = Timing { shortest_age: brief, longest_age: brief, without_issuer: Duration::ZERO, ..timing };
    let world = World::with("EdDSA", json!({}), &timing).await;
    world.accepts().await;
    world.site.set("/jwks", Answer::Head("503 Down".to_owned()));
    tokio::time::sleep(2 * brief).await;
    let error = world.verify(&world.token()).await.unwrap_err();
    assert!(error.is(&codes::request::ISSUER_UNAVAILABLE), "{error}");
    world.site.publish(&[world.pair.jwk("a")]);
    world.accepts().await;
}

#[tokio::test]
async fn keys_are_renewed_in_the_background_and_a_removed_one_stops_working() {
    let brief = Duration::from_millis(200);
    let timing = Timing { shortest_age: brief, longest_age: brief, ..patient() };
    let world = Arc::new(World::with("EdDSA", json!({}), &timing).await);
    let shutdown = CancellationToken::new();
    let (background, stop) = (Arc::clone(&world), shutdown.clone());
    let running = tokio::spawn(async move { background.issuers.refresh_in_background(stop).await });
    let idle = || std::future::ready(());
    // Nothing is verified meanwhile.
    until(|| world.site.hits("/jwks") > 2, idle).await;
    world.accepts().await;
    world.site.publish(&[Pair::new("EdDSA").jwk("b")]);
    let hits = world.site.hits("/jwks");
    until(|| world.site.hits("/jwks") > hits + 1, idle).await;
    world.refuses(&world.token()).await;
    shutdown.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn what_the_issuer_says_about_caching_is_followed_within_limits() {
    // 0 seconds is less than the shortest age, so these keys are fresh for 5 minutes.
    let world = World::new("EdDSA").await;
    let keys = json!({"keys": [world.pair.jwk("a")]}).to_string();
    let length = keys.len();
    let raw = format!("200 OK\r\nCache-Control: public, max-age=0\r\nContent-Length: {length}\r\n\r\n{keys}");
    world.site.set("/jwks", Answer::Head(raw));
    for _ in 0..10 {
        world.accepts().await;
    }
    assert_eq!(world.site.hits("/jwks"), 1);
    let said = world.issuers.check().await.remove(0).1.unwrap();
    assert!(said.contains("fresh for 5 min") && said.contains("`a` (Ed25519)"), "{said}");
    world.issuers.refresh_if_due(Duration::ZERO).await;
    assert_eq!(world.site.hits("/jwks"), 2, "nothing is due after the check");
}

/// A function is stopped between two events, and what it fetches with it: keys that no event waits for never come.
#[tokio::test]
async fn a_slow_issuer_is_waited_for_and_one_that_is_down_costs_its_time_once() {
    let (brief, patience, request) = (Duration::from_millis(100), Duration::from_millis(50), Duration::from_secs(2));
    let timing = Timing { request, shortest_age: brief, longest_age: brief, ..patient() };
    let world = World::with("EdDSA", json!({}), &timing).await;
    let event = async || {
        let begun = Instant::now();
        world.issuers.refresh_if_due(patience).await;
        begun.elapsed()
    };
    world.site.set("/jwks", Answer::Late(json!({"keys": [world.pair.jwk("a")]}).to_string()));
    for hits in 1..=2 {
        let took = event().await;
        assert!(took >= LATE, "{took:?}");
        assert_eq!(world.site.hits("/jwks"), hits);
        tokio::time::sleep(2 * brief).await;
    }
    world.site.set("/jwks", Answer::Silence);
    let took = event().await;
    assert!(took >= request, "{took:?}");
    for _ in 0..3 {
        let took = event().await;
        assert!(took < request / 2, "{took:?}");
    }
}

/// Does something again and again until a condition holds; gives up after a minute.
async fn until<F: Future<Output = ()>>(reached: impl Fn() -> bool, mut act: impl FnMut() -> F) {
    let start = Instant::now();
    while !reached() {
        assert!(start.elapsed() < Duration::from_secs(60), "it never came to that");
        act().await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
