//! The Lambda authorizer, fed events in the shapes of API Gateway's guide.

use std::sync::Arc;

use sealpost_api::authorizer::{AuthorizerSettings, authorize};
use sealpost_core::error::{Kind, codes};
use sealpost_pipeline::identify::Authenticator;
use serde_json::{Value as Json, json};

use crate::front::{Tokens, know};
use crate::rig::Rig;
use crate::tls::fingerprint;

const EVENTS: [(&str, &str); 4] = [
    ("TOKEN", include_str!("events/token.json")),
    ("REQUEST of a REST API", include_str!("events/rest_request.json")),
    ("payload 1.0 of an HTTP API", include_str!("events/http_v1.json")),
    ("payload 2.0 of an HTTP API", include_str!("events/http_v2.json")),
];
const PEM: &str = include_str!("../../src/serve/certificate.pem");
const API: &str = "arn:aws:execute-api:us-east-1:123456789012:abcdef1234";
const SIMPLE: AuthorizerSettings = AuthorizerSettings { simple: true, usage_key: String::new() };

struct Gateway {
    rig: Rig,
    authenticator: Authenticator,
}

impl Gateway {
    async fn new() -> Self {
        let rig = Rig::idle().await;
        know(&rig, "acme", &[("test", "acme-client")]).await;
        let authenticator = rig.pipeline.authenticator().with_tokens(Arc::new(Tokens));
        Self { rig, authenticator }
    }

    async fn ask(&self, event: &Json) -> Result<Json, sealpost_core::Error> {
        authorize(event, &self.authenticator, &AuthorizerSettings::default()).await
    }
}

fn event(number: usize, credential: &str) -> Json {
    serde_json::from_str(&EVENTS[number].1.replace("CREDENTIAL", credential)).unwrap()
}

/// What a policy says about `METHOD/path`, decided as IAM does: an explicit deny wins, nothing said is a deny.
fn decision(answer: &Json, stage: &str, asked: &str) -> &'static str {
    let wanted = format!("{API}/{stage}/{asked}");
    let mut decision = "implicit deny";
    for statement in answer["policyDocument"]["Statement"].as_array().unwrap() {
        assert_eq!(statement["Action"], "execute-api:Invoke");
        let one = std::slice::from_ref(&statement["Resource"]);
        for resource in statement["Resource"].as_array().map_or(one, Vec::as_slice) {
            let resource = resource.as_str().unwrap();
            assert!(resource.len() <= 512);
            if !glob(resource, &wanted) {
                continue;
            }
            if statement["Effect"] == "Deny" {
                return "explicit deny";
            }
            decision = "allow";
        }
    }
    decision
}

/// By recursion, unlike the code under test.
fn glob(pattern: &str, text: &str) -> bool {
    match pattern.chars().next() {
        None => text.is_empty(),
        Some('*') => (0..=text.len()).any(|at| text.is_char_boundary(at) && glob(&pattern[1..], &text[at..])),
        Some(first) => text.starts_with(first) && glob(&pattern[first.len_utf8()..], &text[first.len_utf8()..]),
    }
}

fn stage(number: usize) -> &'static str {
    if number == 2 { "$default" } else { "test" }
}

#[tokio::test]
async fn every_shape_gets_a_policy_for_its_whole_stage() {
    let gateway = Gateway::new().await;
    for (number, (name, _)) in EVENTS.iter().enumerate() {
        let answer = gateway
            .ask(&event(number, &gateway.rig.acme.key))
            .await
            .unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!(answer["principalId"], "acme", "{name}");
        assert_eq!(answer["policyDocument"]["Version"], "2012-10-17");
        assert_eq!(answer["usageIdentifierKey"], "sealpost-usage-of-partner-acme");
        for asked in ["GET/v1/reports", "POST/v1/reports", "DELETE/v1/reports/x", "GET/anything/else"] {
            assert_eq!(decision(&answer, stage(number), asked), "allow", "{name} {asked}");
        }
        assert_eq!(decision(&answer, "another", "GET/v1/reports"), "implicit deny");
        let context = answer["context"].as_object().unwrap();
        assert!(context.values().all(|value| value.is_string() || value.is_number() || value.is_boolean()), "{name}");
        assert_eq!((&context["partner"], &context["actor_kind"]), (&json!("acme"), &json!("api_key")));
        assert!(!answer.to_string().contains(&gateway.rig.acme.key), "{name}");
    }
}

#[tokio::test]
async fn what_scopes_lack_is_denied_whichever_route_is_asked_first() {
    let gateway = Gateway::new().await;
    for (number, (name, _)) in EVENTS.iter().enumerate().filter(|(number, _)| *number != 2) {
        let answer = gateway.ask(&event(number, "test.acme-client.reports:read")).await.unwrap();
        for (asked, expected) in [
            ("GET/v1/reports", "allow"),
            ("GET/v1/reports/x/file", "allow"),
            ("POST/v1/reports:preview", "allow"),
            ("POST/v1/reports", "explicit deny"),
            ("DELETE/v1/reports/x", "explicit deny"),
            ("POST/v1/reports/x/deliveries", "explicit deny"),
            ("POST/v1/webhooks/x%3Arotate-secret", "explicit deny"),
            ("POST/v1/keys/x%3a%70rove", "explicit deny"),
        ] {
            assert_eq!(decision(&answer, stage(number), asked), expected, "{name} {asked}");
        }
        assert_eq!(answer["context"]["scopes"], "reports:read");
        assert_eq!(
            (&answer["context"]["issuer"], &answer["context"]["actor"]),
            (&json!("test"), &json!("acme-client"))
        );
    }
}

#[tokio::test]
async fn bad_credentials_are_unauthorized_and_known_callers_denied() {
    let gateway = Gateway::new().await;
    for (number, (name, _)) in EVENTS.iter().enumerate() {
        for credential in ["", "nonsense", "sp_abcdefghijkm_x", "no.good.token"] {
            let error = gateway.ask(&event(number, credential)).await.expect_err(name);
            assert_eq!(error.kind(), Kind::Unauthorized, "{name} {credential}");
        }
    }
    for (number, (name, _)) in EVENTS.iter().enumerate().filter(|(number, _)| *number != 2) {
        for (credential, code) in
            [("test.nobody.reports:read", "SP-REQUEST-032"), ("test.acme-client.other:scope", "SP-REQUEST-028")]
        {
            let answer = gateway.ask(&event(number, credential)).await.unwrap();
            assert_eq!(decision(&answer, stage(number), "GET/v1/reports"), "explicit deny", "{name}");
            assert_eq!(answer["context"]["code"], code);
            assert!(answer["principalId"].as_str().is_some_and(|principal| !principal.is_empty()));
        }
        let error = gateway.ask(&event(number, "test.away.reports:read")).await.expect_err(name);
        assert!(error.is(&codes::request::ISSUER_UNAVAILABLE), "our failure is not the caller's: {error:?}");
    }
}

#[tokio::test]
async fn a_credential_is_found_wherever_it_is() {
    let gateway = Gateway::new().await;
    let key = &gateway.rig.acme.key;
    let arn = format!("{API}/test/GET/v1/reports");
    for event in [
        json!({"methodArn": arn, "type": "TOKEN", "authorizationToken": key}),
        json!({"methodArn": arn, "type": "TOKEN", "authorizationToken": format!("bearer {key}")}),
        json!({"methodArn": arn, "type": "REQUEST", "headers": {"X-API-Key": key}}),
        json!({"methodArn": arn, "type": "REQUEST", "headers": null, "multiValueHeaders": {"x-Api-keY": [key]}}),
        json!({"methodArn": arn, "type": "REQUEST", "headers": {"authorization": key}, "multiValueHeaders": {}}),
        json!({"routeArn": arn, "version": "2.0", "type": "REQUEST", "identitySource": ["GET /v1/reports", "192.0.2.1", key]}),
        // API Gateway's own key, of a usage plan.
        json!({"methodArn": arn, "headers": {"x-api-key": "gatewaygatewaygateway", "authorization": "test.acme-client.reports:read"}}),
        json!({"methodArn": arn, "headers": {"x-api-key": "gatewaygatewaygateway"}, "identitySource": [key],
               "requestContext": {"identity": {"apiKey": "gatewaygatewaygateway"}}}),
    ] {
        assert_eq!(gateway.ask(&event).await.unwrap()["principalId"], "acme", "{event}");
    }
    let other = json!({"methodArn": arn, "headers": {"x-name": "J\u{f6}rg\n", "authorization": key}});
    assert_eq!(gateway.ask(&other).await.unwrap()["principalId"], "acme", "a header that nobody reads");
    let two = json!({"methodArn": arn, "multiValueHeaders": {"authorization": [key, gateway.rig.globex.key]}});
    assert_eq!(gateway.ask(&two).await.unwrap_err().kind(), Kind::Unauthorized);
}

#[tokio::test]
async fn a_client_certificate_that_the_gateway_verified() {
    let gateway = Gateway::new().await;
    know(&gateway.rig, "globex", &[("mtls", &fingerprint(PEM))]).await;
    for (number, header) in [(1, "AUTHORIZATION"), (3, "authorization")] {
        let text = EVENTS[number].1.replace("CERT_CONTENT", &PEM.replace('\n', "\\n"));
        let mut event: Json = serde_json::from_str(&text).unwrap();
        event["headers"].as_object_mut().unwrap().remove(header);
        event.as_object_mut().unwrap().remove("multiValueHeaders");
        event["identitySource"] = json!([]);
        let answer = gateway.ask(&event).await.unwrap();
        assert_eq!(
            (&answer["principalId"], &answer["context"]["actor_kind"]),
            (&json!("globex"), &json!("client_certificate"))
        );
    }
}

#[tokio::test]
async fn a_simple_answer_for_apis_that_want_it() {
    let gateway = Gateway::new().await;
    for (credential, allowed) in [
        ("test.acme-client.reports:write", true),
        ("test.acme-client.reports:read", false),
        ("test.nobody.reports:write", false),
    ] {
        let answer = authorize(&event(3, credential), &gateway.authenticator, &SIMPLE).await.unwrap();
        assert_eq!(answer["isAuthorized"], allowed, "{credential}");
        assert!(answer["context"].is_object() && answer.get("policyDocument").is_none());
    }
    for (raw_path, credential, allowed) in [
        ("/test/v1/webhooks/x%3Aping", "test.acme-client.reports:read", false),
        ("/test/v1/webhooks/x%3Aping", "test.acme-client.destinations:write", true),
        ("/mapped/v1/reports", "test.acme-client.reports:read", false),
        ("/mapped/v1/reports", "test.acme-client.reports:write", true),
        ("/v1/reports", "test.acme-client.reports:read", false),
        ("/test/v1/nothing", "test.acme-client.reports:write", false),
    ] {
        let mut event = event(3, credential);
        (event["rawPath"], event["requestContext"]["http"]["method"]) = (json!(raw_path), json!("POST"));
        let answer = authorize(&event, &gateway.authenticator, &SIMPLE).await.unwrap();
        assert_eq!(answer["isAuthorized"], allowed, "{raw_path} {credential}");
    }
    // Only payload 2.0 knows simple answers.
    let answer = authorize(&event(0, "test.acme-client.reports:read"), &gateway.authenticator, &SIMPLE).await.unwrap();
    assert!(answer.get("isAuthorized").is_none() && answer["policyDocument"].is_object());
    assert!(answer.get("usageIdentifierKey").is_none());
}

#[tokio::test]
async fn what_is_no_event_is_an_error_and_no_decision() {
    let gateway = Gateway::new().await;
    for event in [
        json!({}),
        json!(null),
        json!([]),
        json!({"methodArn": "arn:aws:s3:::bucket/key/x", "authorizationToken": gateway.rig.acme.key}),
        json!({"methodArn": "arn:aws:execute-api:us-east-1:123456789012:abcdef1234", "authorizationToken": "x"}),
    ] {
        let error = gateway.ask(&event).await.expect_err("no event");
        assert_eq!(error.kind(), Kind::InvalidRequest, "{event}");
    }
}
