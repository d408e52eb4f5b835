//! `Idempotency-Key`: one report, however often it is asked for.

use reqwest::StatusCode;
use serde_json::{Value as Json, json};

use crate::rig::{Rig, header, id, json_of};

#[tokio::test]
async fn a_replay_gives_the_first_report_and_says_so() {
    let rig = Rig::idle().await;
    let ask = |from: &str| {
        let body = json!({"report_type": "contracts.v1", "format": "ndjson", "parameters": {"from": from}});
        rig.post(&rig.acme, "/v1/reports", &body).header("idempotency-key", "january")
    };
    let first = ask("2026-01-01").send().await.unwrap();
    assert_eq!(header(&first, "idempotent-replayed"), "");
    let first: Json = first.json().await.unwrap();
    let again = ask("2026-01-01").send().await.unwrap();
    assert_eq!(again.status(), StatusCode::ACCEPTED);
    assert_eq!(header(&again, "idempotent-replayed"), "true");
    assert_eq!(header(&again, "location"), first["links"]["self"].as_str().unwrap());
    assert_eq!(id(&again.json().await.unwrap()), id(&first));

    let (status, problem) = json_of(ask("2026-02-01")).await;
    assert_eq!((status, &problem["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("SP-REQUEST-014")));

    let body = json!({"report_type": "contracts.v1", "format": "ndjson"});
    let (status, theirs) =
        json_of(rig.post(&rig.globex, "/v1/reports", &body).header("idempotency-key", "january")).await;
    assert_eq!(status, StatusCode::ACCEPTED, "a key is the caller's own");
    assert_ne!(id(&theirs), id(&first));
}

#[tokio::test]
async fn many_at_the_same_time_make_one() {
    let rig = Rig::idle().await;
    let body = json!({"report_type": "contracts.v1", "format": "ndjson"});
    let asks = (0..24).map(|_| rig.post(&rig.acme, "/v1/reports", &body).header("idempotency-key", "race").send());
    let mut ids = std::collections::BTreeSet::new();
    let mut new = 0;
    for answer in futures::future::join_all(asks).await {
        let answer = answer.unwrap();
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
        new += usize::from(header(&answer, "idempotent-replayed").is_empty());
        ids.insert(id(&answer.json().await.unwrap()).to_owned());
    }
    assert_eq!((ids.len(), new), (1, 1));
}

#[tokio::test]
async fn keys_that_are_none() {
    let rig = Rig::idle().await;
    let body = json!({"report_type": "contracts.v1"});
    for key in [String::new(), "x".repeat(256)] {
        let (status, problem) = json_of(rig.post(&rig.acme, "/v1/reports", &body).header("idempotency-key", key)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(problem["errors"][0]["header"], "idempotency-key");
        assert_eq!(problem["message"], "Invalid request parameters");
    }
}
