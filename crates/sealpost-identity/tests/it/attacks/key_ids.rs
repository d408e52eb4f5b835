//! The key id as a way in: into paths, queries, other issuers' keys.

use std::process::Command;
use std::time::Duration;

use sealpost_core::error::codes;
use sealpost_core::port::TokenVerifier;
use sealpost_identity::{Issuers, Timing};
use serde_json::{Value, json};

use crate::forge::{Pair, encode, from_now};
use crate::site::Site;
use crate::world::{AUDIENCE, World, block};

#[tokio::test]
async fn tricks_in_the_key_id_find_nothing_and_ask_once() {
    let world = World::new("EdDSA").await;
    world.accepts().await;
    let tricks = [
        json!("../../../../../../dev/null"),
        json!("/proc/self/environ"),
        json!("..%2f..%2fa"),
        json!("a/../a"),
        json!("./a"),
        json!("A"),
        json!("a "),
        json!(""),
        json!("a' OR '1'='1"),
        json!("x' UNION SELECT 'secret';--"),
        json!("$(id)"),
        json!("{{7*7}}"),
        json!("a\u{0}"),
        json!("a\r\nHost: evil.example"),
        json!("a".repeat(257)),
        json!("a".repeat(10_000)),
        json!("\u{ff41}"),
        json!(0),
        json!(["a"]),
        json!({"$ne": ""}),
        Value::Null,
    ];
    for trick in tricks {
        let why = world.refuses(&world.with_header("kid", trick)).await;
        assert!(why.chars().count() < 250 && !why.contains(char::is_control), "{why}");
    }
    assert_eq!(world.site.hits("/jwks"), 2, "the first keys, and once for unknown key ids");
    world.accepts().await;
}

#[tokio::test]
async fn without_a_key_id_only_one_key_may_fit() {
    let world = World::new("EdDSA").await;
    let mut header = world.header();
    header.as_object_mut().unwrap().shift_remove("kid");
    let token = world.pair.token(&header, &world.claims());
    world.verify(&token).await.unwrap();
    let (other, elliptic) = (Pair::new("EdDSA"), Pair::new("ES256"));
    world.site.publish(&[world.pair.jwk("a"), elliptic.jwk("b")]);
    world.issuers.check().await.remove(0).1.unwrap();
    world.verify(&token).await.unwrap();
    world.site.publish(&[world.pair.jwk("a"), other.jwk("b")]);
    world.issuers.check().await.remove(0).1.unwrap();
    assert!(world.refuses(&token).await.contains("2 keys for EdDSA"));
}

#[tokio::test]
async fn without_a_key_id_a_new_key_is_asked_for_once_and_forged_tokens_ask_no_more() {
    let world = World::new("EdDSA").await;
    let (new, elliptic, forger) = (Pair::new("EdDSA"), Pair::new("ES256"), Pair::new("EdDSA"));
    let header = json!({"alg": "EdDSA", "typ": "at+jwt"});
    world.verify(&world.pair.token(&header, &world.claims())).await.unwrap();
    world.site.publish(&[new.jwk("b")]);
    let right = new.token(&header, &world.claims());
    world.verify(&right).await.unwrap();
    assert_eq!(world.site.hits("/jwks"), 2, "the first keys, and the new one");
    let forged = forger.token(&header, &world.claims());
    for _ in 0..100 {
        assert_eq!(world.refuses(&forged).await, "its signature is wrong");
    }
    assert_eq!(world.site.hits("/jwks"), 2, "not long after");
    world.verify(&right).await.unwrap();

    // Forged ones first, and a set that has no key of the token's kind.
    let world = World::new("EdDSA").await;
    world.accepts().await;
    for _ in 0..100 {
        assert_eq!(world.refuses(&forger.token(&header, &world.claims())).await, "its signature is wrong");
    }
    assert_eq!(world.site.hits("/jwks"), 2);
    let timing = Timing { unknown_key_pause: Duration::ZERO, ..Timing::default() };
    let world = World::with("EdDSA", json!({}), &timing).await;
    world.accepts().await;
    world.refuses(&forger.token(&header, &world.claims())).await;
    let other = elliptic.token(&json!({"alg": "ES256"}), &world.claims());
    assert!(world.refuses(&other).await.contains("no key for ES256"));
    // What was forged is not remembered against those that are right.
    world.site.publish(&[new.jwk("b"), elliptic.jwk("c")]);
    world.verify(&other).await.unwrap();
    world.verify(&new.token(&header, &world.claims())).await.unwrap();
}

#[tokio::test]
async fn the_same_key_id_at_two_issuers_is_two_keys() {
    let (one, two) = (Site::start().await, Site::start().await);
    let (first, second) = (Pair::new("EdDSA"), Pair::new("EdDSA"));
    one.publish(&[first.jwk("a")]);
    two.publish(&[second.jwk("a")]);
    let blocks = vec![block("one", &one.url(""), &json!({})), block("two", &two.url(""), &json!({}))];
    let issuers = Issuers::new(blocks).unwrap();
    for (pair, site, accepted) in
        [(&first, &one, Some("one")), (&second, &two, Some("two")), (&first, &two, None), (&second, &one, None)]
    {
        let claims = json!({"iss": site.url(""), "aud": AUDIENCE, "client_id": "c", "exp": from_now(60)});
        let verified = issuers.verify(&pair.token(&json!({"alg": "EdDSA", "kid": "a"}), &claims)).await;
        match accepted {
            Some(name) => assert_eq!(verified.unwrap().identity.issuer, name),
            None => assert_eq!(verified.unwrap_err().detail(), "its signature is wrong"),
        }
    }
}

#[tokio::test]
async fn keys_that_are_weak_or_for_something_else_check_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let openssl = |arguments: &[&str]| {
        let output = Command::new("openssl").args(arguments).current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    openssl(&["genrsa", "-traditional", "-out", "weak.pem", "1024"]);
    let modulus = String::from_utf8(openssl(&["rsa", "-in", "weak.pem", "-noout", "-modulus"])).unwrap();
    let hex = modulus.trim().strip_prefix("Modulus=").unwrap();
    let modulus: Vec<u8> =
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
    let weak = json!({"kty": "RSA", "kid": "weak", "alg": "RS256", "use": "sig", "n": encode(modulus), "e": "AQAB"});

    let world = World::new("RS256").await;
    let with = |name: &str, value: Value| {
        let mut key = world.pair.jwk(name);
        key[name] = value;
        key
    };
    let (encryption, wrapping, private) =
        (with("use", json!("enc")), with("key_ops", json!(["wrapKey"])), with("d", json!("AQAB")));
    world.site.publish(&[world.pair.jwk("a"), weak, encryption, wrapping, private]);
    world.accepts().await;

    let header = json!({"alg": "RS256", "kid": "weak"});
    let message = format!("{}.{}", encode(header.to_string()), encode(world.claims().to_string()));
    std::fs::write(folder.path().join("message"), &message).unwrap();
    let signature = openssl(&["dgst", "-sha256", "-sign", "weak.pem", "message"]);
    let why = world.refuses(&format!("{message}.{}", encode(signature))).await;
    assert!(why.contains("1024 bits"), "{why}");
    for (id, reason) in [("use", "`use` is not `sig`"), ("key_ops", "`verify`"), ("d", "not a public key")] {
        let why = world.refuses(&world.with_header("kid", json!(id))).await;
        assert!(why.contains(reason), "{why}");
    }
    assert_eq!(world.site.hits("/jwks"), 1, "asking again would change nothing");
}

#[tokio::test]
async fn a_removed_key_is_removed() {
    let world = World::with("EdDSA", json!({}), &Timing::default()).await;
    let (old, new) = (world.token(), Pair::new("EdDSA"));
    world.verify(&old).await.unwrap();
    world.site.publish(&[new.jwk("b")]);
    world.issuers.check().await.remove(0).1.unwrap();
    assert!(world.refuses(&old).await.contains("has no key"));
    let mut header = world.header();
    header["kid"] = json!("b");
    world.verify(&new.token(&header, &world.claims())).await.unwrap();
    // The old key under the new id.
    assert_eq!(world.refuses(&world.with_header("kid", json!("b"))).await, "its signature is wrong");
    // All keys withdrawn: nothing is accepted, and `check` says so.
    world.site.publish(&[]);
    let error = world.issuers.check().await.remove(0).1.unwrap_err();
    assert!(error.is(&codes::request::ISSUER_UNAVAILABLE), "{error}");
    world.refuses(&new.token(&header, &world.claims())).await;
}
