//! The partner plane fed events of API Gateway and of function URLs, in the shapes of their guides.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::any;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use metrics_exporter_prometheus::PrometheusBuilder;
use sealpost_api::gateway::{Gateway, GatewaySettings};
use sealpost_api::{State, TrustedProxies};
use sealpost_core::task::WorkKind;
use sealpost_core::usage::RateLimit;
use sealpost_pipeline::{Hurried, Worked};
use serde_json::{Value as Json, json};
use tokio_util::sync::CancellationToken;

use crate::front::{Tokens, know};
use crate::rig::{Partner, Rig, json_of};

const EVENTS: [(&str, &str); 4] = [
    ("REST API", include_str!("events/api_rest.json")),
    ("HTTP API, payload 1.0", include_str!("events/api_http_v1.json")),
    ("HTTP API, payload 2.0", include_str!("events/api_http_v2.json")),
    ("function URL", include_str!("events/api_url.json")),
];
const REST: usize = 0;
const V2: usize = 2;
const URL: usize = 3;

/// What stands before the paths of ours in the client's URL: a function's own has no stage.
fn base(number: usize) -> &'static str {
    if number == URL { "" } else { "/prod" }
}

/// What a client sends, as each of the events has it.
struct Ask<'a> {
    method: &'a str,
    path: &'a str,
    /// As written in the URL.
    query: &'a str,
    headers: Vec<(&'a str, &'a str)>,
    body: Option<&'a [u8]>,
}

impl<'a> Ask<'a> {
    fn get(path: &'a str) -> Self {
        Self { method: "GET", path, query: "", headers: Vec::new(), body: None }
    }

    fn event(&self, number: usize, key: &str) -> Json {
        let mut event: Json = serde_json::from_str(&EVENTS[number].1.replace("CREDENTIAL", key)).unwrap();
        let is_v2 = event["version"] == "2.0";
        let stage = if EVENTS[number].1.contains("\"/prod/v1/reports\",\n  \"httpMethod\"") || number == V2 {
            "/prod"
        } else {
            ""
        };
        let path = format!("{stage}{}", self.path);
        if is_v2 {
            event["rawPath"] = json!(path);
            event["requestContext"]["http"]["method"] = json!(self.method);
            event["rawQueryString"] = json!(self.query);
        } else {
            event["path"] = json!(path);
            event["requestContext"]["path"] = json!(format!("{}{}", base(number), self.path));
            event["httpMethod"] = json!(self.method);
            event["pathParameters"]["proxy"] = json!(self.path.trim_start_matches('/'));
            if event["resource"] != "/{proxy+}" {
                event["resource"] = json!(self.path);
            }
            let mut query = json!({});
            for (name, value) in url::form_urlencoded::parse(self.query.as_bytes()) {
                let mut values = query[&*name].as_array().cloned().unwrap_or_default();
                values.push(json!(value));
                query[&*name] = json!(values);
            }
            event["multiValueQueryStringParameters"] = query;
        }
        for (name, value) in &self.headers {
            event["headers"][*name] = json!(value);
            if !is_v2 {
                event["multiValueHeaders"][*name] = json!([value]);
            }
        }
        if let Some(body) = self.body {
            // The gateway does so for what it takes for binary: half of the shapes here.
            let is_base64 = number.is_multiple_of(2);
            event["body"] =
                if is_base64 { json!(STANDARD.encode(body)) } else { json!(std::str::from_utf8(body).unwrap()) };
            event["isBase64Encoded"] = json!(is_base64);
        }
        event
    }
}

struct Answered {
    status: u64,
    headers: Json,
    body: Vec<u8>,
}

impl Answered {
    fn of(answer: &Json) -> Self {
        let text = answer["body"].as_str().unwrap();
        let body = match answer["isBase64Encoded"].as_bool().unwrap() {
            true => STANDARD.decode(text).unwrap(),
            false => text.as_bytes().to_vec(),
        };
        let several = answer["multiValueHeaders"].as_object().map(|headers| {
            headers.iter().map(|(name, values)| (name.clone(), values[0].clone())).collect::<serde_json::Map<_, _>>()
        });
        let headers = several.map_or_else(|| answer["headers"].clone(), Json::from);
        Self { status: answer["statusCode"].as_u64().unwrap(), headers, body }
    }

    fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap()
    }
}

async fn answer(
    router: Router,
    event: &Json,
    settings: &GatewaySettings,
    stopping: CancellationToken,
) -> sealpost_core::Result<Json> {
    Gateway::new(router, settings.clone()).answer(event, stopping).await
}

struct Function {
    rig: Rig,
    router: Router,
    settings: GatewaySettings,
}

impl Function {
    async fn new() -> Self {
        let rig = Rig::working().await;
        let metrics = PrometheusBuilder::new().build_recorder().handle();
        let state =
            State::new(rig.pipeline.clone(), metrics, None, |_| Ok(String::new())).with_tokens(Arc::new(Tokens));
        // As usual, but nobody who has to wait is let in again within a test's time.
        let state = state.with_failed_attempts(RateLimit { per_second: 0.001, burst: 20 });
        Self { router: sealpost_api::public::router(state), rig, settings: GatewaySettings::default() }
    }

    async fn send(&self, event: &Json) -> Answered {
        let stopping = CancellationToken::new();
        Answered::of(&answer(self.router.clone(), event, &self.settings, stopping).await.unwrap())
    }

    async fn ask(&self, ask: Ask<'_>, number: usize, partner: &Partner) -> Answered {
        self.send(&ask.event(number, &partner.key)).await
    }
}

#[tokio::test]
async fn every_event_is_a_request_with_its_body_and_query() {
    let function = Function::new().await;
    let body = json!({"report_type": "contracts.v1", "format": "csv", "parameters": {}, "deliver": false}).to_string();
    for (number, (name, _)) in EVENTS.iter().enumerate() {
        let key = format!("{number}-of-the-shapes");
        let create = Ask {
            method: "POST",
            path: "/v1/reports",
            headers: vec![("content-type", "application/json"), ("idempotency-key", &key)],
            body: Some(body.as_bytes()),
            ..Ask::get("")
        };
        let created = function.ask(create, number, &function.rig.acme).await;
        assert_eq!(created.status, 202, "{name}: {}", String::from_utf8_lossy(&created.body));
        let id = created.json()["id"].as_str().unwrap().to_owned();
        let location = format!("/v1/reports/{id}");
        assert_eq!(created.headers["location"], format!("{}{location}", base(number)), "{name}");
        let wait = Ask { headers: vec![("prefer", "wait=20")], ..Ask::get(&location) };
        let shown = function.ask(wait, number, &function.rig.acme).await;
        assert_eq!((shown.status, &shown.json()["id"]), (200, &json!(id)), "{name}");
        function.rig.pipeline.follow(&id.parse().unwrap()).until(|report| report.is_done()).await;

        // Percent-encoded, twice the same parameter, and one that is refused by its own name.
        let list = Ask { query: "status=succeeded&limit=1", ..Ask::get("/v1/reports") };
        let listed = function.ask(list, number, &function.rig.acme).await;
        assert_eq!(listed.json()["reports"].as_array().map(Vec::len), Some(1), "{name}");
        let list = Ask { query: "li%6Dit=nothing", ..Ask::get("/v1/reports") };
        let refused = function.ask(list, number, &function.rig.acme).await;
        assert_eq!((refused.status, &refused.json()["errors"][0]["parameter"]), (400, &json!("limit")), "{name}");

        // The same bytes as over a connection, whole and in part.
        let path = format!("{location}/file");
        let direct = function.rig.get(&function.rig.acme, &path).send().await.unwrap().bytes().await.unwrap();
        let file = function.ask(Ask::get(&path), number, &function.rig.acme).await;
        assert_eq!((file.status, file.body.as_slice()), (200, &direct[..]), "{name}");
        let part = Ask { headers: vec![("range", "bytes=10-19")], ..Ask::get(&path) };
        let part = function.ask(part, number, &function.rig.acme).await;
        assert_eq!((part.status, part.body.as_slice()), (206, &direct[10..20]), "{name}");
        assert!(part.headers["content-range"].as_str().unwrap().starts_with("bytes 10-19/"), "{name}");
        let head = Ask { method: "HEAD", ..Ask::get(&path) };
        let head = function.ask(head, number, &function.rig.acme).await;
        assert_eq!((head.status, head.body.len()), (200, 0), "{name}");
        assert_eq!(head.headers["content-length"], direct.len().to_string(), "{name}");

        let theirs = function.ask(Ask::get(&location), number, &function.rig.globex).await;
        assert_eq!((theirs.status, &theirs.json()["code"]), (404, &json!("SP-REQUEST-008")), "{name}");
    }
}

/// A stage, or the path that a domain maps to the API, stands in every URL of the client's, and so in every link.
#[tokio::test]
async fn links_lead_through_the_gateway() {
    let function = Function::new().await;
    let body = json!({"report_type": "contracts.v1", "format": "csv", "parameters": {}, "deliver": false}).to_string();
    let create = || Ask {
        method: "POST",
        path: "/v1/reports",
        headers: vec![("content-type", "application/json")],
        body: Some(body.as_bytes()),
        ..Ask::get("")
    };
    let acme = &function.rig.acme;
    let id = function.ask(create(), URL, acme).await.json()["id"].as_str().unwrap().to_owned();
    function.ask(create(), URL, acme).await;
    function.rig.pipeline.follow(&id.parse().unwrap()).until(|report| report.is_done()).await;
    let report = format!("/v1/reports/{id}");
    let follow = format!("{report}/events");
    for (number, (name, _)) in EVENTS.iter().enumerate() {
        let base = base(number);
        // Twice: the second answer is one that was kept.
        for _ in 0..2 {
            let links = function.ask(Ask::get(&report), number, acme).await.json()["links"].clone();
            assert_eq!(links["self"], format!("{base}{report}"), "{name}");
            assert_eq!(links["file"], format!("{base}{report}/file"), "{name}");
        }
        let page = function.ask(Ask { query: "limit=1", ..Ask::get("/v1/reports") }, number, acme).await.json();
        let next = page["links"]["next"].as_str().unwrap();
        assert!(next.starts_with(&format!("{base}/v1/reports?limit=1&cursor=")), "{name}: {next}");
        let kind = "/v1/report-types/contracts.v1";
        let shown = function.ask(Ask::get(kind), number, acme).await.json();
        let listed = function.ask(Ask::get("/v1/report-types"), number, acme).await.json();
        for of in [&shown, &listed["report_types"][0]] {
            assert_eq!(of["links"]["self"], format!("{base}{kind}"), "{name}");
            let xml = of["formats"].as_array().unwrap().iter().find(|format| format["name"] == "xml").unwrap();
            assert_eq!(xml["schema"], format!("{base}{kind}/schema.xsd"), "{name}");
        }
        let told = function.ask(Ask::get(&follow), number, acme).await;
        let told = String::from_utf8(told.body).unwrap();
        assert!(told.contains(&format!("\"self\":\"{base}{report}\"")), "{name}: {told}");
        let refused = function.ask(Ask::get("/v1/nothing"), number, acme).await;
        assert_eq!(refused.json()["type"], format!("{base}/docs/errors#SP-REQUEST-021"), "{name}");
        let document = function.ask(Ask::get("/openapi.json"), number, acme).await.json();
        assert_eq!(document["servers"][0]["url"], if base.is_empty() { "/" } else { base }, "{name}");
    }

    // A domain of the operator's own, and what it maps to the API.
    let function = Function {
        settings: GatewaySettings { base_path: "/reporting".to_owned(), ..GatewaySettings::default() },
        ..function
    };
    let mut event = create().event(REST, &function.rig.acme.key);
    event["path"] = json!("/reporting/v1/reports");
    event["requestContext"]["path"] = event["path"].clone();
    event["requestContext"]["domainName"] = json!("files.example.com");
    let created = function.send(&event).await;
    let location = format!("/reporting/v1/reports/{}", created.json()["id"].as_str().unwrap());
    assert_eq!((&created.headers["location"], &created.json()["links"]["self"]), (&json!(location), &json!(location)));
}

#[tokio::test]
async fn a_request_keeps_the_gateways_id_and_address_and_nobody_elses() {
    let function = Function::new().await;
    let ask = |address: &str, forwarded: &str, key: &str| {
        let mut event =
            Ask { headers: vec![("X-Forwarded-For", forwarded)], ..Ask::get("/v1/reports") }.event(REST, key);
        event["requestContext"]["identity"]["sourceIp"] = json!(address);
        event
    };
    // One address tries keys until it has to wait; what it claims to be in a header changes nothing.
    let mut last = 0;
    for number in 0..40 {
        let guess = ask("203.0.113.77", &format!("198.51.100.{number}"), "sp_abcdefghijkm_wrong");
        let answered = function.send(&guess).await;
        assert_eq!(answered.json()["request_id"], "c6af9ac6-7b61-11e6-9a41-93e8deadbeef");
        last = answered.status;
    }
    assert_eq!(last, 429);
    assert_eq!(function.send(&ask("203.0.113.77", "", &function.rig.acme.key)).await.status, 429);
    assert_eq!(function.send(&ask("203.0.113.78", "203.0.113.77", &function.rig.acme.key)).await.status, 200);

    // Before the gateway lies a proxy of the operator's: the client is the one that it saw.
    let networks = ["203.0.113.78/32".parse().unwrap()];
    let function = Function {
        settings: GatewaySettings { proxies: TrustedProxies::new(&networks), ..GatewaySettings::default() },
        ..function
    };
    let blocked = ask("203.0.113.78", "203.0.113.77, 203.0.113.78", &function.rig.acme.key);
    assert_eq!(function.send(&blocked).await.status, 429);
}

#[tokio::test]
async fn an_authorizer_is_believed_where_the_operator_says_so_and_a_header_never() {
    let mut function = Function::new().await;
    know(&function.rig, "globex", &[("test", "their-client")]).await;
    let ours = |scopes: &str| json!({"principalId": "globex", "integrationLatency": 12, "partner": "globex", "actor": "abc", "actor_kind": "api_key", "scopes": scopes});
    let claims = |subject: &str| json!({"iss": "https://id.example", "sub": subject, "scope": "reports:read"});
    let with = |number: usize, authorizer: Json| {
        let mut event = Ask::get("/v1/report-types").event(number, "none");
        for headers in ["headers", "multiValueHeaders"] {
            if let Some(headers) = event[headers].as_object_mut() {
                headers.remove("authorization");
                // Names of the context, as a client may write them.
                for name in ["partner", "x-partner", "authorizer", "x-amzn-authorizer"] {
                    headers.insert(name.to_owned(), if number == V2 { json!("globex") } else { json!(["globex"]) });
                }
            }
        }
        event["requestContext"]["authorizer"] = authorizer;
        event
    };
    let events = [
        with(REST, ours("reports:read")),
        with(REST, json!({"claims": claims("their-client")})),
        with(1, ours("reports:read")),
        with(V2, json!({"lambda": ours("reports:read")})),
        with(V2, json!({"jwt": {"claims": claims("their-client"), "scopes": null}})),
    ];
    for event in &events {
        assert_eq!(function.send(event).await.status, 401, "not without the setting: {event}");
    }
    function.settings.trust_authorizer = true;
    for event in &events {
        let answered = function.send(event).await;
        assert_eq!(answered.status, 200, "{event}");
        let ids: Vec<Json> =
            answered.json()["report_types"].as_array().unwrap().iter().map(|one| one["id"].clone()).collect();
        assert!(ids.contains(&json!("employees.v1")), "globex's grants: {ids:?}");
    }
    for (authorizer, status, code) in [
        (Json::Null, 401, "SP-REQUEST-009"),
        (json!({"principalId": "somebody-elses-authorizer"}), 401, "SP-REQUEST-009"),
        (ours("keys:write"), 403, "SP-REQUEST-028"),
        (json!({"claims": claims("nobody")}), 403, "SP-REQUEST-032"),
        (
            json!({"partner": "gone", "actor": "a", "actor_kind": "api_key", "scopes": "reports:read"}),
            403,
            "SP-REQUEST-032",
        ),
        (json!({"partner": "globex", "actor_kind": "api_key", "scopes": "reports:read"}), 500, "SP-REQUEST-022"),
    ] {
        let answered = function.send(&with(REST, authorizer.clone())).await;
        assert_eq!((answered.status, &answered.json()["code"]), (status, &json!(code)), "{authorizer}");
    }
    // Without an authorizer's word the caller's own credentials count as ever.
    assert_eq!(function.ask(Ask::get("/v1/reports"), REST, &function.rig.acme).await.status, 200);
    // Switched off since the gateway asked.
    let mut partner = function.rig.pipeline.parts().records.partner(&"globex".parse().unwrap()).await.unwrap().unwrap();
    partner.enabled = false;
    function.rig.pipeline.parts().records.put_partner(&partner).await.unwrap();
    assert_eq!(function.send(&events[0]).await.json()["code"], "SP-REQUEST-012");
}

/// The key of a usage plan comes in the header of our own keys. The gateway says which one it is.
#[tokio::test]
async fn a_key_of_the_gateways_own_usage_plans_is_no_credential() {
    let function = Function::new().await;
    know(&function.rig, "acme", &[("test", "acme-client")]).await;
    for (sent, named, status) in [
        ("gatewaygatewaygateway", json!("gatewaygatewaygateway"), 200),
        ("gatewaygatewaygateway", json!(null), 401),
        ("gatewaygatewaygateway", json!("anotheranotheranother"), 401),
        // Begins as ours do, so it is one of ours.
        ("sp_abcdefghijkm_wrong", json!("sp_abcdefghijkm_wrong"), 401),
    ] {
        let ask = Ask { headers: vec![("x-api-key", sent)], ..Ask::get("/v1/report-types") };
        let mut event = ask.event(REST, "test.acme-client.reports:read");
        event["requestContext"]["identity"]["apiKey"] = named.clone();
        assert_eq!(function.send(&event).await.status, status, "{sent} {named}");
    }
}

/// A router that tells what it was asked, or answers what is asked for.
fn echo() -> Router {
    async fn tell(request: Request) -> Response {
        let all = |name: &str| -> Vec<String> {
            request.headers().get_all(name).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
        };
        let told = json!({
            "method": request.method().as_str(), "uri": request.uri().to_string(),
            "accept": all("accept"), "cookie": all("cookie"), "host": all("host"), "via": all("via"),
        });
        let response = Response::builder().header("content-type", "application/json");
        let response = response
            .header("set-cookie", "a=1; Path=/")
            .header("set-cookie", "b=2")
            .header("vary", "x")
            .header("vary", "y");
        response.body(Body::from(told.to_string())).unwrap()
    }
    async fn large(request: Request) -> Response {
        let size: usize = request.uri().query().unwrap().parse().unwrap();
        let response = Response::builder().header("content-type", "application/octet-stream");
        // As the edge answers, and a file says of itself.
        let response = response.header("x-request-id", "of-the-edge").header("cache-control", "private, no-cache");
        let response = response.header("ratelimit", r#""burst";r=1;t=2"#).header("ratelimit-policy", "of-the-edge");
        if request.uri().path().ends_with("/said") {
            return response.header("content-length", size).body(Body::from(vec![7; size])).unwrap();
        }
        let pieces = (0..size / 65_536).map(|_| Ok::<_, std::io::Error>(bytes::Bytes::from(vec![7; 65_536])));
        response.body(Body::from_stream(futures::stream::iter(pieces))).unwrap()
    }
    Router::new().route("/large/{*way}", any(large)).fallback(tell)
}

#[tokio::test]
async fn names_with_several_values_and_odd_characters_survive() {
    let settings = GatewaySettings { base_path: "/sp".to_owned(), ..GatewaySettings::default() };
    let send = async |event: &Json| answer(echo(), event, &settings, CancellationToken::new()).await.unwrap();
    let mut event = Ask { query: "a=1&a=2&b=%C3%BC%26+c&d=", ..Ask::get("/sp/v1/b%C3%BCgel x") }.event(REST, "k");
    event["multiValueHeaders"]["accept"] = json!(["text/csv", "text/plain"]);
    event["multiValueHeaders"]["Accept"] = json!([]);
    let told: Json = serde_json::from_str(send(&event).await["body"].as_str().unwrap()).unwrap();
    assert_eq!(told["uri"], "/v1/b%C3%BCgel%20x?a=1&a=2&b=%C3%BC%26%20c&d=");
    assert_eq!(told["accept"], json!(["text/csv", "text/plain"]));
    assert_eq!(
        (&told["host"][0], &told["via"]),
        (&json!("abcdef1234.execute-api.eu-central-1.amazonaws.com"), &json!([]))
    );
    let rest = send(&event).await;
    assert_eq!(rest["multiValueHeaders"]["set-cookie"], json!(["a=1; Path=/", "b=2"]));
    assert_eq!(rest["multiValueHeaders"]["vary"], json!(["x", "y"]));
    assert!(rest.get("headers").is_none() && rest["isBase64Encoded"] == json!(false));

    let mut event = Ask { query: "a=1&a=%20", ..Ask::get("/v1/x") }.event(V2, "k");
    event["cookies"] = json!(["one=1", "two=2"]);
    let answered = send(&event).await;
    let told: Json = serde_json::from_str(answered["body"].as_str().unwrap()).unwrap();
    assert_eq!((&told["uri"], &told["cookie"]), (&json!("/v1/x?a=1&a=%20"), &json!(["one=1; two=2"])));
    assert_eq!(answered["cookies"], json!(["a=1; Path=/", "b=2"]));
    assert_eq!(answered["headers"]["vary"], "x, y");
    for nothing in [json!({}), json!({"httpMethod": "GET"}), json!({"version": "2.0", "rawPath": "/"})] {
        assert!(answer(echo(), &nothing, &settings, CancellationToken::new()).await.is_err(), "{nothing}");
    }
}

/// Lambda refuses answers of more than 6 MiB, and the client would not learn why.
#[tokio::test]
async fn an_answer_that_is_too_large_says_what_to_do_instead() {
    let settings = GatewaySettings::default();
    for way in ["said", "streamed"] {
        let path = format!("/large/{way}");
        for (size, status) in [(4 << 20, 200), (5 << 20, 409), (64 << 20, 409)] {
            let query = size.to_string();
            let event = Ask { query: &query, ..Ask::get(&path) }.event(V2, "k");
            let answered = answer(echo(), &event, &settings, CancellationToken::new()).await.unwrap();
            assert!(answered.to_string().len() <= 6 << 20, "{way} {size}");
            let answered = Answered::of(&answered);
            assert_eq!(answered.status, status, "{way} {size}");
            if status == 200 {
                assert_eq!(answered.body.len(), size);
            } else {
                assert_eq!(answered.json()["code"], "SP-REQUEST-043");
                assert_eq!(answered.json()["type"], "/prod/docs/errors#SP-REQUEST-043");
                assert!(answered.json()["advice"].as_str().unwrap().contains("Range"));
                assert_eq!(answered.json()["request_id"], "of-the-edge");
                for (name, value) in [
                    ("x-request-id", "of-the-edge"),
                    ("x-amzn-requestid", "of-the-edge"),
                    ("ratelimit", r#""burst";r=1;t=2"#),
                    ("ratelimit-policy", "of-the-edge"),
                    ("referrer-policy", "no-referrer"),
                    ("x-content-type-options", "nosniff"),
                    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
                    ("cache-control", "no-store"),
                ] {
                    assert_eq!(answered.headers[name], value, "{way} {size} {name}");
                }
            }
        }
    }
}

#[tokio::test]
async fn events_of_a_report_come_one_at_a_time_and_waits_end_with_the_functions_time() {
    let rig = Rig::idle().await;
    let metrics = PrometheusBuilder::new().build_recorder().handle();
    let router = sealpost_api::public::router(State::new(rig.pipeline.clone(), metrics, None, |_| Ok(String::new())));
    let body = json!({"report_type": "contracts.v1", "format": "csv", "parameters": {}, "deliver": false});
    let (_, report) = json_of(rig.ask(&rig.acme, reqwest::Method::POST, "/v1/reports").json(&body)).await;
    let path = format!("/v1/reports/{}/events", report["id"].as_str().unwrap());
    let settings = GatewaySettings::default();
    let event = Ask::get(&path).event(V2, &rig.acme.key);
    let first = answer(router.clone(), &event, &settings, CancellationToken::new()).await.unwrap();
    let text = first["body"].as_str().unwrap();
    assert_eq!(
        (text.matches("event: report").count(), first["headers"]["content-type"].as_str()),
        (1, Some("text/event-stream")),
        "{text}"
    );
    let id = text.lines().find_map(|line| line.strip_prefix("id: ")).unwrap();

    // Nothing new: who waits for more gets an end when the function's time is over.
    let stopping = CancellationToken::new();
    let event = Ask { headers: vec![("last-event-id", id)], ..Ask::get(&path) }.event(V2, &rig.acme.key);
    let waiting = answer(router, &event, &settings, stopping.clone());
    tokio::pin!(waiting);
    assert!(futures::poll!(&mut waiting).is_pending());
    stopping.cancel();
    assert_eq!(waiting.await.unwrap()["body"], "");
}

/// Work by calls for it, one task for each: what takes long is left without having failed, and gone on with as soon as somebody
/// hears that there is news.
#[tokio::test]
async fn one_task_at_a_time_is_left_and_hurried() {
    let rig = Rig::idle().await;
    let mut connectors =
        json_of(rig.operate(reqwest::Method::GET, "/admin/v1/partners/acme")).await.1["connectors"].clone();
    connectors["main"]["directory"] = json!("slowly");
    let (status, changed) = rig.change_acme(json!({"connectors": connectors})).await;
    assert!(status.is_success(), "{changed}");
    let body = json!({"report_type": "contracts.v1", "format": "csv", "parameters": {}});
    let (_, report) = json_of(rig.ask(&rig.acme, reqwest::Method::POST, "/v1/reports").json(&body)).await;
    let id = report["id"].as_str().unwrap().parse().unwrap();
    let never = CancellationToken::new();
    let work = async |kind: WorkKind| rig.pipeline.work_one(&[kind], &never).await.unwrap();
    let over = CancellationToken::new();
    over.cancel();
    assert_eq!(rig.pipeline.work_one(&[WorkKind::Produce], &over).await.unwrap(), Worked::NoTime);
    assert_eq!(work(WorkKind::Deliver).await, Worked::Nothing);
    assert_eq!(work(WorkKind::Produce).await, Worked::Task);
    assert_eq!(work(WorkKind::Deliver).await, Worked::Task);
    assert_eq!(work(WorkKind::Deliver).await, Worked::Nothing, "it is looked at in an hour");

    let delivery = rig.pipeline.parts().ledger.deliveries(&id).await.unwrap().remove(0);
    let key = &delivery.file.key;
    let place = format!("/bucket/prefix/acme/{}-{}/{}", key.job, key.attempt, key.file_name);
    let hurry = async |place: &str, meant: bool| rig.pipeline.hurry_deliveries(place, |_| meant).await.unwrap();
    assert_eq!(hurry(&place.replace("/acme/", "/not-acme/"), true).await, Hurried::default());
    assert_eq!(hurry(&place, false).await, Hurried::default());
    assert_eq!(hurry(&place, true).await, Hurried { meant: 1, hurried: 1 });
    assert_eq!(hurry(&place, true).await, Hurried { meant: 1, hurried: 0 }, "it does not wait any more");
    assert_eq!(work(WorkKind::Deliver).await, Worked::Task);
    let delivery = rig.pipeline.parts().ledger.deliveries(&id).await.unwrap().remove(0);
    assert_eq!((delivery.status.as_str(), delivery.attempts, delivery.failed_attempts), ("delivered", 2, 0));
    assert_eq!(hurry(&place, true).await, Hurried::default());
    let looked = rig.pipeline.look_after().await.unwrap();
    assert_eq!((looked.rung, looked.depth.ready), (0, 0));
}
