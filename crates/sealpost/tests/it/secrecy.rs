//! No plaintext at rest: not in the store, the ledger, the log, or any temporary folder, for any format.

use serde_json::json;

use crate::world::{Caller, World};

const CANARY: &str = "Zeisig-51d0c4a8";

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_every_format_are_on_no_disk() {
    let rows = format!(
        "CREATE TABLE people (id INTEGER PRIMARY KEY, partner TEXT NOT NULL, name TEXT NOT NULL);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000)
         INSERT INTO people SELECT i, 'acme', '{CANARY}' || i FROM n;"
    );
    let world = World::with_sqlite(&rows);
    world.report_type(
        "people.v1",
        "title = \"People\"\n[parameters.name]\ntype = \"string\"\ndefault = \"x\"\n",
        "SELECT id, name FROM people WHERE partner = :partner_scope AND name <> :name",
    );
    world.partner("acme", "acme");
    world.apply();
    let temporary = world.path("temporary");
    std::fs::create_dir(&temporary).expect("make a folder");
    // The child gets a temporary folder of its own, so that everything it writes is below the world.
    let log = std::fs::File::create(world.path("serve.log")).expect("create the log");
    let mut child = world
        .command(&["serve"])
        .env("TMPDIR", &temporary)
        .env("SEALPOST__LOG__LEVEL", "debug")
        .stderr(log)
        .spawn()
        .expect("start");
    let caller = Caller::new(&world, &world.api_key("acme"));
    for format in ["csv", "tsv", "json", "ndjson", "xml", "xlsx", "parquet"] {
        let started = std::time::Instant::now();
        let ask = json!({ "report_type": "people.v1", "format": format, "parameters": { "name": format!("{CANARY}-parameter") } });
        let id = loop {
            match caller.create(ask.clone(), format).await {
                Ok((202, report)) => break report["id"].as_str().expect("an id").to_owned(),
                other => assert!(started.elapsed() < crate::world::PATIENCE, "{other:?}"),
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        };
        let report = caller.ended(&id).await;
        assert_eq!(report["deliveries"][0]["status"], "delivered", "{format}: {report}");
    }
    drop(child.kill());
    drop(child.wait());
    let output = std::process::Command::new("grep")
        .args(["-rlaE", &format!("{CANARY}[0-9]"), "--exclude=company.sqlite"])
        .arg(world.folder.path())
        .arg(world.sshd.inbox())
        .output()
        .expect("run grep");
    assert!(output.stdout.is_empty(), "rows in {}", String::from_utf8_lossy(&output.stdout));
    // Parameters are the caller's own words: the ledger keeps them, the log never has them.
    assert!(!world.log().contains(CANARY), "a parameter's value is in the log");
}
