//! The transfer API, its process killed again and again: each file arrives once, complete, and nothing else stays.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value as Json;

use crate::world::World;

/// Files to send, and files per call.
const FILES: usize = 1_000;
const PER_TRANSFER: usize = 10;
/// Kills while they are being started and sent.
const KILLS: usize = 25;

/// A size per file: mostly small ones, empty ones, some of a few megabytes.
fn size(number: usize) -> usize {
    match number % 20 {
        0 => 0,
        1 => 1 + number * 2_500,
        2 => 256 * 1024 + number,
        _ => 100 + (number * 7919) % 40_000,
    }
}

fn content(number: usize) -> Vec<u8> {
    sealpost_testkit::suite::transport::noise(size(number), number as u64 + 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_transfers_survive_kills_each_file_once() {
    let mut world = World::with_sqlite("CREATE TABLE bikes (id INTEGER);");
    world.report_type("none.v1", "title = \"None\"\n", "SELECT id FROM bikes WHERE id = :partner_scope");
    world.transfers();
    let outbox = world.path("data/store/outbox");
    std::fs::create_dir_all(&outbox).expect("make the outbox");
    for number in 0..FILES {
        std::fs::write(outbox.join(format!("file-{number}.bin")), content(number)).expect("write a file to send");
    }
    let inbox = world.inbox("transfers");
    std::fs::create_dir_all(&inbox).expect("make the inbox");
    let key = world.json(&["access-key", "issue", "--role", "admin"]);
    let text = |name: &str| key[name].as_str().expect("text").to_owned();
    let (id, secret) = (text("access_key_id"), text("secret_access_key"));
    let serving = world.serve().await;
    let connector = world.transfer_connector(&id, &secret);
    drop(serving);

    let mut caller = Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/transfers.py"))
        .args([&world.transfer_url(), &id, &secret, &connector, "sealpost", &inbox.display().to_string()])
        .args([FILES.to_string(), PER_TRANSFER.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("run the caller");
    for kill in 0..KILLS {
        let serving = world.start();
        // Never the same step twice, never long enough to get through.
        tokio::time::sleep(Duration::from_millis(300 + (kill as u64 * 7919) % 900)).await;
        serving.kill();
    }
    let _serving = world.serve().await;
    let lines: Vec<String> =
        BufReader::new(caller.stdout.take().expect("a pipe")).lines().map(|line| line.expect("a line")).collect();
    assert!(caller.wait().expect("wait for the caller").success(), "{lines:?}\n{}", world.log());
    let started: Json = serde_json::from_str(&lines[0]).expect("JSON");
    assert_eq!(started["started"], FILES / PER_TRANSFER);
    let results: BTreeMap<String, Json> = serde_json::from_str(&lines[1]).expect("JSON");
    assert_eq!(results.len(), FILES);
    let unfinished: Vec<_> = results.iter().filter(|(_, result)| result["status"] != "COMPLETED").collect();
    assert!(unfinished.is_empty(), "{unfinished:#?}");

    let mut names = world.names("transfers");
    let mut expected: Vec<String> = (0..FILES).map(|number| format!("file-{number}.bin")).collect();
    names.sort();
    expected.sort();
    assert_eq!(names, expected, "one visible file each, and no temporary name");
    for number in 0..FILES {
        let arrived = std::fs::read(inbox.join(format!("file-{number}.bin"))).expect("an arrived file");
        assert!(arrived == content(number), "file-{number}.bin: {} of {} bytes", arrived.len(), size(number));
    }
}
