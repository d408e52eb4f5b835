//! Every way to be refused: status, code, place of the error, and the gateway's headers.

use reqwest::{Method, RequestBuilder, StatusCode};
use sealpost_core::id::ConnectorId;
use serde_json::{Value as Json, json};

use crate::rig::{Partner, Rig, header, json_of};

/// Sends, and checks what every problem has.
async fn problem(request: RequestBuilder, status: u16, code: &str) -> Json {
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status().as_u16(), status, "{code}");
    assert_eq!(header(&answer, "content-type"), "application/problem+json");
    assert_eq!(header(&answer, "x-content-type-options"), "nosniff");
    assert!(header(&answer, "x-amzn-errortype").ends_with("Exception"));
    let request_id = header(&answer, "x-request-id");
    let body: Json = answer.json().await.unwrap();
    assert_eq!(body["code"], code, "{body:#}");
    assert_eq!(body["status"], status);
    assert_eq!(body["request_id"], request_id);
    assert_eq!(body["type"], format!("/docs/errors#{code}"));
    for member in ["title", "detail", "message", "advice", "stage", "side"] {
        assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "{member} of {body:#}");
    }
    body
}

#[tokio::test]
async fn credentials() {
    let rig = Rig::idle().await;
    let url = format!("{}/v1/reports", rig.public);
    let answer = rig.client.get(&url).send().await.unwrap();
    assert_eq!(header(&answer, "www-authenticate"), "Bearer realm=\"sealpost\"");
    assert_eq!(header(&answer, "x-amzn-errortype"), "UnauthorizedException");
    let body = problem(rig.client.get(&url), 401, "SP-REQUEST-009").await;
    assert_eq!(body["message"], "Unauthorized");
    for request in [
        rig.client.get(&url).header("authorization", "Bearer sp_abcdefghijkm_wrong"),
        rig.client.get(&url).header("authorization", "Basic c3A6YQ=="),
        rig.client.get(&url).header("x-api-key", "nonsense"),
        rig.client.get(&url).header("x-api-key", format!("{}x", rig.acme.key)),
        rig.client.get(&url).bearer_auth(&rig.acme.key).header("x-api-key", &rig.globex.key),
        rig.client.get(&url).bearer_auth(crate::rig::TOKEN),
    ] {
        let answer = request.try_clone().unwrap().send().await.unwrap();
        assert!(header(&answer, "www-authenticate").contains("invalid_token"));
        problem(request, 401, "SP-REQUEST-009").await;
    }
    let (status, _) = json_of(rig.client.get(&url).header("x-api-key", &rig.acme.key)).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn paths_and_methods() {
    let rig = Rig::idle().await;
    for path in ["/", "/v1", "/v1/reports/", "/v1/nothing", "/admin/v1/partners", "/metrics", "/v1/reports:other"] {
        let body = problem(rig.get(&rig.acme, path), 404, "SP-REQUEST-021").await;
        assert_eq!(body["message"], "Not Found");
    }
    for (method, path, allow) in [
        (Method::PUT, "/v1/reports", "GET,HEAD,POST"),
        (Method::GET, "/v1/reports:preview", "POST"),
        (Method::POST, "/v1/report-types", "GET,HEAD"),
        (Method::OPTIONS, "/v1/reports", "GET,HEAD,POST"),
    ] {
        let answer = rig.ask(&rig.acme, method.clone(), path).send().await.unwrap();
        assert_eq!(header(&answer, "allow"), allow, "{method} {path}");
        problem(rig.ask(&rig.acme, method, path), 405, "SP-REQUEST-023").await;
    }
}

#[tokio::test]
async fn bodies() {
    let rig = Rig::idle().await;
    let post = |path: &str| rig.ask(&rig.acme, Method::POST, path);
    for path in ["/v1/reports", "/v1/reports:preview"] {
        problem(post(path).body("{}"), 415, "SP-REQUEST-020").await;
        problem(
            post(path).header("content-type", "application/x-www-form-urlencoded").body("report_type=contracts.v1"),
            415,
            "SP-REQUEST-020",
        )
        .await;
        problem(post(path).header("content-encoding", "gzip").json(&json!({})), 415, "SP-REQUEST-020").await;
        let json = |text: &str| post(path).header("content-type", "application/json").body(text.to_owned());
        for (text, pointer, says) in [
            ("", "", "EOF"),
            ("{\n\"report_type\": }", "", "line 2"),
            ("[]", "", "expected struct"),
            ("[\"contracts.v1\", {}, null, {}, null]", "", "expected an object"),
            ("{}", "", "missing field `report_type`"),
            ("{\"report_type\": 1}", "/report_type", "expected a string"),
            ("{\"report_type\": \"a\", \"colour\": 1}", "/colour", "unknown field `colour`"),
            ("{\"report_type\": \"a\", \"parameters\": []}", "/parameters", "invalid type"),
            ("{\"report_type\": \"a\"} x", "", "trailing"),
            ("{\"report_type\": \"a\", \"report_type\": \"b\"}", "", "duplicate field"),
        ] {
            let body = problem(json(text), 400, "SP-REQUEST-001").await;
            assert_eq!(body["message"], "Invalid request body");
            let error = &body["errors"][0];
            assert!(error["detail"].as_str().unwrap().contains(says), "{text}: {error}");
            assert!(error["pointer"] == pointer || error["pointer"] == "/report_type", "{text}: {error}");
        }
        let large = format!("{{\"report_type\": \"{}\"}}", "x".repeat(2 * 1024 * 1024));
        problem(json(&large), 413, "SP-REQUEST-019").await;
    }
}

#[tokio::test]
async fn what_is_asked_for() {
    let rig = Rig::idle().await;
    for (body, status, code, pointer) in [
        (json!({"report_type": "nothing.v1"}), 400, "SP-REQUEST-002", "/report_type"),
        (json!({"report_type": "employees.v1"}), 400, "SP-REQUEST-002", "/report_type"),
        (json!({"report_type": "contracts.v1", "format": "docx"}), 400, "SP-REQUEST-004", "/format"),
        (
            json!({"report_type": "contracts.v1", "parameters": {"from": "yesterday"}}),
            400,
            "SP-REQUEST-001",
            "/parameters/from",
        ),
        (
            json!({"report_type": "contracts.v1", "parameters": {"from": "2026-02-01", "to": "2026-01-01"}}),
            400,
            "SP-REQUEST-001",
            "/parameters/from",
        ),
        (
            json!({"report_type": "contracts.v1", "parameters": {"partner_scope": 2}}),
            400,
            "SP-REQUEST-001",
            "/parameters/partner_scope",
        ),
    ] {
        for path in ["/v1/reports", "/v1/reports:preview"] {
            let found = problem(rig.post(&rig.acme, path, &body), status, code).await;
            assert_eq!(found["errors"][0]["pointer"], pointer, "{body}");
        }
    }
    let options = json!({"report_type": "contracts.v1", "format": "csv", "format_options": {"colour": "red"}});
    problem(rig.post(&rig.acme, "/v1/reports", &options), 400, "SP-REQUEST-005").await;
    let format = json!({"report_type": "contracts.v1", "format": "csv"});
    let body = problem(rig.post(&rig.globex, "/v1/reports", &format), 403, "SP-REQUEST-003").await;
    assert_eq!(body["message"], "Forbidden");
}

#[tokio::test]
async fn a_partner_that_can_not_receive() {
    let rig = Rig::idle().await;
    let put = |change: Json| {
        let rig = &rig;
        async move {
            let (_, mut document) = json_of(rig.operate(Method::GET, "/admin/v1/partners/acme")).await;
            for (member, value) in change.as_object().unwrap() {
                document[member] = value.clone();
            }
            let (status, answer) = json_of(rig.operate(Method::PUT, "/admin/v1/partners/acme").json(&document)).await;
            assert_eq!(status, StatusCode::OK, "{answer}");
        }
    };
    let contracts = json!({"report_type": "contracts.v1", "format": "ndjson", "deliver": true});
    // What would be refused is not previewed either.
    let refused = async |partner: &Partner, code: &str| {
        for path in ["/v1/reports", "/v1/reports:preview"] {
            problem(rig.post(partner, path, &contracts), 409, code).await;
        }
    };
    let gone = ConnectorId::of(&"globex".parse().unwrap(), "main");
    assert!(rig.pipeline.parts().records.remove_connector(&gone).await.unwrap());
    refused(&rig.globex, "SP-REQUEST-007").await;
    put(json!({"deliver_to": []})).await;
    refused(&rig.acme, "SP-REQUEST-007").await;
    let (status, _) = json_of(rig.post(&rig.acme, "/v1/reports", &json!({"report_type": "contracts.v1"}))).await;
    assert_eq!(status, StatusCode::ACCEPTED, "without a destination the partner fetches it");
    put(json!({"deliver_to": ["main"], "certificates": []})).await;
    refused(&rig.acme, "SP-REQUEST-006").await;
    put(json!({"enabled": false})).await;
    problem(rig.get(&rig.acme, "/v1/reports"), 403, "SP-REQUEST-012").await;
}

#[tokio::test]
async fn too_many_reports_at_once() {
    let rig = Rig::idle().await;
    for _ in 0..20 {
        rig.contracts(&rig.acme).await;
    }
    let body = json!({"report_type": "contracts.v1", "format": "ndjson"});
    let answer = rig.post(&rig.acme, "/v1/reports", &body).send().await.unwrap();
    assert_eq!((answer.status(), header(&answer, "retry-after").as_str()), (StatusCode::TOO_MANY_REQUESTS, "5"));
    assert_eq!(header(&answer, "x-amzn-errortype"), "TooManyRequestsException");
    problem(rig.post(&rig.acme, "/v1/reports", &body), 429, "SP-REQUEST-013").await;
    rig.contracts(&rig.globex).await;
}

#[tokio::test]
async fn a_broken_database_is_not_shown_to_partners() {
    let rig = Rig::idle().await;
    std::fs::write(rig.folder.path().join("source.db"), "this is no database").unwrap();
    let body = json!({"report_type": "contracts.v1"});
    let (status, partner) = json_of(rig.post(&rig.acme, "/v1/reports:preview", &body)).await;
    assert!(status.is_server_error(), "{partner}");
    assert!(partner["code"].as_str().unwrap().starts_with("SP-SOURCE-"));
    assert!(!partner.to_string().contains("source.db"), "{partner}");
    let (_, operator) = json_of(rig.operate(Method::POST, "/admin/v1/partners/acme/reports:preview").json(&body)).await;
    assert_eq!(partner["code"], operator["code"]);
    assert_ne!(partner["detail"], operator["detail"]);
}
