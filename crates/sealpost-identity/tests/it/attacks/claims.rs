//! Tokens that are genuine, and not for us, not now, or not access tokens.

use serde_json::{Value, json};

use sealpost_core::identity::Genuine;
use sealpost_identity::Timing;

use crate::forge::{Pair, from_now, raw};
use crate::world::World;

#[tokio::test]
async fn tokens_of_and_for_others_are_refused() {
    let world = World::with("EdDSA", json!({"client_ids": ["acme"]}), &Timing::default()).await;
    world.accepts().await;
    let issuer = world.site.url("");
    for (name, value) in [
        ("iss", json!("https://evil.example")),
        ("iss", json!(format!("{issuer}/"))),
        ("iss", json!(format!("{issuer}@evil.example"))),
        ("iss", json!(issuer.to_uppercase())),
        ("iss", json!([issuer])),
        ("iss", Value::Null),
        ("aud", json!("https://other.example")),
        ("aud", json!("https://api.example/")),
        ("aud", json!(["https://other.example", "HTTPS://API.EXAMPLE"])),
        ("aud", json!([])),
        ("aud", json!({"https://api.example": true})),
        ("client_id", json!("other")),
        ("client_id", json!("ACME")),
        ("client_id", json!(["acme"])),
        ("client_id", Value::Null),
        ("nonce", json!("n")),
        ("at_hash", json!("h")),
        ("token_use", json!("id")),
        ("typ", json!("ID")),
        ("cnf", json!({"jkt": "x"})),
        ("scope", json!(["reports:read"])),
        ("scope", json!({"reports:read": true})),
        ("scp", json!([["reports:read"]])),
        ("permissions", json!("reports:read")),
    ] {
        world.refuses(&world.with_claim(name, value)).await;
    }
    assert_eq!(world.site.hits("/jwks"), 1);
}

/// What counts as guessing depends on it.
#[tokio::test]
async fn a_refusal_tells_genuine_tokens_from_forged_ones() {
    let world = World::new("EdDSA").await;
    for token in
        [world.with_claim("exp", json!(from_now(-95))), world.with_claim("aud", json!("https://other.example"))]
    {
        assert!(Genuine::is_behind(&world.verify(&token).await.unwrap_err()));
    }
    let forged = Pair::new("EdDSA").token(&world.header(), &world.claims());
    for token in [forged, "no.good.token".to_owned(), world.with_claim("iss", json!("https://evil.example"))] {
        assert!(!Genuine::is_behind(&world.verify(&token).await.unwrap_err()));
    }
}

#[tokio::test]
async fn tokens_of_another_time_are_refused() {
    let world = World::new("EdDSA").await;
    world.accepts().await;
    for seconds in [-59, 0, 1] {
        world.verify(&world.with_claim("exp", json!(from_now(seconds + 1)))).await.unwrap();
    }
    let why = world.refuses(&world.with_claim("exp", json!(from_now(-95)))).await;
    assert!(why.starts_with("it expired 9"), "{why}");
    for (name, value) in [
        ("exp", Value::Null),
        ("exp", json!(0)),
        ("exp", json!(-1)),
        ("exp", json!(from_now(300).to_string())),
        ("exp", json!(true)),
        ("exp", json!([from_now(300)])),
        ("exp", json!(u64::MAX)),
        ("exp", json!(i64::MAX)),
        ("exp", json!(1e300)),
        // Milliseconds, as some forget.
        ("exp", json!(from_now(300) * 1000)),
        ("nbf", json!(from_now(120))),
        ("nbf", json!("0")),
        ("iat", json!(from_now(120))),
        ("iat", json!("now")),
    ] {
        world.refuses(&world.with_claim(name, value)).await;
    }
    for number in ["1e999", "-1e999", "NaN", "Infinity", "0x7fffffff", "99999999999999999999999999", "1_000"] {
        let claims = world.with_claim_text("exp", number);
        world.refuses(&raw(&world.header().to_string(), &claims, |message| world.pair.sign("EdDSA", message))).await;
    }
}

impl World {
    /// The claims as text, with this where the claim's value belongs.
    fn with_claim_text(&self, name: &str, text: &str) -> String {
        let mut claims = self.claims();
        claims[name] = json!("HERE");
        claims.to_string().replace("\"HERE\"", text)
    }
}
