//! API Gateway's answers, one by one: what it says, what we say, and why where we differ.
//!
//! The bodies are supersets: `message` and `x-amzn-ErrorType` are the gateway's, the rest is RFC 9457's and ours. The member is
//! `message` everywhere: where the gateway writes `Message` (denied by a policy), a body with both would be one that
//! readers without regard to case refuse.

use reqwest::{Method, RequestBuilder};
use sealpost_core::identity::Scope;
use serde_json::{Value as Json, json};

use crate::rig::{Rig, header};

/// What one answer has to be.
struct Row {
    /// The gateway's name of the answer.
    gateway: &'static str,
    request: RequestBuilder,
    status: u16,
    message: &'static str,
    error_type: &'static str,
    /// Why it is not the gateway's, where it isn't.
    differs: &'static str,
}

#[tokio::test]
async fn every_answer_of_the_gateway_has_its_like() {
    let rig = Rig::idle().await;
    let url = |path: &str| format!("{}{path}", rig.public);
    let limits = |quota: Json| {
        let operations = json!({"GET /v1/reports/{id}": {"per_second": 0.001, "burst": 1}});
        json!({"limits": {"methods": operations, "quota": quota}})
    };
    rig.change_acme(limits(Json::Null)).await;
    rig.get(&rig.acme, "/v1/reports/nothing").send().await.unwrap();
    let narrow = key(&rig, "globex", &[Scope::KeysWrite]).await;
    let post = |text: String| {
        rig.ask(&rig.acme, Method::POST, "/v1/reports").header("content-type", "application/json").body(text)
    };
    let rows = [
        Row {
            gateway: "UNAUTHORIZED: no token, or the authorizer says Unauthorized",
            request: rig.client.get(url("/v1/reports")),
            status: 401,
            message: "Unauthorized",
            error_type: "UnauthorizedException",
            differs: "",
        },
        Row {
            gateway: "HTTP API: bad JWT",
            request: rig.client.get(url("/v1/reports")).bearer_auth("a.b.c"),
            status: 401,
            message: "Unauthorized",
            error_type: "UnauthorizedException",
            differs: "",
        },
        Row {
            gateway: "INVALID_API_KEY: 403 Forbidden",
            request: rig.client.get(url("/v1/reports")).header("x-api-key", "sp_abcdefghijkm_wrong"),
            status: 401,
            message: "Unauthorized",
            error_type: "UnauthorizedException",
            differs: "There a key identifies a client whose authentication is another matter; here it is the credential, \
                      and wrong credentials are a 401 with a challenge (RFC 9110, section 15.5.2). EXPIRED_TOKEN likewise.",
        },
        Row {
            gateway: "MISSING_AUTHENTICATION_TOKEN: unknown path, 403 (REST API); 404 Not Found (HTTP API)",
            request: rig.client.get(url("/v1/nothing")),
            status: 404,
            message: "Not Found",
            error_type: "NotFoundException",
            differs: "The HTTP API's answer. The other one sends people looking for a token that they have, and which \
                      paths there are is no secret: the document is public.",
        },
        Row {
            gateway: "MISSING_AUTHENTICATION_TOKEN: unknown method, 403",
            request: rig.ask(&rig.acme, Method::PATCH, "/v1/reports"),
            status: 405,
            message: "Method Not Allowed",
            error_type: "MethodNotAllowedException",
            differs: "With `Allow`, as RFC 9110, section 15.5.6, has it.",
        },
        Row {
            gateway: "ACCESS_DENIED: implicit deny",
            request: rig.client.get(url("/v1/reports")).bearer_auth(&narrow),
            status: 403,
            message: "User is not authorized to access this resource",
            error_type: "AccessDeniedException",
            differs: "",
        },
        Row {
            gateway: "THROTTLED",
            request: rig.get(&rig.acme, "/v1/reports/nothing"),
            status: 429,
            message: "Too Many Requests",
            error_type: "TooManyRequestsException",
            differs: "",
        },
        Row {
            gateway: "BAD_REQUEST_PARAMETERS: missing ones are named as `Missing required request parameters: [q1]` \
                      (a unit test of `parameters`); these are wrong",
            request: rig.get(&rig.acme, "/v1/reports?limit=0"),
            status: 400,
            message: "Invalid request parameters",
            error_type: "BadRequestException",
            differs: "The gateway checks only whether parameters are there.",
        },
        Row {
            gateway: "BAD_REQUEST_BODY",
            request: post("{}".to_owned()),
            status: 400,
            message: "Invalid request body",
            error_type: "BadRequestException",
            differs: "",
        },
        Row {
            gateway: "REQUEST_TOO_LARGE",
            request: post(format!("{{\"report_type\": \"{}\"}}", "x".repeat(1_100_000))),
            status: 413,
            message: "Request Too Long",
            error_type: "RequestTooLargeException",
            differs: "At 1 MiB instead of 10 MB: no request needs more.",
        },
        Row {
            gateway: "method ARN over 1,600 bytes: 414, plain text",
            request: rig.get(&rig.acme, &format!("/v1/{}", "x".repeat(9_000))),
            status: 414,
            message: "Request URI too long",
            error_type: "RequestUriTooLongException",
            differs: "From 8,192 bytes on, since RFC 9110, section 4.1, wants 8,000 to be taken; a problem body.",
        },
        Row {
            gateway: "request line and headers over 10,240 bytes",
            request: rig.get(&rig.acme, "/v1/reports").header("x-padding", "x".repeat(11_000)),
            status: 431,
            message: "Request Header Fields Too Large",
            error_type: "RequestTooLargeException",
            differs: "",
        },
        Row {
            gateway: "UNSUPPORTED_MEDIA_TYPE",
            request: rig.ask(&rig.acme, Method::POST, "/v1/reports").header("content-type", "text/plain").body("{}"),
            status: 415,
            message: "Unsupported Media Type",
            error_type: "UnsupportedMediaTypeException",
            differs: "",
        },
        Row {
            gateway: "RESOURCE_NOT_FOUND",
            request: rig.get(&rig.acme, "/v1/report-types/nothing"),
            status: 404,
            message: "Not Found",
            error_type: "NotFoundException",
            differs: "",
        },
        // INTEGRATION_TIMEOUT, 504 `Endpoint request timed out`, and INTEGRATION_FAILURE: unit tests of `edge`.
        // API_CONFIGURATION_ERROR, AUTHORIZER_CONFIGURATION_ERROR, AUTHORIZER_FAILURE, 500: there is no such layer that could
        // fail by itself; what breaks in ours is SP-REQUEST-022, or 503 where an issuer can't be asked for its keys.
        // INVALID_SIGNATURE: no request is signed on this plane. WAF_FILTERED: there is no such filter.
        // 502 for a malformed answer of a function: there is no function behind us.
    ];
    for row in rows {
        check(row).await;
    }
    rig.change_acme(limits(json!({"limit": 1, "period": "day"}))).await;
    rig.get(&rig.acme, "/v1/usage").send().await.unwrap();
    check(Row {
        gateway: "QUOTA_EXCEEDED",
        request: rig.get(&rig.acme, "/v1/usage"),
        status: 429,
        message: "Limit Exceeded",
        error_type: "LimitExceededException",
        differs: "",
    })
    .await;
    rig.change_acme(json!({"enabled": false})).await;
    check(Row {
        gateway: "ACCESS_DENIED: explicit deny",
        request: rig.get(&rig.acme, "/v1/usage"),
        status: 403,
        message: "User is not authorized to access this resource with an explicit deny",
        error_type: "AccessDeniedException",
        differs: "",
    })
    .await;
}

async fn check(row: Row) {
    let Row { gateway, request, status, message, error_type, differs } = row;
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status().as_u16(), status, "{gateway}");
    assert_eq!(header(&answer, "x-amzn-errortype"), error_type, "{gateway}");
    assert!(!header(&answer, "x-amzn-requestid").is_empty(), "{gateway}");
    assert_eq!(header(&answer, "x-amzn-requestid"), header(&answer, "x-request-id"), "{gateway}");
    if status == 429 {
        assert!(header(&answer, "retry-after").parse::<u64>().is_ok_and(|seconds| seconds > 0), "{gateway}");
        assert!(
            !header(&answer, "ratelimit").is_empty() && !header(&answer, "ratelimit-policy").is_empty(),
            "{gateway}"
        );
    }
    let body: Json = answer.json().await.unwrap();
    assert_eq!(body["message"], message, "{gateway}");
    assert!(body["code"].as_str().unwrap().starts_with("SP-"), "{gateway}");
    assert!(differs.is_empty() || differs.ends_with('.'), "{gateway}: say why it differs");
}

/// A further key of a partner, with these scopes alone.
async fn key(rig: &Rig, partner: &str, scopes: &[Scope]) -> String {
    let path = format!("/admin/v1/partners/{partner}/keys");
    let answer = rig.operate(Method::POST, &path).json(&json!({"label": "narrow"})).send().await.unwrap();
    let issued: Json = answer.json().await.unwrap();
    let text = issued["key"].as_str().unwrap().to_owned();
    let records = &rig.pipeline.parts().records;
    let id = text.split('_').nth(1).unwrap().parse().unwrap();
    let mut key = records.api_key(&id).await.unwrap().unwrap();
    key.scopes = scopes.to_vec();
    records.put_api_key(&key).await.unwrap();
    text
}
