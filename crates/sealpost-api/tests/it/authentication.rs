//! Who calls: keys and tokens, alone and together; scopes; challenges; proxies.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use sealpost_api::{Front, TrustedProxies};
use sealpost_core::port::Records;
use sealpost_ledger::SqliteLedger;
use serde_json::{Value as Json, json};

use crate::front::{Tokens, know, listen, with_tokens};
use crate::rig::{Rig, header, json_of};

/// A rig with tokens: `test.acme-client.…` is of acme.
async fn rig() -> (Rig, String) {
    let rig = Rig::idle().await;
    know(&rig, "acme", &[("test", "acme-client")]).await;
    know(&rig, "globex", &[("test", "globex-client")]).await;
    let url = with_tokens(&rig).await;
    (rig, url)
}

fn get(rig: &Rig, url: &str) -> RequestBuilder {
    rig.client.get(format!("{url}/v1/reports"))
}

fn ask(rig: &Rig, url: &str) -> RequestBuilder {
    rig.client.post(format!("{url}/v1/reports")).json(&json!({"report_type": "contracts.v1"}))
}

async fn code(request: RequestBuilder) -> (u16, String) {
    let (status, body) = json_of(request).await;
    (status.as_u16(), body["code"].as_str().unwrap_or_default().to_owned())
}

async fn challenge(request: RequestBuilder) -> (Response, String) {
    let answer = request.send().await.unwrap();
    let challenge = header(&answer, "www-authenticate");
    (answer, challenge)
}

#[tokio::test]
async fn a_token_stands_for_the_partner_that_has_its_identity() {
    let (rig, url) = rig().await;
    let token = "test.acme-client.reports:read+reports:write+someone:elses";
    assert_eq!(json_of(ask(&rig, &url).bearer_auth(token)).await.0, StatusCode::ACCEPTED);
    // Bare, as API Gateway takes it.
    let (status, list) = json_of(get(&rig, &url).header("authorization", token)).await;
    assert_eq!((status, list["reports"].as_array().map(Vec::len)), (StatusCode::OK, Some(1)), "{list}");
    let (_, list) = json_of(get(&rig, &url).bearer_auth("test.globex-client.reports:read")).await;
    assert_eq!(list["reports"], json!([]));

    let nobody = code(get(&rig, &url).bearer_auth("test.nobody.reports:read")).await;
    assert_eq!(nobody, (403, "SP-REQUEST-032".to_owned()));
    let away = code(get(&rig, &url).bearer_auth("test.away.reports:read")).await;
    assert_eq!(away, (503, "SP-REQUEST-031".to_owned()));
    let not_here = code(get(&rig, &rig.public).bearer_auth(token)).await;
    assert_eq!(not_here, (401, "SP-REQUEST-027".to_owned()), "no issuer is configured there");
}

#[tokio::test]
async fn a_disabled_partner_is_refused_whatever_it_brings() {
    let (rig, url) = rig().await;
    let id = "acme".parse().unwrap();
    rig.pipeline
        .parts()
        .records
        .edit_partner(&id, &|partner| Ok(sealpost_core::partner::Partner { enabled: false, ..partner }))
        .await
        .unwrap();
    for request in [
        get(&rig, &url).bearer_auth(&rig.acme.key),
        get(&rig, &url).header("x-api-key", &rig.acme.key),
        get(&rig, &url).bearer_auth("test.acme-client.reports:read"),
    ] {
        assert_eq!(code(request).await, (403, "SP-REQUEST-012".to_owned()));
    }
}

#[tokio::test]
async fn two_credentials_must_agree_and_only_common_scopes_are_left() {
    let (rig, url) = rig().await;
    let both = |token: &str, key: &str| (token.to_owned(), key.to_owned());
    let reading = "test.acme-client.reports:read";
    for ((token, key), method, expected) in [
        (both(reading, &rig.acme.key), Method::GET, StatusCode::OK),
        // The key alone may do this; the token says that this caller may not.
        (both(reading, &rig.acme.key), Method::POST, StatusCode::FORBIDDEN),
        (both("test.acme-client.reports:write", &rig.acme.key), Method::POST, StatusCode::ACCEPTED),
        (both(reading, &rig.globex.key), Method::GET, StatusCode::UNAUTHORIZED),
        (both(reading, "sp_abcdefghijkm_unknown"), Method::GET, StatusCode::UNAUTHORIZED),
        (both(reading, "a-key-of-someone-else"), Method::GET, StatusCode::UNAUTHORIZED),
        (both("no.good.token", &rig.acme.key), Method::GET, StatusCode::UNAUTHORIZED),
        (both("test.nobody.reports:read", &rig.acme.key), Method::GET, StatusCode::FORBIDDEN),
    ] {
        let request = if method == Method::GET { get(&rig, &url) } else { ask(&rig, &url) };
        let (status, body) = json_of(request.bearer_auth(&token).header("x-api-key", &key)).await;
        assert_eq!(status, expected, "{token} {method} {body}");
    }
}

/// Made from the document, so that an endpoint that is added can't be forgotten.
#[tokio::test]
async fn every_operation_needs_credentials_and_its_scope() {
    let (rig, url) = rig().await;
    let document = sealpost_api::public_document();
    let mut seen = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Some(scope) = operation["x-required-scope"].as_str() else { continue };
            seen += 1;
            let method: Method = method.to_uppercase().parse().unwrap();
            let address = format!("{url}{}", path.replace(['{', '}'], ""));
            let request = || rig.client.request(method.clone(), &address);
            let without = request().send().await.unwrap();
            assert_eq!(without.status(), StatusCode::UNAUTHORIZED, "{method} {path}");
            assert_eq!(header(&without, "www-authenticate"), r#"Bearer realm="sealpost""#);

            let others: Vec<&str> = sealpost_core::identity::Scope::ALL
                .iter()
                .map(|one| one.as_str())
                .filter(|one| *one != scope)
                .collect();
            for scopes in [others.join("+"), "unknown".to_owned()] {
                let token = format!("test.acme-client.{scopes}");
                let (answer, challenge) = challenge(request().bearer_auth(token)).await;
                assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{method} {path}");
                assert_eq!(
                    challenge,
                    format!(r#"Bearer realm="sealpost", error="insufficient_scope", scope="{scope}""#)
                );
                let body: Json = answer.json().await.unwrap();
                assert_eq!(body["code"], "SP-REQUEST-028", "{method} {path}");
            }
            let (status, body) = json_of(request().bearer_auth(format!("test.acme-client.{scope}"))).await;
            assert_ne!((status, &body["code"]), (StatusCode::FORBIDDEN, &json!("SP-REQUEST-028")), "{method} {path}");
            assert_ne!(status, StatusCode::UNAUTHORIZED, "{method} {path}");
        }
    }
    assert!(seen > 10, "{seen} operations");
}

#[tokio::test]
async fn a_refusal_says_why_within_the_rules_of_its_header() {
    let (rig, url) = rig().await;
    for (request, description) in [
        (get(&rig, &url).bearer_auth("not.good.token"), "its signature is 'wrong'"),
        (get(&rig, &url).bearer_auth("sp_abcdefghijkm_x"), "the API key is not known"),
        (get(&rig, &url).basic_auth("acme", Some("x")), "`authorization` has no credential that is taken here"),
    ] {
        let (answer, challenge) = challenge(request).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        let expected = format!(r#"Bearer realm="sealpost", error="invalid_token", error_description="{description}""#);
        assert_eq!(challenge, expected);
        assert_eq!(header(&answer, "x-amzn-errortype"), "UnauthorizedException");
        let body: Json = answer.json().await.unwrap();
        assert_eq!(body["message"], "Unauthorized");
    }
}

#[tokio::test]
async fn a_wrong_method_is_told_which_are_right() {
    let (rig, url) = rig().await;
    let request = rig.client.patch(format!("{url}/v1/reports")).bearer_auth("test.acme-client.unknown");
    let answer = request.send().await.unwrap();
    assert_eq!((answer.status().as_u16(), header(&answer, "allow")), (405, "GET,HEAD,POST".to_owned()));
}

/// Another process revokes; this one notices by itself.
#[tokio::test]
async fn a_key_that_another_process_revokes_stops_working() {
    let (rig, url) = rig().await;
    assert_eq!(code(get(&rig, &url).bearer_auth(&rig.acme.key)).await.0, 200);
    let other = SqliteLedger::open(rig.folder.path().join("ledger.db")).await.unwrap();
    let mut key = other.api_keys(&"acme".parse().unwrap()).await.unwrap().remove(0);
    key.revoked_at = Some(Timestamp::now());
    other.put_api_key(&key).await.unwrap();
    for _ in 0..1_000 {
        if code(get(&rig, &url).bearer_auth(&rig.acme.key)).await == (401, "SP-REQUEST-010".to_owned()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the key still works");
}

#[tokio::test]
async fn a_certificate_header_counts_from_a_trusted_proxy_only() {
    const PEM: &str = include_str!("../../src/serve/certificate.pem");
    let rig = Rig::idle().await;
    let fingerprint = crate::tls::fingerprint(PEM);
    know(&rig, "acme", &[("mtls", &fingerprint)]).await;
    let value = format!(":{}:", PEM.lines().filter(|line| !line.starts_with('-')).collect::<String>());
    let named = |network: &str| {
        TrustedProxies::new(&[network.parse().unwrap()]).with_certificate_header("client-cert".parse().unwrap())
    };
    for (proxies, expected) in [
        (named("127.0.0.0/8"), 200),
        (named("192.0.2.0/24"), 401),
        (TrustedProxies::new(&["127.0.0.0/8".parse().unwrap()]), 401),
    ] {
        let front = Front { proxies, ..Front::default() };
        let url = format!("http://{}", listen(&rig, front, |state| state.with_tokens(Arc::new(Tokens))).await);
        assert_eq!(code(get(&rig, &url).header("client-cert", &value)).await.0, expected);
    }
}
