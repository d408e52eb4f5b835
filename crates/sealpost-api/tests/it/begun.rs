//! Changes that are being carried out, or whose process died over it: they are completed, and not taken back; and what
//! could not be answered is not half forgotten.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, StatusCode};
use sealpost_core::audit::{Actor, ActorKind};
use sealpost_core::port::Changes;
use sealpost_pipeline::{Policy, SelfService};
use serde_json::{Value as Json, json};
use sqlx::{ConnectOptions, Connection};

use crate::rig::{Rig, id, json_of};

fn all(policy: Policy) -> SelfService {
    SelfService { certificates: policy, destinations: policy, host_keys: policy, ..SelfService::default() }
}

fn destination(host: &str) -> Json {
    let login = json!({"method": "password", "password": "hunter2-canary"});
    json!({"name": "second", "host": host, "user": "reports", "login": login})
}

async fn begin(rig: &Rig, change: &Json, at: Timestamp) {
    let changes: &dyn Changes = &*rig.pipeline.parts().changes;
    changes.begin(&id(change).parse().unwrap(), &Actor::new(ActorKind::Operator, "gone"), at).await.unwrap();
}

async fn of_destinations(rig: &Rig) -> Vec<(String, String)> {
    let (_, list) = json_of(rig.get(&rig.acme, "/v1/destinations")).await;
    let text = |one: &Json, name: &str| one[name].as_str().unwrap().to_owned();
    list["destinations"].as_array().unwrap().iter().map(|one| (text(one, "name"), text(one, "host"))).collect()
}

pub(crate) fn secrets(folder: &Path) -> usize {
    let place = folder.join("vault/acme/second");
    std::fs::read_dir(place).map_or(0, Iterator::count)
}

/// Runs a statement on the ledger behind its back.
pub(crate) async fn meddle(rig: &Rig, statement: &'static str) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(rig.folder.path().join("ledger.db"));
    let mut ledger = options.connect().await.unwrap();
    sqlx::query(statement).execute(&mut ledger).await.unwrap();
    ledger.close().await.unwrap();
}

#[tokio::test]
async fn a_change_that_has_begun_is_completed_and_not_taken_back() {
    let rig = Rig::self_serving(all(Policy::Approval)).await;
    let (_, change) = json_of(rig.post(&rig.acme, "/v1/destinations", &destination("sftp.acme.example"))).await;
    begin(&rig, &change, Timestamp::now()).await;
    let path = format!("/v1/changes/{}", id(&change));
    let decide = |verb: &str| json_of(rig.operate(Method::POST, &format!("/admin{path}:{verb}")));
    for (status, problem) in [json_of(rig.ask(&rig.acme, Method::DELETE, &path)).await, decide("reject").await] {
        assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("SP-REQUEST-015")), "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains("being carried out"), "{problem}");
    }
    let (_, seen) = json_of(rig.get(&rig.acme, &path)).await;
    assert_eq!((&seen["status"], &seen["decided_at"]), (&json!("pending"), &Json::Null));
    assert_eq!(secrets(rig.folder.path()), 1);
    let (status, done) = decide("approve").await;
    assert_eq!(
        (status, &done["status"], &done["decided_by"]["id"]),
        (StatusCode::OK, &json!("applied"), &json!("admin"))
    );
    assert_eq!(of_destinations(&rig).await.len(), 2);
    assert_eq!(secrets(rig.folder.path()), 1);
}

#[tokio::test]
async fn what_was_done_before_a_crash_can_be_completed() {
    let rig = Rig::self_serving(all(Policy::Approval)).await;
    let (_, list) = json_of(rig.get(&rig.acme, "/v1/destinations")).await;
    let destination = list["destinations"][0]["id"].as_str().unwrap();
    let (_, change) = json_of(rig.ask(&rig.acme, Method::DELETE, &format!("/v1/destinations/{destination}"))).await;
    begin(&rig, &change, Timestamp::now()).await;
    // It was removed; nobody said so.
    assert!(rig.pipeline.parts().records.remove_connector(&destination.parse().unwrap()).await.is_ok());
    let path = format!("/admin/v1/changes/{}:approve", id(&change));
    let (status, done) = json_of(rig.operate(Method::POST, &path)).await;
    assert_eq!((status, &done["status"]), (StatusCode::OK, &json!("applied")), "{done}");
}

#[tokio::test]
async fn a_change_that_its_process_left_does_not_stand_in_the_way_of_the_next() {
    let rig = Rig::self_serving(all(Policy::Allowed)).await;
    let ask = |host: &str| json_of(rig.post(&rig.acme, "/v1/destinations", &destination(host)));
    // Nobody can write to the trail, so the process stops between asking and doing.
    meddle(&rig, "CREATE TRIGGER silent BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'silent'); END").await;
    let (status, problem) = ask("one.example").await;
    assert!(status.is_server_error(), "{status} {problem}");
    assert_eq!(secrets(rig.folder.path()), 1, "it waits, and needs its secret");
    meddle(&rig, "DROP TRIGGER silent").await;
    let (_, page) = json_of(rig.get(&rig.acme, "/v1/changes")).await;
    let change = page["changes"][0].clone();
    assert_eq!((&change["status"], &change["wanted"]["host"]), (&json!("pending"), &json!("one.example")));

    // Begun just now, somebody may be at it; long ago, nobody is.
    begin(&rig, &change, Timestamp::now()).await;
    let (status, problem) = ask("two.example").await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("SP-REQUEST-035")), "{problem}");
    begin(&rig, &change, Timestamp::now() - SignedDuration::from_mins(5)).await;
    let (status, made) = ask("two.example").await;
    assert_eq!((status, &made["host"]), (StatusCode::CREATED, &json!("two.example")), "{made}");
    assert!(of_destinations(&rig).await.contains(&("second".to_owned(), "two.example".to_owned())));
    let (_, page) = json_of(rig.get(&rig.acme, "/v1/changes")).await;
    let states: Vec<&Json> = page["changes"].as_array().unwrap().iter().map(|one| &one["status"]).collect();
    assert_eq!(states, ["applied", "applied"]);
    assert_eq!(secrets(rig.folder.path()), 1, "the first one's is forgotten");
}
