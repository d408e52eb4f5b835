//! Usage plans and failed attempts, against the real ledger.

use std::time::Duration;

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
async fn asking_for_what_is_not_there_counts_too() {
    let rig = Rig::idle().await;
    rig.change_acme(limits(2, json!({}), Json::Null)).await;
    // A place where there are verbs only, without one or with another: nothing of ours is broken, and repeating it is of no use.
    let ask = |path: &str| json_of(rig.ask(&rig.acme, Method::POST, path));
    for path in ["/v1/webhooks/whk_x/notifications/msg_y", "/v1/webhooks/whk_x/notifications/msg_y:replya"] {
        let (status, problem) = ask(path).await;
        assert_eq!((status, &problem["code"]), (StatusCode::NOT_FOUND, &json!("SP-REQUEST-021")), "{problem}");
        assert_eq!(problem["retryable"], false);
    }
    let (status, _) = ask("/v1/webhooks/whk_x/notifications/msg_y").await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
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
    let begun = jiff::Timestamp::now();
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
    // Midnight may have passed since.
    let ends = [begun, jiff::Timestamp::now()].map(|at| Period::Day.window(at).end.to_string());
    assert!(ends.iter().any(|end| quota["resets_at"] == *end), "{quota}");
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
    for request in [guess(), rig.get(&rig.acme, "/v1/reports")] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS, "the address waits, whatever it tries");
        assert!(header(&answer, "retry-after").parse::<u64>().unwrap() > 900);
        assert_eq!(body(answer).await["code"], "SP-REQUEST-029");
    }
    let (status, _) = json_of(rig.client.get(format!("{}/healthz", rig.public))).await;
    assert_eq!(status, StatusCode::OK);
    let (status, _) = json_of(rig.operate(Method::GET, "/admin/v1/queue")).await;
    assert_eq!(status, StatusCode::OK, "partners can't make operators wait");
    let guess = || rig.client.get(format!("{}/admin/v1/queue", rig.admin)).bearer_auth("not-the-token");
    for _ in 0..3 {
        assert_eq!(json_of(guess()).await.0, StatusCode::UNAUTHORIZED);
    }
    let (status, _) = json_of(rig.operate(Method::GET, "/admin/v1/queue")).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_third_preview_of_a_partner_at_once_is_refused() {
    let rig = Rig::idle().await;
    let grants = json!([{"report": "contracts.v1"}, {"report": "unending.v1"}]);
    let (status, problem) = rig.change_acme(json!({"grants": grants})).await;
    assert!(status.is_success(), "{problem}");
    let preview = |report: &str| rig.post(&rig.acme, "/v1/reports:preview", &json!({"report_type": report}));
    let running: Vec<_> = (0..2)
        .map(|_| {
            let request = preview("unending.v1");
            // One of those below may have the seat just then.
            tokio::spawn(async move {
                while json_of(request.try_clone().unwrap()).await.0 == StatusCode::TOO_MANY_REQUESTS {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            })
        })
        .collect();
    let refused = loop {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let answer = preview("contracts.v1").send().await.unwrap();
        if answer.status() != StatusCode::OK {
            break answer;
        }
        assert!(running.iter().all(|one| !one.is_finished()), "they ended before anything was refused");
    };
    assert_eq!((refused.status(), header(&refused, "retry-after")), (StatusCode::TOO_MANY_REQUESTS, "5".to_owned()));
    let problem = body(refused).await;
    assert_eq!(
        (&problem["code"], &problem["detail"]),
        (&json!("SP-REQUEST-029"), &json!("2 previews of yours are running"))
    );
    let (status, _) =
        json_of(rig.post(&rig.globex, "/v1/reports:preview", &json!({"report_type": "contracts.v1", "format": "xml"})))
            .await;
    assert_eq!(status, StatusCode::OK, "another partner has its own");
    // Who hangs up ends the query, and gives its seat back.
    running.iter().for_each(tokio::task::JoinHandle::abort);
    while json_of(preview("contracts.v1")).await.0 != StatusCode::OK {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn who_has_no_credentials_or_old_ones_does_not_guess() {
    let attempts = RateLimit { per_second: 0.001, burst: 2 };
    let rig = Rig::with_failed_attempts(attempts, Some(TOKEN), Limits::default()).await;
    let (_, text) = rig.pipeline.issue_key(&"acme".parse().unwrap(), "old", None).await.unwrap();
    let id = text.expose_text().unwrap().split('_').nth(1).unwrap().to_owned();
    let (status, _) = json_of(rig.operate(Method::DELETE, &format!("/admin/v1/partners/acme/keys/{id}"))).await;
    assert!(status.is_success());
    let path = format!("{}/v1/reports", rig.public);
    for _ in 0..4 {
        let (status, problem) = json_of(rig.client.get(&path)).await;
        assert_eq!((status, &problem["code"]), (StatusCode::UNAUTHORIZED, &json!("SP-REQUEST-009")));
        let (status, problem) = json_of(rig.client.get(&path).bearer_auth(text.expose_text().unwrap())).await;
        assert_eq!((status, &problem["code"]), (StatusCode::UNAUTHORIZED, &json!("SP-REQUEST-010")));
    }
    for malformed in ["no.good.token", "opaque"] {
        assert_eq!(json_of(rig.client.get(&path).bearer_auth(malformed)).await.0, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(json_of(rig.client.get(&path)).await.0, StatusCode::TOO_MANY_REQUESTS);
}
