//! Usage plans and failed attempts, against the real ledger.

use reqwest::{Method, Response, StatusCode};
use sealpost_api::Limits;
use sealpost_core::usage::{Period, RateLimit};
use serde_json::{Value as Json, json};

use crate::rig::{Rig, TOKEN, header, json_of};

/// Slow enough that nothing comes back while a test runs.
fn limits(burst: u32, operations: Json, quota: Json) -> Json {
    json!({"limits": {"rate": {"per_second": 0.001, "burst": burst}, "methods": operations, "quota": quota}})
}

async fn body(answer: Response) -> Json {
    answer.json().await.unwrap()
}

#[tokio::test]
async fn a_partner_has_its_rate_and_no_more() {
    let rig = Rig::idle().await;
    let (status, answer) =
        rig.change_acme(limits(5, json!({"POST /v1/reports": {"per_second": 0.002, "burst": 2}}), Json::Null)).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let create = json!({"report_type": "contracts.v1", "format": "ndjson"});
    for left in [1, 0] {
        let answer = rig.post(&rig.acme, "/v1/reports", &create).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
        assert_eq!(header(&answer, "ratelimit-policy"), r#""POST /v1/reports";q=2;w=1000"#, "the tighter one");
        assert!(header(&answer, "ratelimit").starts_with(&format!(r#""POST /v1/reports";r={left};t="#)));
    }
    let refused = rig.post(&rig.acme, "/v1/reports", &create).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(header(&refused, "x-amzn-errortype"), "TooManyRequestsException");
    let wait: u64 = header(&refused, "retry-after").parse().unwrap();
    assert!((490..=500).contains(&wait), "{wait}");
    let problem = body(refused).await;
    assert_eq!((&problem["code"], &problem["message"]), (&json!("SP-REQUEST-029"), &json!("Too Many Requests")));
    assert!(problem["detail"].as_str().unwrap().contains("POST /v1/reports"), "{problem}");

    for left in [2, 1, 0] {
        let answer = rig.get(&rig.acme, "/v1/reports").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(header(&answer, "ratelimit-policy"), r#""burst";q=5;w=5000"#);
        assert!(header(&answer, "ratelimit").starts_with(&format!(r#""burst";r={left};t="#)));
    }
    // Whatever the answer, it says how the caller stands.
    let refused = rig.get(&rig.acme, "/v1/reports/nothing").send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(header(&refused, "ratelimit").starts_with(r#""burst";r=0;"#));
    let missing = rig.get(&rig.globex, "/v1/reports/nothing").send().await.unwrap();
    assert_eq!(missing.status(), StatusCode::NOT_FOUND, "each partner has its own");
    assert!(header(&missing, "ratelimit").starts_with(r#""burst";r=9999;"#), "{missing:?}");

    rig.change_acme(limits(9, json!({}), Json::Null)).await;
    let (status, _) = json_of(rig.get(&rig.acme, "/v1/reports")).await;
    assert_eq!(status, StatusCode::OK, "changed limits hold with the next request");
}

#[tokio::test]
async fn a_quota_is_shared_by_all_processes_to_the_last_request() {
    let rig = Rig::idle().await;
    let (_, other) = rig.another().await;
    rig.change_acme(limits(100_000, json!({}), json!({"limit": 300, "period": "month"}))).await;
    let mut allowed = 0;
    let mut last = None;
    for round in 0..330 {
        let base = if round % 3 == 0 { &other } else { &rig.public };
        let answer = rig.client.get(format!("{base}/v1/report-types")).bearer_auth(&rig.acme.key).send().await.unwrap();
        assert!(header(&answer, "ratelimit-policy").contains(r#""month";q=300;w="#), "{answer:?}");
        match answer.status() {
            StatusCode::OK => allowed += 1,
            _ => last = Some(answer),
        }
    }
    assert_eq!(allowed, 300);
    let refused = last.unwrap();
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(header(&refused, "x-amzn-errortype"), "LimitExceededException");
    assert!(header(&refused, "ratelimit").contains(r#""month";r=0;t="#));
    let wait: u64 = header(&refused, "retry-after").parse().unwrap();
    assert!(wait <= 31 * 24 * 3600, "{wait}");
    let problem = body(refused).await;
    assert_eq!((&problem["code"], &problem["message"]), (&json!("SP-REQUEST-030"), &json!("Limit Exceeded")));
    let (status, _) = json_of(rig.get(&rig.globex, "/v1/report-types")).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn a_process_that_stops_gives_back_what_it_did_not_use() {
    let rig = Rig::idle().await;
    rig.change_acme(limits(100, json!({}), json!({"limit": 1000, "period": "week"}))).await;
    for _ in 0..3 {
        rig.get(&rig.acme, "/v1/report-types").send().await.unwrap();
    }
    let acme = "acme".parse().unwrap();
    let window = Period::Week.window(jiff::Timestamp::now());
    let reserved = || rig.pipeline.parts().usage.reserved(&acme, &window);
    assert!(reserved().await.unwrap() > 3, "a block is reserved");
    rig.pipeline.quotas().give_back().await;
    assert_eq!(reserved().await.unwrap(), 3);
}

#[tokio::test]
async fn usage_is_shown() {
    let rig = Rig::idle().await;
    let quota = json!({"limit": 50, "period": "day"});
    rig.change_acme(limits(10, json!({"POST /v1/reports": {"per_second": 0.001, "burst": 4}}), quota)).await;
    rig.contracts(&rig.acme).await;
    rig.contracts(&rig.acme).await;
    let (status, usage) = json_of(rig.get(&rig.acme, "/v1/usage")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(usage["rate"], json!({"per_second": 0.001, "burst": 10, "remaining": 7}));
    assert_eq!(usage["operations"]["POST /v1/reports"], json!({"per_second": 0.001, "burst": 4, "remaining": 2}));
    assert_eq!(usage["active_reports"], json!({"limit": 20, "active": 2}));
    let quota = &usage["quota"];
    assert_eq!((&quota["limit"], &quota["used"], &quota["remaining"]), (&json!(50), &json!(3), &json!(47)));
    assert_eq!(quota["resets_at"], Period::Day.window(jiff::Timestamp::now()).end.to_string());
    let (_, globex) = json_of(rig.get(&rig.globex, "/v1/usage")).await;
    assert_eq!(globex["quota"], Json::Null);
    assert_eq!(globex["active_reports"]["active"], 0);
}

#[tokio::test]
async fn limits_that_make_no_sense_are_refused() {
    let rig = Rig::idle().await;
    let operations = json!({"POST /v1/nothing": {"per_second": 1.0, "burst": 0}});
    let (status, problem) = rig.change_acme(limits(0, operations, Json::Null)).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{problem}");
    let places: Vec<&str> =
        problem["errors"].as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap()).collect();
    assert_eq!(
        places,
        ["/limits/rate/burst", "/limits/methods/POST ~1v1~1nothing", "/limits/methods/POST ~1v1~1nothing/burst"]
    );
}

#[tokio::test]
async fn whoever_guesses_has_to_wait() {
    let attempts = RateLimit { per_second: 0.001, burst: 3 };
    let rig = Rig::with_failed_attempts(attempts, Some(TOKEN), Limits::default()).await;
    for _ in 0..5 {
        let (status, _) = json_of(rig.get(&rig.acme, "/v1/reports")).await;
        assert_eq!(status, StatusCode::OK, "what succeeds is not counted");
    }
    let guess = || rig.client.get(format!("{}/v1/reports", rig.public)).bearer_auth("sp_abcdefghijkm_guess");
    for _ in 0..3 {
        assert_eq!(json_of(guess()).await.0, StatusCode::UNAUTHORIZED);
    }
    for request in [guess(), rig.get(&rig.acme, "/v1/reports"), rig.operate(Method::GET, "/admin/v1/queue")] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS, "the address waits, whatever it tries");
        assert!(header(&answer, "retry-after").parse::<u64>().unwrap() > 900);
        assert_eq!(body(answer).await["code"], "SP-REQUEST-029");
    }
    let (status, _) = json_of(rig.client.get(format!("{}/healthz", rig.public))).await;
    assert_eq!(status, StatusCode::OK);
}
