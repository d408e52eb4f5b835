//! The token brings its own key, or says where one is.

use serde_json::{Value, json};

use crate::forge::Pair;
use crate::site::Site;
use crate::world::World;

#[tokio::test]
async fn keys_from_the_header_are_never_used_nor_fetched() {
    let world = World::new("RS256").await;
    world.accepts().await;
    let (attacker, listening) = (Pair::new("RS256"), Site::start().await);
    for id in ["a", "attackers"] {
        let key = attacker.jwk(id);
        listening.publish(std::slice::from_ref(&key));
        for (name, value) in [
            ("jwk", key),
            ("jku", json!(listening.url("/jwks"))),
            // A way out of the issuer's own host, as path checks have been fooled.
            ("jku", json!(format!("{}/redirect?to={}", world.site.url(""), listening.url("/jwks")))),
            (
                "jku",
                json!(format!(
                    "http://{}@{}",
                    world.site.url("").replace("http://", ""),
                    listening.url("/jwks").replace("http://", "")
                )),
            ),
            ("x5u", json!(listening.url("/certificate.pem"))),
            ("x5c", json!(["MIIB"])),
            ("x5c", json!([])),
        ] {
            for pair in [&attacker, &world.pair] {
                let mut header = world.header();
                header["kid"] = json!(id);
                header[name] = value.clone();
                let why = world.refuses(&pair.token(&header, &world.claims())).await;
                assert!(why.contains(name), "{why}");
            }
        }
    }
    // A key id is an id, not an address, and the issuer in a token is not asked.
    for id in [listening.url("/jwks"), "file:///etc/passwd".to_owned(), format!("{}#a", listening.url(""))] {
        let mut header = world.header();
        header["kid"] = json!(id);
        world.refuses(&attacker.token(&header, &world.claims())).await;
    }
    let mut claims = world.claims();
    claims["iss"] = json!(listening.url(""));
    assert!(world.refuses(&attacker.token(&world.header(), &claims)).await.contains("is not accepted here"));
    assert_eq!(listening.all_hits(), 0);
    assert_eq!(world.site.hits("/jwks"), 2, "the first keys, and once for an unknown key id");
}

#[tokio::test]
async fn extensions_that_we_do_not_know_are_refused() {
    let world = World::new("EdDSA").await;
    world.accepts().await;
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("crit", json!(["b64"])),
        ("crit", Value::Null),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
    ] {
        assert!(world.refuses(&world.with_header(name, value)).await.contains(name));
    }
    // What only informs does not matter.
    for (name, value) in [("x5t", json!("abc")), ("cty", json!("json")), ("custom", json!({"a": 1}))] {
        world.verify(&world.with_header(name, value)).await.unwrap();
    }
}

#[tokio::test]
async fn tokens_of_another_kind_are_refused() {
    let world = World::new("EdDSA").await;
    for kind in ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt"] {
        world.verify(&world.with_header("typ", json!(kind))).await.unwrap();
    }
    for kind in
        [json!("logout+jwt"), json!("dpop+jwt"), json!("secevent+jwt"), json!("JWE"), json!(""), json!(1), Value::Null]
    {
        world.refuses(&world.with_header("typ", kind)).await;
    }
}
