//! Webhooks of the whole product: `serve` is killed between event and post, and the command line looks after the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::world::{Caller, PATIENCE, World};

/// What came in: bodies by `webhook-id`, each as often as it came.
type Letters = Arc<Mutex<BTreeMap<String, Vec<String>>>>;

/// A receiver that takes its time, so that kills fall into attempts, and answers with `status`.
async fn receiver(status: u16) -> (String, Letters) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
    let letters = Letters::default();
    let shared = letters.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(take(stream, shared.clone(), status));
        }
    });
    (url, letters)
}

async fn take(mut stream: TcpStream, letters: Letters, status: u16) {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    let (head, body) = loop {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let (head, body) = (head.to_ascii_lowercase(), body.to_owned());
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
        if body.len() >= length.parse().expect("a number") {
            break (head, body);
        }
    };
    let id = head.lines().find_map(|line| line.strip_prefix("webhook-id: ")).expect("an id").to_owned();
    letters.lock().expect("letters").entry(id).or_default().push(body);
    tokio::time::sleep(Duration::from_millis(40)).await;
    let answer = format!("HTTP/1.1 {status} Words\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    drop(stream.write_all(answer.as_bytes()).await);
}

fn world(rows: u32, webhooks: &str) -> World {
    let world = World::with_sqlite(&format!(
        "CREATE TABLE rides (id INTEGER PRIMARY KEY, partner TEXT NOT NULL);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) INSERT INTO rides SELECT i, 'acme' FROM n;"
    ));
    world.report_type("rides.v1", "title = \"Rides\"\n", "SELECT id FROM rides WHERE partner = :partner_scope");
    let configuration = std::fs::read_to_string(world.path("sealpost.toml")).expect("the configuration");
    world.write("sealpost.toml", &format!("{configuration}\n{webhooks}"));
    world.partner("acme", "acme");
    world.apply();
    world
}

fn block(pauses: &str) -> String {
    format!(
        "[webhooks]\nsigning_secret = \"file:secrets/webhook-secret\"\nallow_private = true\nallow_http = true\nretry_after_s = {pauses}\n"
    )
}

async fn notifications(caller: &Caller, webhook: &str) -> Vec<Json> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/webhooks/{webhook}/notifications?limit=100{cursor}");
        let (status, page) = caller.call("GET", &path, None).await.expect("an answer");
        assert_eq!(status, 200, "{page}");
        all.extend(page["notifications"].as_array().expect("a page").iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_lose_no_notification() {
    let world = world(50, &block("[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]"));
    world.write("secrets/webhook-secret", &"s".repeat(32));
    let caller = Caller::new(&world, &world.api_key("acme"));
    let (url, letters) = receiver(200).await;
    let serving = world.serve().await;
    let (status, webhook) = caller.call("POST", "/v1/webhooks", Some(json!({ "url": url }))).await.expect("an answer");
    assert_eq!(status, 201, "{webhook}");
    let webhook = webhook["id"].as_str().expect("an id").to_owned();
    serving.kill();

    let slowness = world.slowness().await;
    let mut reports = BTreeSet::new();
    for round in 0..25_u64 {
        let serving = world.start();
        let until = Instant::now() + Duration::from_millis(150 + (round * 97) % 500).mul_f64(slowness);
        while Instant::now() < until {
            if reports.len() < 60
                && let Ok((202, report)) =
                    caller.call("POST", "/v1/reports", Some(json!({ "report_type": "rides.v1" }))).await
            {
                reports.insert(report["id"].as_str().expect("an id").to_owned());
            }
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
        serving.kill();
    }
    assert!(reports.len() >= 20, "only {} reports: the test shows nothing", reports.len());

    let _serving = world.serve().await;
    for report in &reports {
        caller.ended(report).await;
    }
    // Each event of each report was announced, exactly once …
    let started = Instant::now();
    let all = loop {
        let all = notifications(&caller, &webhook).await;
        if all.iter().all(|one| one["status"] != "pending") {
            break all;
        }
        assert!(started.elapsed() < PATIENCE, "{all:#?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    for report in &reports {
        let mut types: Vec<&str> = all
            .iter()
            .filter(|one| one["payload"]["data"]["report_id"] == **report)
            .map(|one| one["type"].as_str().expect("a type"))
            .collect();
        types.sort_unstable();
        assert_eq!(types, ["delivery.delivered", "report.succeeded"], "{report}");
    }
    // … and each of those arrived at least once, always with the same bytes.
    let letters = letters.lock().expect("letters");
    for one in &all {
        assert_eq!(one["status"], "delivered", "{one:#}");
        let bodies = letters.get(one["id"].as_str().expect("an id")).unwrap_or_else(|| panic!("never came: {one:#}"));
        assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:#?}");
        assert_eq!(serde_json::from_str::<Json>(&bodies[0]).expect("JSON"), one["payload"]);
    }
    let again = letters.values().filter(|bodies| bodies.len() > 1).count();
    println!("{} notifications of {} reports; {again} came more than once", all.len(), reports.len());
    // Nothing came that was never announced.
    let known: BTreeSet<&str> = all.iter().filter_map(|one| one["id"].as_str()).collect();
    assert!(letters.keys().all(|id| known.contains(id.as_str())));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_lists_pings_replays_and_disables() {
    let world = world(1, &block("[]"));
    world.write("secrets/webhook-secret", &"s".repeat(32));
    let caller = Caller::new(&world, &world.api_key("acme"));
    let (url, letters) = receiver(500).await;
    let _serving = world.serve().await;
    let (_, made) = caller.call("POST", "/v1/webhooks", Some(json!({ "url": url }))).await.expect("an answer");
    let webhook = made["id"].as_str().expect("an id");
    let listed = world.json(&["webhook", "list", "--partner", "acme"]);
    assert_eq!((&listed[0]["id"], &listed[0]["url"]), (&json!(webhook), &json!(url)));
    assert!(!listed.to_string().contains("whsec_"));

    let sent = world.json(&["webhook", "ping", webhook]);
    let id = sent["id"].as_str().expect("an id").to_owned();
    let dead = |count: usize| {
        let started = Instant::now();
        loop {
            let found = world.json(&["webhook", "notifications", "--partner", "acme", "--status", "failed"]);
            let taken = letters.lock().expect("letters").get(&id).map_or(0, Vec::len);
            if found[0]["id"] == id.as_str() && taken == count {
                return found;
            }
            assert!(started.elapsed() < PATIENCE, "{found:#}");
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    assert_eq!(dead(1)[0]["failure"]["code"], "SP-NOTIFY-007");
    assert_eq!(world.json(&["webhook", "replay", &id])["status"], "pending");
    dead(2);
    assert_eq!(world.json(&["webhook", "replay", webhook, "--since", "2020-01-01T00:00:00Z"])["replayed"], 1);
    dead(3);
    assert_eq!(world.json(&["webhook", "disable", webhook])["enabled"], false);
    assert_eq!(world.json(&["webhook", "show", webhook])["enabled"], false);
    let refused = world.run(&["webhook", "replay", &id]);
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("SP-REQUEST-015"));
    let text = String::from_utf8(world.run(&["webhook", "notifications"]).stdout).expect("text");
    assert!(text.contains(&id) && text.contains("webhook.ping") && text.contains("failed"), "{text}");
    // One line per outcome in the log, and never a secret.
    let log = world.log();
    let lines: Vec<&str> =
        log.lines().filter(|line| line.contains(&id) && line.contains("notification failed")).collect();
    assert_eq!(lines.len(), 3, "{log}");
    assert!(!log.contains("whsec_") && !log.contains(&"s".repeat(32)));
    let metrics =
        reqwest::get(format!("{}/metrics", world.admin_url())).await.expect("an answer").text().await.expect("text");
    assert!(metrics.contains("sealpost_notifications_total{outcome=\"failed\"} 3"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_setting_there_are_none_and_a_short_secret_is_found() {
    let none = world(1, "");
    let caller = Caller::new(&none, &none.api_key("acme"));
    let serving = none.serve().await;
    let ask = json!({ "url": "https://hooks.acme.example/" });
    let (status, problem) = caller.call("POST", "/v1/webhooks", Some(ask)).await.expect("an answer");
    assert_eq!((status, &problem["code"]), (409, &json!("SP-REQUEST-038")));
    assert!(problem["detail"].as_str().expect("a detail").contains("signing_secret"), "{problem}");
    let (status, list) = caller.call("GET", "/v1/webhooks", None).await.expect("an answer");
    assert_eq!((status, list), (200, json!({ "webhooks": [] })));
    drop(serving);

    let short = world(1, &block("[1]"));
    short.write("secrets/webhook-secret", "short");
    let findings: Json =
        serde_json::from_slice(&short.run(&["--json", "doctor", "--no-connectors"]).stdout).expect("JSON");
    let found = |findings: &Json| {
        findings.as_array().expect("findings").iter().find(|one| one["subject"] == "webhooks").cloned()
    };
    let finding = found(&findings).expect("a row");
    assert_eq!(finding["failure"]["code"], "SP-NOTIFY-009");
    assert!(finding["detail"].as_str().expect("a detail").contains("5 bytes"), "{finding}");
    short.write("secrets/webhook-secret", &"s".repeat(32));
    let findings = short.json(&["doctor", "--no-connectors"]);
    assert_eq!(found(&findings).expect("a row")["failure"], Json::Null);
}
