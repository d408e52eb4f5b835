//! Deliveries of reports that have ended are told to the sinks of events, as files are that callers of the transfer API send.

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::world::{Caller, PATIENCE, World};

/// Waits until nothing is left to do but what is due much later.
async fn idle(world: &World) {
    let url = format!("{}/admin/v1/queue", world.admin_url());
    let (client, started) = (reqwest::Client::new(), Instant::now());
    loop {
        let answer = client.get(&url).bearer_auth("an-admin-token-for-tests").send().await.expect("an answer");
        let queue: Json = answer.json().await.expect("JSON");
        if queue["ready"] == 0 && queue["leased"] == 0 {
            assert_eq!(queue["dead"], 0, "{queue}");
            return;
        }
        assert!(started.elapsed() < PATIENCE, "{queue}\n{}", world.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_delivery_that_ends_is_one_event() {
    let world = World::with_sqlite(
        "CREATE TABLE rides (id INTEGER PRIMARY KEY, partner TEXT NOT NULL);
         INSERT INTO rides VALUES (1, 'acme'), (2, 'bravo');",
    );
    world.report_type("rides.v1", "title = \"Rides\"\n", "SELECT id FROM rides WHERE partner = :partner_scope");
    world.partner("acme", "acme");
    world.partner("bravo", "bravo");
    // A key that the server does not have.
    let (known, unknown) = (world.sshd.host_fingerprint("ed25519"), format!("SHA256:{}", "A".repeat(43)));
    world.rewrite("partners/bravo.toml", |text| text.replace(&known, &unknown));
    world.rewrite("sealpost.toml", |text| {
        format!("{text}\n[[transfer.events]]\nkind = \"file\"\npath = \"events.jsonl\"\n")
    });
    world.apply();
    let _serving = world.serve().await;
    let mut reports = Vec::new();
    for partner in ["acme", "bravo"] {
        let caller = Caller::new(&world, &world.api_key(partner));
        let (status, asked) = caller.create(json!({"report_type": "rides.v1"}), "once").await.expect("an answer");
        assert_eq!(status, 202, "{asked}");
        reports.push(caller.ended(asked["id"].as_str().expect("an id")).await);
    }
    // The task to announce it comes with the end, so it is there by now, or done.
    idle(&world).await;
    let text = std::fs::read_to_string(world.path("events.jsonl")).expect("the events");
    let events: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(events.len(), 2, "{text}");
    let of = |report: &Json| {
        let event = events.iter().find(|event| event["detail"]["transfer-id"] == report["id"]);
        event.unwrap_or_else(|| panic!("{report} has no event: {text}")).clone()
    };

    let (sent, event) = (&reports[0], of(&reports[0]));
    assert_eq!(event["detail-type"], "SFTP Connector File Send Completed", "{event}");
    let detail = &event["detail"];
    let text_of = |value: &Json| value.as_str().expect("text").to_owned();
    let name = format!("{}/{}", text_of(&sent["id"]), text_of(&sent["deliveries"][0]["id"]));
    assert_eq!((&detail["file-transfer-id"], &detail["status-code"]), (&json!(name), &json!("COMPLETED")));
    assert_eq!(detail["bytes"], sent["file"]["size"], "{detail}");
    assert_eq!(detail["url"], format!("sftp://127.0.0.1:{}", world.sshd.port()));
    assert_eq!(detail["remote-directory-path"], json!(world.inbox("acme")));
    assert!(text_of(&detail["local-file-location"]["key"]).starts_with("acme/"), "{detail}");

    let event = of(&reports[1]);
    assert_eq!(event["detail-type"], "SFTP Connector File Send Failed", "{event}");
    assert_eq!(event["detail"]["failure-code"], "CONNECTION_ERROR", "{event}");
    assert!(text_of(&event["detail"]["failure-message"]).starts_with("SP-DELIVER-003"), "{event}");
}
