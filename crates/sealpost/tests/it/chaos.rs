//! Networks that cut, stall, reset and crawl, before database, store and partner: each report ends well once the
//! network does, each file arrives once and complete, and nothing hangs.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sealpost_testkit::chaos::{Chaos, ChaosProxy};
use sealpost_testkit::mariadb::MariaDb;
use sealpost_testkit::moto::Moto;
use serde_json::json;

use crate::world::{Caller, PATIENCE, World};

const ROWS: u32 = 30_000;
const REPORT: &str = "SELECT id, note FROM rides WHERE partner = :partner_scope ORDER BY id";

/// Every way in which a connection goes wrong, early and in the middle of the data.
const FAULTS: [Chaos; 9] = [
    Chaos::CutUpload(3_000),
    Chaos::CutUpload(400_000),
    Chaos::CutDownload(2_000),
    Chaos::CutDownload(300_000),
    Chaos::ResetUpload(200_000),
    Chaos::ResetDownload(100_000),
    Chaos::Reset,
    Chaos::Stall,
    Chaos::Refuse,
];

fn database() -> String {
    format!(
        "CREATE TABLE rides (id INTEGER PRIMARY KEY, partner VARCHAR(20) NOT NULL, note VARCHAR(60) NOT NULL);
         INSERT INTO rides WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
         SELECT i, 'acme', concat(hex(i * 7919), '-', hex(i * 104729)) FROM n;"
    )
}

/// Those that every report meets where its bytes go to the server behind the proxy.
const MET_BY_UPLOADS: [Chaos; 5] =
    [Chaos::CutUpload(3_000), Chaos::CutUpload(400_000), Chaos::ResetUpload(200_000), Chaos::Reset, Chaos::Stall];

/// The same where they come from it.
const MET_BY_DOWNLOADS: [Chaos; 5] =
    [Chaos::CutDownload(2_000), Chaos::CutDownload(300_000), Chaos::ResetDownload(100_000), Chaos::Reset, Chaos::Stall];

/// Breaks the network in each way, heals it after a while, and expects every report to arrive. The faults that it is sure to meet
/// have to be met before that.
async fn survives(world: &World, proxy: &ChaosProxy, met: &[Chaos]) {
    let caller = Caller::new(world, &world.api_key("acme"));
    for fault in FAULTS {
        let is_short = met.contains(&fault) && fault != Chaos::Stall;
        if is_short {
            // A connection that was kept would meet it before the report does.
            proxy.reset_all();
        }
        proxy.set(fault);
        let before = proxy.traffic().faults;
        let (status, created) =
            caller.create(json!({ "report_type": "rides.v1" }), &format!("{fault:?}")).await.expect("an answer");
        assert_eq!(status, 202, "{fault:?}: {created}");
        let begun = Instant::now();
        while met.contains(&fault) && proxy.traffic().faults == before {
            assert!(begun.elapsed() < PATIENCE, "{fault:?} is never met\n{}", world.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // What was met meets the next attempts too; of the others nobody knows when they act, and a stall is nothing but time.
        tokio::time::sleep(Duration::from_millis(if is_short { 300 } else { 1500 })).await;
        proxy.heal();
        let report = caller.ended(created["id"].as_str().expect("an id")).await;
        assert_eq!(report["status"], "succeeded", "{fault:?}: {report}\n{}", world.log());
        assert_eq!(report["row_count"], ROWS, "{fault:?}");
        assert_eq!(report["deliveries"][0]["status"], "delivered", "{fault:?}: {report}\n{}", world.log());
        let name = report["file"]["name"].as_str().expect("a name");
        let plain = String::from_utf8(world.decrypt(&world.inbox("acme").join(name))).expect("UTF-8");
        assert_eq!(plain.lines().count() as u32, ROWS + 1, "{fault:?}");
    }
    let names = world.names("acme");
    assert_eq!(names.len(), FAULTS.len(), "one file for each report, and nothing hidden: {names:?}");
}

fn sqlite_world() -> World {
    let sql = format!(
        "CREATE TABLE rides (id INTEGER PRIMARY KEY, partner TEXT NOT NULL, note TEXT NOT NULL);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
         INSERT INTO rides SELECT i, 'acme', hex(i * 7919) || '-' || hex(i * 104729) FROM n;"
    );
    let mut world = World::with_sqlite(&sql);
    world.worker("lease_s = 10\nproduce_pause_s = 1\nproduce_attempts = 30\n");
    world.report_type("rides.v1", "title = \"Rides\"\n", REPORT);
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partner_behind_a_broken_network_gets_every_file_once() {
    let world = sqlite_world();
    let proxy = ChaosProxy::start(SocketAddr::from(([127, 0, 0, 1], world.sshd.port())));
    world.partner_at("acme", "acme", proxy.address().port(), "");
    world.apply();
    let _serving = world.serve().await;
    survives(&world, &proxy, &MET_BY_UPLOADS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_behind_a_broken_network_never_gives_a_shorter_file() {
    let server = MariaDb::shared();
    let database_name = server.database();
    server.run(&database_name, &format!("SET max_recursive_iterations = 1000000; {}", database()));
    server.run("", "CREATE USER IF NOT EXISTS 'reports'@'%' IDENTIFIED BY 'pw'; GRANT SELECT ON *.* TO 'reports'@'%';");
    let proxy = ChaosProxy::start(SocketAddr::from(([127, 0, 0, 1], server.port())));
    let mut world = World::with_mysql(proxy.address(), &database_name, "reports", "pw");
    world.worker("lease_s = 10\nproduce_pause_s = 1\nproduce_attempts = 30\n");
    world.report_type("rides.v1", "title = \"Rides\"\ntimeout_s = 20\n", REPORT);
    world.partner("acme", "acme");
    world.apply();
    let _serving = world.serve().await;
    survives(&world, &proxy, &MET_BY_DOWNLOADS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_the_database_ends_by_itself_is_run_again() {
    let server = MariaDb::shared();
    server.run("", "CREATE USER IF NOT EXISTS 'reports'@'%' IDENTIFIED BY 'pw'; GRANT SELECT ON *.* TO 'reports'@'%';");
    let address = SocketAddr::from(([127, 0, 0, 1], server.port()));
    let mut world = World::with_mysql(address, &server.database(), "reports", "pw");
    world.worker("produce_pause_s = 1\nproduce_attempts = 3\n");
    // Nine seconds: time enough for clients that look for it and end it.
    let slow = "SELECT seq, SLEEP(0.03) AS watched FROM seq_1_to_300 WHERE 'acme' = :partner_scope";
    world.report_type("slow.v1", "title = \"Slow\"\n", slow);
    world.partner("acme", "acme");
    world.apply();
    let _serving = world.serve().await;
    let caller = Caller::new(&world, &world.api_key("acme"));
    let (status, created) = caller.create(json!({ "report_type": "slow.v1" }), "one").await.expect("an answer");
    assert_eq!(status, 202, "{created}");
    // As a watchdog does, or an operator who wants the database for something else.
    let running = "SELECT id FROM information_schema.processlist WHERE user = 'reports' AND info LIKE '%AS watched%'";
    let begun = Instant::now();
    let id = loop {
        assert!(begun.elapsed() < PATIENCE, "the query does not run: {}", world.log());
        let found = server.rows("", running);
        if !found.trim().is_empty() {
            break found.trim().to_owned();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    server.run("", &format!("KILL QUERY {id}"));
    let report = caller.ended(created["id"].as_str().expect("an id")).await;
    assert_eq!((&report["status"], &report["row_count"]), (&json!("succeeded"), &json!(300)), "{}", world.log());
    assert!(world.log().contains("nobody has cancelled the report"), "the first attempt was ended: {}", world.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_behind_a_broken_network_keeps_whole_files_only() {
    let moto = Moto::start();
    moto.create_bucket("reports");
    let proxy = ChaosProxy::start(moto.address());
    let mut world = sqlite_world();
    world.write("secrets/s3", "secret");
    world.store(&format!(
        "kind = \"s3\"\nbucket = \"reports\"\nendpoint = \"http://{}\"\nallow_http = true\naccess_key_id = \"key\"\nsecret_access_key = \"file:secrets/s3\"\nregion = \"us-east-1\"\ntimeout_s = 5\n",
        proxy.address()
    ));
    world.partner("acme", "acme");
    world.apply();
    let _serving = world.serve().await;
    survives(&world, &proxy, &MET_BY_UPLOADS).await;
    assert_eq!(moto.keys("reports").len(), FAULTS.len(), "one object for each report: {:?}", moto.keys("reports"));
    assert!(moto.pending_uploads("reports").is_empty());
}
