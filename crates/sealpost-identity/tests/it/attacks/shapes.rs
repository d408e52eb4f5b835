//! What only looks like a token.

use serde_json::json;

use crate::forge::{encode, raw};
use crate::world::World;

#[tokio::test]
async fn more_and_deeper_than_a_token_is_refused_before_work() {
    let world = World::new("EdDSA").await;
    world.accepts().await;
    let sign = |message: &[u8]| world.pair.sign("EdDSA", message);
    world.refuses(&world.with_claim("padding", json!("x".repeat(16 * 1024)))).await;
    world.refuses(&"a".repeat(10_000_000)).await;
    world.refuses(&".".repeat(10_000_000)).await;
    world.refuses(&format!("{}.{}", encode("{}"), ".".repeat(16_000))).await;
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        for depth in [20, 127, 128, 1_500] {
            let deep = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            let claims = world.claims().to_string().replacen('{', &format!("{{\"deep\":{deep},"), 1);
            world.refuses(&raw(&world.header().to_string(), &claims, sign)).await;
            let header = world.header().to_string().replacen('{', &format!("{{\"deep\":{deep},"), 1);
            world.refuses(&raw(&header, &world.claims().to_string(), sign)).await;
        }
    }
    assert_eq!(world.site.hits("/jwks"), 1);
}

#[tokio::test]
async fn a_member_twice_is_refused_although_it_is_signed() {
    let world = World::new("EdDSA").await;
    let sign = |message: &[u8]| world.pair.sign("EdDSA", message);
    let (header, claims) = (world.header().to_string(), world.claims().to_string());
    for again in
        [r#""client_id":"other","#, r#""client\u005fid":"other","#, r#""aud":"x","#, r#""extra":{"a":1,"a":2},"#]
    {
        let twice = claims.replacen('{', &format!("{{{again}"), 1);
        assert!(world.refuses(&raw(&header, &twice, sign)).await.contains("twice"), "{again}");
    }
    for again in [r#""kid":"b","#, r#""alg":"none","#] {
        let twice = header.replacen('{', &format!("{{{again}"), 1);
        assert!(world.refuses(&raw(&twice, &claims, sign)).await.contains("twice"), "{again}");
    }
    for (header, claims) in
        [(header.as_str(), "[]"), (header.as_str(), "\"x\""), ("[]", claims.as_str()), ("", ""), ("{", "}")]
    {
        world.refuses(&raw(header, claims, sign)).await;
    }
}

#[tokio::test]
async fn every_change_of_a_token_is_noticed() {
    for algorithm in ["RS256", "ES256", "EdDSA"] {
        let world = World::new(algorithm).await;
        world.accepts().await;
        let token = world.token();
        let parts: Vec<&str> = token.split('.').collect();
        let [header, claims, signature] = parts[..] else { panic!("three parts") };
        let mut changed = vec![
            String::new(),
            ".".to_owned(),
            "..".to_owned(),
            header.to_owned(),
            format!("{header}.{claims}"),
            format!("{header}.{claims}."),
            format!("{header}..{signature}"),
            format!(".{claims}.{signature}"),
            format!("{header}.{claims}.{signature}."),
            format!("{header}.{claims}.{signature}.{signature}"),
            // Encrypted (RFC 7516): five parts.
            format!("{header}.{claims}.{signature}.{signature}.{signature}"),
            format!("{header}.{claims}.{signature}="),
            format!("{header}.{claims}.{signature} "),
            format!(" {token}"),
            format!("{token}\n"),
            format!("{header}.{claims}.{}", signature.replace(['-', '_'], "+")).replace("..", "."),
            format!("{header}.{claims}.{}!", &signature[1..]),
            format!("{header}.{claims}.{}", &signature[..signature.len() / 2]),
            format!("{header}.{claims}.{}", &signature[4..]),
            format!("{header}.{claims}.AAAA{signature}"),
            format!("{header}.{claims}.{signature}AAAA"),
            format!("Bearer {token}"),
            format!(
                "{}.{claims}.{signature}",
                encode(json!({"alg": algorithm, "typ": "at+jwt", "kid": "a"}).to_string())
            ),
        ];
        changed.retain(|changed| *changed != token);
        // One bit in each of many places, in the last one too: base64 has bits there that decoders may ignore.
        for at in (0..token.len()).step_by(7).chain([header.len() - 1, header.len() + claims.len(), token.len() - 1]) {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = match bytes[at] {
                b'.' => continue,
                b'A' => b'B',
                b'z' => b'y',
                b'Z' => b'Y',
                b'9' => b'8',
                b'-' => b'_',
                b'_' => b'-',
                byte => byte + 1,
            };
            changed.push(String::from_utf8(bytes).unwrap());
        }
        for token in &changed {
            world.refuses(token).await;
        }
        world.accepts().await;
    }
}
