//! No plaintext at rest: not in the store, the ledger, the log, or any temporary folder, for any format.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::json;

use crate::world::{Caller, World};

const CANARY: &str = "Zeisig-51d0c4a8";

/// Looks at what a process has open, again and again. Most temporary files are removed as soon as they are open: whoever searches a
/// disk afterwards finds nothing, and yet the rows were on it.
struct Watch {
    over: Arc<AtomicBool>,
    looking: JoinHandle<BTreeSet<PathBuf>>,
}

impl Watch {
    fn over(process: u32, temporary: PathBuf, store: PathBuf) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&over);
        let looking = std::thread::spawn(move || {
            let mut found = BTreeSet::new();
            while !flag.load(Ordering::Relaxed) {
                let files = std::fs::read_dir(format!("/proc/{process}/fd")).expect("a process that runs");
                let files = files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
                // A file of the store has two names while it is published, of which one goes: what is in it is searched below.
                let is_temporary = |file: &PathBuf| {
                    file.starts_with(&temporary)
                        || file.to_string_lossy().ends_with("(deleted)") && !file.starts_with(&store)
                };
                found.extend(files.filter(is_temporary));
                std::thread::sleep(Duration::from_millis(2));
            }
            found
        });
        Self { over, looking }
    }

    fn end(self) -> BTreeSet<PathBuf> {
        self.over.store(true, Ordering::Relaxed);
        self.looking.join().expect("the watch")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_every_format_are_on_no_disk() {
    let rows = format!(
        "CREATE TABLE people (id INTEGER PRIMARY KEY, partner TEXT NOT NULL, name TEXT NOT NULL);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000)
         INSERT INTO people SELECT i, 'acme', '{CANARY}' || i || hex(randomblob(50)) FROM n;"
    );
    let world = World::with_sqlite(&rows);
    world.report_type(
        "people.v1",
        "title = \"People\"\n[parameters.name]\ntype = \"string\"\ndefault = \"x\"\n",
        // No index has this order, and there is too much of it for what databases keep in memory by themselves.
        "SELECT id, name FROM people WHERE partner = :partner_scope AND name <> :name ORDER BY name",
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
        let watch = Watch::over(child.id(), temporary.clone(), world.path("data/store"));
        let started = std::time::Instant::now();
        let ask = json!({ "report_type": "people.v1", "format": format, "parameters": { "name": format!("{CANARY}-parameter") } });
        let id = loop {
            match caller.create(ask.clone(), format).await {
                Ok((202, report)) => break report["id"].as_str().expect("an id").to_owned(),
                other => assert!(started.elapsed() < crate::world::PATIENCE, "{other:?}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let report = caller.ended(&id).await;
        assert_eq!(report["deliveries"][0]["status"], "delivered", "{format}: {report}");
        let found = watch.end();
        assert!(found.is_empty(), "temporary files of {format}: {found:?}");
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
