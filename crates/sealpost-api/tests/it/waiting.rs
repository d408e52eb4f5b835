//! Waiting for a change: `Prefer: wait`, entity tags, server-sent events.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use sealpost_ledger::LedgerSet;
use serde_json::{Value as Json, json};

use crate::fading::Fading;
use crate::rig::{Between, Rig, Wish, header, id, json_of};

/// Until so many reports are followed: then who waits has got there.
async fn followed(rig: &Rig, count: usize) {
    let begun = Instant::now();
    while rig.pipeline.followed() != count {
        assert!(begun.elapsed() < Duration::from_secs(30), "{} followed", rig.pipeline.followed());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn path(report: &Json) -> String {
    format!("/v1/reports/{}", id(report))
}

#[tokio::test]
async fn an_answer_comes_when_something_happens() {
    let rig = Rig::idle().await;
    let report = rig.contracts(&rig.acme).await;
    let asked = tokio::spawn(rig.get(&rig.acme, &path(&report)).header("prefer", "respond-async, wait=20").send());
    followed(&rig, 1).await;
    rig.ask(&rig.acme, Method::DELETE, &path(&report)).send().await.unwrap();
    let answer = asked.await.unwrap().unwrap();
    assert_eq!(header(&answer, "preference-applied"), "wait=20");
    assert_eq!(answer.json::<Json>().await.unwrap()["status"], "cancelled");
    followed(&rig, 0).await;

    let answer = rig.get(&rig.acme, &path(&report)).header("prefer", "wait=20").send().await.unwrap();
    assert_eq!(header(&answer, "preference-applied"), "", "nothing more happens: there is nothing to wait for");
}

#[tokio::test]
async fn what_another_process_does_is_seen_too() {
    let rig = Rig::idle().await;
    let report = rig.contracts(&rig.acme).await;
    let tag = header(&rig.get(&rig.acme, &path(&report)).send().await.unwrap(), "etag");
    let ask = rig.get(&rig.acme, &path(&report)).header("prefer", "wait=25").header("if-none-match", tag);
    let asked = tokio::spawn(ask.send());
    followed(&rig, 1).await;
    let (_, other) = rig.another().await;
    let delete = rig.client.delete(format!("{other}{}", path(&report))).bearer_auth(&rig.acme.key);
    assert_eq!(json_of(delete).await.0, StatusCode::OK);
    let answer = asked.await.unwrap().unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.json::<Json>().await.unwrap()["status"], "cancelled");
}

#[tokio::test]
async fn nothing_new_is_304_after_the_wait_and_something_new_comes_at_once() {
    let rig = Rig::idle().await;
    let report = rig.contracts(&rig.acme).await;
    let first = rig.get(&rig.acme, &path(&report)).send().await.unwrap();
    let tag = header(&first, "etag");
    assert!(tag.starts_with("W/\""), "{tag}");
    let ask = |tag: &str| rig.get(&rig.acme, &path(&report)).header("prefer", "wait=1").header("if-none-match", tag);
    let again = ask(&tag).send().await.unwrap();
    assert_eq!((again.status(), header(&again, "etag")), (StatusCode::NOT_MODIFIED, tag));
    assert_eq!(header(&again, "preference-applied"), "wait=1");
    let other = ask("W/\"other\"").send().await.unwrap();
    assert_eq!((other.status(), header(&other, "preference-applied")), (StatusCode::OK, String::new()));
}

#[tokio::test]
async fn a_report_can_be_asked_for_and_waited_for_in_one_request() {
    let rig = Rig::working().await;
    let body = json!({"report_type": "contracts.v1", "format": "ndjson"});
    let answer = rig.post(&rig.acme, "/v1/reports", &body).header("prefer", "wait=100").send().await.unwrap();
    assert_eq!((answer.status(), header(&answer, "preference-applied").as_str()), (StatusCode::ACCEPTED, "wait=25"));
    assert!(!header(&answer, "location").is_empty());
    assert_eq!(answer.json::<Json>().await.unwrap()["status"], "succeeded");
}

#[tokio::test]
async fn a_report_that_is_not_produced_is_answered_as_it_is() {
    let rig = Rig::idle().await;
    let body = json!({"report_type": "contracts.v1", "format": "ndjson"});
    let answer = rig.post(&rig.acme, "/v1/reports", &body).header("prefer", "wait=1").send().await.unwrap();
    assert_eq!((answer.status(), header(&answer, "preference-applied").as_str()), (StatusCode::ACCEPTED, "wait=1"));
    assert_eq!(answer.json::<Json>().await.unwrap()["status"], "queued");
}

#[tokio::test]
async fn a_report_that_was_admitted_is_told_of_though_the_ledger_can_not_be_asked_any_more() {
    let between: Between = Box::new(|set: &mut LedgerSet| {
        set.ledger = Arc::new(Fading { ledger: set.ledger.clone(), is_away: AtomicBool::new(false) });
    });
    let rig = Rig::idle_with(Wish { between: Some(between), ..Wish::default() }).await;
    let body = json!({"report_type": "contracts.v1", "format": "ndjson"});
    let answer = rig.post(&rig.acme, "/v1/reports", &body).header("prefer", "wait=1").send().await.unwrap();
    assert_eq!((answer.status(), header(&answer, "preference-applied").as_str()), (StatusCode::ACCEPTED, "wait=1"));
    let location = header(&answer, "location");
    let report: Json = answer.json().await.unwrap();
    assert_eq!((location, &report["status"]), (path(&report), &json!("queued")), "{report}");
    let (status, problem) = json_of(rig.get(&rig.acme, &path(&report))).await;
    assert!(status.is_server_error(), "{status} {problem}");
}

#[tokio::test]
async fn waiting_is_bounded_and_costs_one_watcher_and_ends_at_shutdown() {
    let rig = Rig::idle().await;
    let report = rig.contracts(&rig.acme).await;
    let ask = || rig.get(&rig.acme, &path(&report)).header("prefer", "wait=25");
    let asked: Vec<_> = (0..60).map(|_| tokio::spawn(ask().send())).collect();
    let mut waiting = Vec::new();
    let mut at_once = 0;
    let begun = Instant::now();
    // Ten find no seat, whichever they are.
    while at_once < 10 {
        assert!(begun.elapsed() < Duration::from_secs(20), "{at_once} were answered at once");
        tokio::time::sleep(Duration::from_millis(20)).await;
        at_once = asked.iter().filter(|task| task.is_finished()).count();
    }
    assert_eq!(rig.pipeline.followed(), 1);
    let theirs = rig.contracts(&rig.globex).await;
    let others = tokio::spawn(rig.get(&rig.globex, &path(&theirs)).header("prefer", "wait=25").send());
    followed(&rig, 2).await;
    rig.shutdown.cancel();
    for task in asked {
        let answer = task.await.unwrap().unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        waiting.push(!header(&answer, "preference-applied").is_empty());
    }
    assert_eq!(waiting.iter().filter(|waited| **waited).count(), 50);
    assert_eq!(header(&others.await.unwrap().unwrap(), "preference-applied"), "wait=25");
}

#[tokio::test]
async fn who_goes_away_is_not_waited_for() {
    let rig = Rig::idle().await;
    let report = rig.contracts(&rig.acme).await;
    let asked = tokio::spawn(rig.get(&rig.acme, &path(&report)).header("prefer", "wait=25").send());
    followed(&rig, 1).await;
    asked.abort();
    followed(&rig, 0).await;
}

/// The events of a stream: identifier and report.
fn events(text: &str) -> Vec<(u64, Json)> {
    let mut events = Vec::new();
    for block in text.split("\n\n").filter(|block| block.contains("event: report")) {
        let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim();
        events.push((field("id:").parse().unwrap(), serde_json::from_str(field("data:")).unwrap()));
    }
    events
}

#[tokio::test]
async fn a_report_is_followed_from_queued_to_delivered() {
    let rig = Rig::idle().await;
    let report = rig.contracts(&rig.acme).await;
    let events_path = format!("{}/events", path(&report));
    let mut answer = rig.get(&rig.acme, &events_path).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(header(&answer, "content-type"), "text/event-stream");
    assert_eq!(header(&answer, "x-accel-buffering"), "no");
    let mut text = String::from_utf8(answer.chunk().await.unwrap().unwrap().to_vec()).unwrap();
    assert_eq!(events(&text)[0].1["status"], "queued", "the present state comes at once");

    let (pipeline, shutdown) = (rig.pipeline.clone(), rig.shutdown.clone());
    tokio::spawn(async move { pipeline.work(shutdown).await });
    text.push_str(&answer.text().await.unwrap());
    let told = events(&text);
    assert!(told.windows(2).all(|pair| pair[0].0 <= pair[1].0), "{told:?}");
    let (last, end) = told.last().unwrap();
    assert_eq!((&end["status"], &end["progress"]["stage"]), (&json!("succeeded"), &json!("done")));
    assert_eq!(end["deliveries"][0]["status"], "delivered");
    let (_, shown) = json_of(rig.get(&rig.acme, &path(&report))).await;
    assert_eq!(*end, shown);

    let resume = |id: u64| rig.get(&rig.acme, &events_path).header("last-event-id", id.to_string()).send();
    assert_eq!(resume(*last).await.unwrap().status(), StatusCode::NO_CONTENT);
    let rest = events(&resume(last - 1).await.unwrap().text().await.unwrap());
    assert_eq!(rest, [(*last, end.clone())]);
    followed(&rig, 0).await;

    let (status, _) = json_of(rig.get(&rig.globex, &events_path)).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "another partner's report does not exist");
}

#[tokio::test]
async fn who_has_the_newest_gets_only_what_comes_after_and_a_stream_ends_at_shutdown() {
    let rig = Rig::idle().await;
    let report = rig.contracts(&rig.acme).await;
    let other = rig.contracts(&rig.acme).await;
    let follow = |report: &Json| rig.get(&rig.acme, &format!("{}/events", path(report)));
    let first = follow(&report).send().await.unwrap().chunk().await.unwrap().unwrap();
    let known = events(std::str::from_utf8(&first).unwrap())[0].0;
    let mut resumed = follow(&report).header("last-event-id", known.to_string()).send().await.unwrap();
    let open = follow(&other).send().await.unwrap();
    rig.ask(&rig.acme, Method::DELETE, &path(&report)).send().await.unwrap();
    let mut text = Vec::new();
    while let Some(chunk) = resumed.chunk().await.unwrap() {
        text.extend_from_slice(&chunk);
    }
    let told = events(std::str::from_utf8(&text).unwrap());
    assert_eq!(told.len(), 1);
    assert!(told[0].0 > known && told[0].1["status"] == "cancelled");

    rig.shutdown.cancel();
    let told = events(&open.text().await.unwrap());
    assert_eq!(told.len(), 1, "it ended, with what there was to tell");
}
