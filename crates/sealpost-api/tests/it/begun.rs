//! Changes that are being carried out, or whose process died over it: they are completed, and not taken back; and what
//! could not be answered is not half forgotten.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, StatusCode};
use sealpost_core::audit::{Actor, ActorKind};
use sealpost_core::connector::{Connector, Login};
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

/// A destination, and a change of it that was begun by a process which died over it.
async fn left_behind(rig: &Rig, wish: Json) -> String {
    let (status, made) = json_of(rig.post(&rig.acme, "/v1/destinations", &destination("one.example"))).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    meddle(rig, "CREATE TRIGGER silent BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'silent'); END").await;
    let path = format!("/v1/destinations/{}", id(&made));
    let (status, problem) = json_of(rig.ask(&rig.acme, Method::PUT, &path).json(&wish)).await;
    assert!(status.is_server_error(), "{status} {problem}");
    meddle(rig, "DROP TRIGGER silent").await;
    begin(rig, &pending(rig).await[0], Timestamp::now() - SignedDuration::from_mins(5)).await;
    id(&made).to_owned()
}

async fn pending(rig: &Rig) -> Vec<Json> {
    let (_, page) = json_of(rig.get(&rig.acme, "/v1/changes?status=pending")).await;
    page["changes"].as_array().unwrap().clone()
}

async fn connector(rig: &Rig, id: &str) -> Connector {
    rig.pipeline.parts().records.connector(&id.parse().unwrap()).await.unwrap().unwrap()
}

/// The password that a connector logs in with.
async fn password(rig: &Rig, connector: &Connector) -> Vec<u8> {
    let [Login::Password { password }] = &connector.settings.login[..] else {
        panic!("{:?}", connector.settings.login)
    };
    rig.pipeline.parts().secrets.resolve(password).await.unwrap().expose().to_vec()
}

#[tokio::test]
async fn the_login_that_stays_is_the_one_that_is_there_when_a_change_is_done() {
    let rig = Rig::self_serving(all(Policy::Allowed)).await;
    let login = json!({"method": "password", "password": "hunter3-canary"});
    let destination = left_behind(&rig, json!({"host": "one.example", "user": "reports", "login": login})).await;

    let wish = json!({"host": "one.example", "user": "reports", "directory": "elsewhere"});
    let path = format!("/v1/destinations/{destination}");
    let (status, changed) = json_of(rig.ask(&rig.acme, Method::PUT, &path).json(&wish)).await;
    assert_eq!((status, &changed["directory"]), (StatusCode::OK, &json!("elsewhere")), "{changed}");
    assert_eq!(secrets(rig.folder.path()), 1, "the first one's is forgotten");
    assert_eq!(password(&rig, &connector(&rig, &destination).await).await, b"hunter3-canary");
}

#[tokio::test]
async fn no_password_is_handed_to_the_server_that_was_there_before_it() {
    let rig = Rig::self_serving(all(Policy::Allowed)).await;
    let login = json!({"method": "password", "password": "hunter3-canary"});
    let destination = left_behind(&rig, json!({"host": "two.example", "user": "reports", "login": login})).await;

    // As it is, when it is asked for.
    let wish = json!({"host": "one.example", "user": "reports", "directory": "elsewhere"});
    let path = format!("/v1/destinations/{destination}");
    let (status, problem) = json_of(rig.ask(&rig.acme, Method::PUT, &path).json(&wish)).await;
    assert_eq!((status, &problem["errors"][0]["pointer"]), (StatusCode::BAD_REQUEST, &json!("/login")), "{problem}");
    let there = connector(&rig, &destination).await;
    assert_eq!((there.settings.host.as_str(), there.settings.directory.as_str()), ("two.example", ""));
    assert_eq!(password(&rig, &there).await, b"hunter3-canary");
    assert_eq!(secrets(rig.folder.path()), 1);
    // What was refused does not wait for anybody.
    assert_eq!(pending(&rig).await, Vec::<Json>::new());
}

#[tokio::test]
async fn a_change_that_keeps_a_login_does_not_outlive_its_destination() {
    let rig = Rig::self_serving(all(Policy::Allowed)).await;
    let wish = json!({"host": "one.example", "user": "reports", "directory": "elsewhere"});
    let gone = left_behind(&rig, wish).await;
    assert!(rig.pipeline.parts().records.remove_connector(&gone.parse().unwrap()).await.unwrap());

    let (status, made) = json_of(rig.post(&rig.acme, "/v1/destinations", &destination("two.example"))).await;
    assert_eq!((status, &made["host"]), (StatusCode::CREATED, &json!("two.example")), "{made}");
    assert_eq!(pending(&rig).await, Vec::<Json>::new());
}
