//! The token chooses how it is checked: `none`, HMAC with a public key, one algorithm for another.

use aws_lc_rs::hmac;
use serde_json::{Value, json};

use crate::forge::{Pair, encode, raw};
use crate::world::World;
use sealpost_identity::Timing;

#[tokio::test]
async fn none_is_refused_in_every_spelling() {
    let world = World::new("RS256").await;
    world.accepts().await;
    let right = world.token();
    let signature = right.rsplit('.').next().unwrap();
    for spelling in ["none", "None", "NONE", "nOnE", "none ", " none", "none\0", "", "null"] {
        let mut header = world.header();
        header["alg"] = json!(spelling);
        let message = format!("{}.{}", encode(header.to_string()), encode(world.claims().to_string()));
        for end in ["", ".", ".AA", &format!(".{signature}")] {
            world.refuses(&format!("{message}{end}")).await;
        }
    }
    for value in [Value::Null, json!(true), json!(0), json!(["RS256"]), json!({"RS256": 1})] {
        world.refuses(&world.with_header("alg", value)).await;
    }
    // One member twice: readers differ in which one counts.
    let twice = world.header().to_string().replacen('{', "{\"alg\":\"none\",", 1);
    world.refuses(&raw(&twice, &world.claims().to_string(), |message| world.pair.sign("RS256", message))).await;
}

#[tokio::test]
async fn a_public_key_is_no_shared_secret() {
    let world = World::new("RS256").await;
    world.accepts().await;
    let (der, pem, jwk) = (world.pair.public_der(), world.pair.public_pem(), world.pair.jwk("a"));
    let secrets = [
        der,
        pem.clone().into_bytes(),
        pem.trim_end().as_bytes().to_vec(),
        pem.replace('\n', "\r\n").into_bytes(),
        jwk.to_string().into_bytes(),
        jwk["n"].as_str().unwrap().as_bytes().to_vec(),
        b"a".to_vec(),
        Vec::new(),
    ];
    for secret in secrets {
        for (name, algorithm) in [
            ("HS256", hmac::HMAC_SHA256),
            ("HS384", hmac::HMAC_SHA384),
            ("HS512", hmac::HMAC_SHA512),
            ("hs256", hmac::HMAC_SHA256),
        ] {
            let mut header = world.header();
            header["alg"] = json!(name);
            let key = hmac::Key::new(algorithm, &secret);
            let sign = |message: &[u8]| hmac::sign(&key, message).as_ref().to_vec();
            world.refuses(&raw(&header.to_string(), &world.claims().to_string(), sign)).await;
        }
    }
    assert_eq!(world.site.hits("/jwks"), 1);
}

#[tokio::test]
async fn each_algorithm_works_with_its_own_kind_of_key_only() {
    let all = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];
    for (algorithm, family) in [("RS256", "RSP"), ("ES256", "_"), ("ES384", "_"), ("EdDSA", "_")] {
        let world = World::new(algorithm).await;
        world.accepts().await;
        for other in all.into_iter().filter(|other| *other != algorithm) {
            // Signed rightly where the key can do it, and by a key of the attacker's elsewhere.
            let fits = family.contains(&other[..1]) && family != "_";
            let stranger = Pair::new(other);
            let mut header = world.header();
            header["alg"] = json!(other);
            let token = if fits { &world.pair } else { &stranger }.token(&header, &world.claims());
            if fits {
                world.verify(&token).await.unwrap();
            } else {
                assert!(world.refuses(&token).await.contains("is not for"), "{algorithm} {other}");
            }
        }
    }
}

#[tokio::test]
async fn a_key_for_one_algorithm_is_not_for_another_of_its_kind() {
    let world = World::new("RS256").await;
    let mut key = world.pair.jwk("a");
    key["alg"] = json!("RS256");
    world.site.publish(&[key]);
    world.accepts().await;
    for other in ["RS384", "RS512", "PS256", "PS384", "PS512"] {
        assert!(world.refuses(&world.with_header("alg", json!(other))).await.contains("is not for"));
    }
    let strict = World::with("RS256", json!({"algorithms": ["ES256", "RS512"]}), &Timing::default()).await;
    assert!(strict.refuses(&strict.token()).await.contains("from this issuer"));
    strict.verify(&strict.with_header("alg", json!("RS512"))).await.unwrap();
    assert_eq!(strict.site.hits("/jwks"), 1, "what is not accepted needs no keys");
}

#[tokio::test]
async fn signatures_of_another_form_are_refused() {
    for (algorithm, half) in [("ES256", 32), ("ES384", 48)] {
        let world = World::new(algorithm).await;
        world.accepts().await;
        let (header, claims) = (world.header().to_string(), world.claims().to_string());
        // CVE-2022-21449: r = s = 0 fits every message.
        world.refuses(&raw(&header, &claims, |_| vec![0; 2 * half])).await;
        world.refuses(&raw(&header, &claims, |_| vec![0xff; 2 * half])).await;
        // ASN.1, which other libraries write; JWS has the two numbers as they are (RFC 7518 section 3.4).
        let asn1 = |message: &[u8]| {
            let fixed = world.pair.sign(algorithm, message);
            let integer = |bytes: &[u8]| [&[2, u8::try_from(half).unwrap() + 1, 0], bytes].concat();
            let both = [integer(&fixed[..half]), integer(&fixed[half..])].concat();
            [&[0x30, u8::try_from(both.len()).unwrap()], &both[..]].concat()
        };
        world.refuses(&raw(&header, &claims, asn1)).await;
    }
    let world = World::new("EdDSA").await;
    world.accepts().await;
    world.refuses(&raw(&world.header().to_string(), &world.claims().to_string(), |_| vec![0; 64])).await;
}
