//! Polls of a report that has not changed are answered without reading it again; of one that has, never.

use reqwest::{Method, StatusCode};
use serde_json::{Value as Json, json};

use crate::rig::{Rig, header, id, json_of};

/// Polls three times, and gives the report and its entity tag: the answers must be the same.
async fn settled(rig: &Rig, path: &str) -> (Json, String) {
    let mut seen = Vec::new();
    for _ in 0..3 {
        let answer = rig.get(&rig.acme, path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let tag = header(&answer, "etag");
        seen.push((answer.json::<Json>().await.unwrap(), tag));
    }
    assert!(seen.iter().all(|one| *one == seen[0]), "{seen:#?}");
    seen.remove(0)
}

async fn is_unchanged(rig: &Rig, path: &str, tag: &str) -> bool {
    let answer = rig.get(&rig.acme, path).header("if-none-match", tag).send().await.unwrap();
    assert!(!header(&answer, "etag").is_empty());
    answer.status() == StatusCode::NOT_MODIFIED
}

#[tokio::test]
async fn what_another_process_did_is_shown_at_once() {
    let rig = Rig::idle().await;
    let (_, other) = rig.another().await;
    let report = rig.contracts(&rig.acme).await;
    let path = format!("/v1/reports/{}", id(&report));
    let (before, tag) = settled(&rig, &path).await;
    assert_eq!(before["status"], "queued");
    assert!(is_unchanged(&rig, &path, &tag).await);

    let cancel = rig.client.delete(format!("{other}{path}")).bearer_auth(&rig.acme.key);
    let (status, _) = json_of(cancel).await;
    assert_eq!(status, StatusCode::OK);
    assert!(!is_unchanged(&rig, &path, &tag).await, "304 for a report that was cancelled");
    let (after, later) = settled(&rig, &path).await;
    assert_eq!(after["status"], "cancelled");
    assert!(later != tag && is_unchanged(&rig, &path, &later).await);
}

#[tokio::test]
async fn what_this_process_did_is_shown_at_once() {
    let rig = Rig::idle().await;
    let report = rig.contracts(&rig.acme).await;
    let path = format!("/v1/reports/{}", id(&report));
    let (_, tag) = settled(&rig, &path).await;
    // Other reports come and go; this one is what it was.
    let beside = rig.contracts(&rig.acme).await;
    rig.contracts(&rig.globex).await;
    let (status, _) = json_of(rig.ask(&rig.acme, Method::DELETE, &format!("/v1/reports/{}", id(&beside)))).await;
    assert_eq!(status, StatusCode::OK);
    assert!(is_unchanged(&rig, &path, &tag).await);
    let (status, _) = json_of(rig.ask(&rig.acme, Method::DELETE, &path)).await;
    assert_eq!(status, StatusCode::OK);
    assert!(!is_unchanged(&rig, &path, &tag).await);
    assert_eq!(settled(&rig, &path).await.0["status"], "cancelled");
}

#[tokio::test]
async fn an_answer_that_was_kept_is_given_to_nobody_else() {
    let rig = Rig::idle().await;
    let report = rig.contracts(&rig.acme).await;
    let path = format!("/v1/reports/{}", id(&report));
    let (_, tag) = settled(&rig, &path).await;
    for request in [
        rig.get(&rig.globex, &path),
        rig.get(&rig.globex, &path).header("if-none-match", &tag),
        rig.get(&rig.globex, &path).header("if-none-match", "*"),
    ] {
        let (status, problem) = json_of(request).await;
        assert_eq!((status, &problem["code"]), (StatusCode::NOT_FOUND, &json!("SP-REQUEST-008")));
    }
    // Nor to one whose key was revoked, or whose partner was switched off, since the answer was kept.
    let (status, _) = rig.change_acme(json!({"enabled": false})).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(rig.get(&rig.acme, &path).send().await.unwrap().status(), StatusCode::FORBIDDEN);
    rig.change_acme(json!({"enabled": true})).await;
    settled(&rig, &path).await;
    let key = rig.acme.key.split('_').nth(1).unwrap();
    let (status, _) = json_of(rig.operate(Method::DELETE, &format!("/admin/v1/partners/acme/keys/{key}"))).await;
    assert_eq!(status, StatusCode::OK);
    let refused = rig.get(&rig.acme, &path).header("if-none-match", &tag).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
}
