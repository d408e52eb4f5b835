//! SIGKILL at any time, hundreds of times: nothing admitted is lost, each file is there once, complete, and no
//! temporary name and no plaintext remain.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::world::{Caller, World, is_ended};

/// A value that is in every row, so that plaintext on the disk is found.
const CANARY: &str = "Kanarienvogel-7c1f9e";
const ROWS: u32 = 6000;

fn database() -> String {
    format!(
        "CREATE TABLE rides (id INTEGER PRIMARY KEY, partner TEXT NOT NULL, note TEXT NOT NULL);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
         INSERT INTO rides SELECT i, 'acme', '{CANARY}-' || hex(i * 7919) || '-' || hex(i * 104729) FROM n;"
    )
}

/// A small generator of our own, so that the seed in a failure's message repeats the run's timing.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        // xorshift64*, Vigna 2016.
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % below
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_kills_lose_nothing_and_leave_nothing() {
    let seed = std::env::var("SEALPOST_CRASH_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(rand::random::<u64>)
        | 1;
    let kills: u32 = std::env::var("SEALPOST_CRASH_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(200);
    println!("SEALPOST_CRASH_SEED={seed} SEALPOST_CRASH_KILLS={kills}");
    let mut dice = Dice(seed);

    let world = World::with_sqlite(&database());
    world.report_type(
        "rides.v1",
        "title = \"Rides\"\n",
        "SELECT id, partner, note FROM rides WHERE partner = :partner_scope ORDER BY id",
    );
    world.partner("acme", "acme");
    world.apply();
    let caller = Caller::new(&world, &world.api_key("acme"));

    let slowness = world.slowness().await;
    // Every admitted report by its idempotency key. A 202 must never be forgotten, whatever happens next.
    let mut admitted: BTreeMap<String, String> = BTreeMap::new();
    let mut number = 0;
    for _ in 0..kills {
        let serving = world.start();
        let deadline = Instant::now() + Duration::from_millis(60 + dice.roll(700)).mul_f64(slowness);
        while Instant::now() < deadline {
            if dice.roll(3) == 0 && admitted.len() < 150 {
                let key = format!("key-{number}");
                if let Ok((202, report)) = caller.create(json!({ "report_type": "rides.v1" }), &key).await {
                    admitted.insert(key, report["id"].as_str().expect("an id").to_owned());
                    number += 1;
                }
            }
            tokio::time::sleep(Duration::from_millis(dice.roll(40))).await;
        }
        serving.kill();
    }
    assert!(
        admitted.len() >= 20,
        "only {} reports were admitted: the test shows nothing (seed {seed})",
        admitted.len()
    );

    // Left alone, everything ends.
    let _serving = world.serve().await;
    for (key, id) in &admitted {
        let report = caller.ended(id).await;
        assert!(is_ended(&report));
        assert_eq!(report["status"], "succeeded", "seed {seed}, {id}: {report}");
        assert_eq!(report["row_count"], ROWS, "seed {seed}, {id}");
        assert_eq!(report["deliveries"][0]["status"], "delivered", "seed {seed}, {id}: {report}");
        // The same key gives the same report, kills or not.
        let (_, again) = caller.create(json!({ "report_type": "rides.v1" }), key).await.expect("an answer");
        assert_eq!(again["id"].as_str(), Some(id.as_str()), "seed {seed}: {key} made a second report");
    }

    // Each file once, complete, decryptable; nothing else, hidden or not.
    let mut expected = Vec::new();
    for id in admitted.values() {
        let report = caller.ended(id).await;
        let name = report["file"]["name"].as_str().expect("a name").to_owned();
        let sealed = std::fs::read(world.inbox("acme").join(&name))
            .unwrap_or_else(|error| panic!("seed {seed}, {name}: {error}"));
        assert_eq!(
            hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&sealed)),
            report["file"]["sha256"].as_str().expect("a digest"),
            "seed {seed}, {name}"
        );
        expected.push(name);
    }
    // An answer may have been lost with its process: then the report is there too, admitted but unknown to us.
    let extra: Vec<String> = world.names("acme").into_iter().filter(|name| !expected.contains(name)).collect();
    assert!(extra.iter().all(|name| !name.starts_with('.')), "seed {seed}: temporary names remain: {extra:?}");
    for name in expected.iter().step_by(7).chain(&extra) {
        let text = String::from_utf8(world.decrypt(&world.inbox("acme").join(name))).expect("UTF-8");
        assert_eq!(text.lines().count() as u32, ROWS + 1, "seed {seed}, {name}");
    }

    assert_no_plaintext(&world, seed);
    assert_store_holds_only(&world, expected.len() + extra.len(), seed);
}

/// Nothing below the world's folder but the database itself may hold a row.
fn assert_no_plaintext(world: &World, seed: u64) {
    for folder in [world.folder.path(), &world.sshd.inbox()] {
        let output = std::process::Command::new("grep")
            .args(["-rlaF", CANARY, "--exclude=company.sqlite"])
            .arg(folder)
            .output()
            .expect("run grep");
        assert!(output.stdout.is_empty(), "seed {seed}: plaintext in {}", String::from_utf8_lossy(&output.stdout));
    }
}

/// Attempts that were cut short leave nothing in the store.
fn assert_store_holds_only(world: &World, files: usize, seed: u64) {
    let output = std::process::Command::new("find")
        .arg(world.path("data/store"))
        .args(["-type", "f"])
        .output()
        .expect("run find");
    let found: Vec<&str> = std::str::from_utf8(&output.stdout).expect("UTF-8").lines().collect();
    assert_eq!(found.len(), files, "seed {seed}: {found:#?}");
}
