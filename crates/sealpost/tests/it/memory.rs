//! Constant memory: the peak of `serve` does not follow the number of rows.

use std::net::SocketAddr;

use sealpost_testkit::mariadb::MariaDb;
use serde_json::json;

use crate::world::{Caller, Serving, World};

/// Rows made by the server itself (MariaDB's sequence engine), so that no table has to be filled.
const QUERY: &str = "SELECT seq AS id, seq * 2654435761 % 1000003 AS number, concat('Grünstraße ', seq) AS address,
    date('2020-01-01') + INTERVAL (seq % 2000) DAY AS day, CAST(seq / 7 AS DECIMAL(20,4)) AS amount, IF(seq % 3, 'active', NULL) AS status
FROM seq_1_to_2000000 WHERE seq <= :rows AND :partner_scope = 'acme'";

const SETTINGS: &str = "title = \"Rows\"\ntimeout_s = 3600\n[parameters.rows]\ntype = \"integer\"\nrequired = true\n";

struct Bench {
    world: World,
    serving: Serving,
    caller: Caller,
    _server: MariaDb,
}

impl Bench {
    async fn start() -> Self {
        let server = MariaDb::start();
        let database = server.database();
        server.run("", "CREATE USER 'reports'@'%' IDENTIFIED BY 'pw'; GRANT SELECT ON *.* TO 'reports'@'%';");
        let world = World::with_mysql(SocketAddr::from(([127, 0, 0, 1], server.port())), &database, "reports", "pw");
        world.report_type("rows.v1", SETTINGS, QUERY);
        world.partner("acme", "acme");
        world.apply();
        let serving = world.serve().await;
        let caller = Caller::new(&world, &world.api_key("acme"));
        Self { world, serving, caller, _server: server }
    }

    async fn produce(&self, rows: u64, format: &str) {
        let ask =
            json!({ "report_type": "rows.v1", "format": format, "parameters": { "rows": rows }, "deliver": false });
        let (status, created) = self.caller.call("POST", "/v1/reports", Some(ask)).await.expect("an answer");
        assert_eq!(status, 202, "{created}");
        let id = created["id"].as_str().expect("an id").to_owned();
        // Two million rows take their time in an unoptimised build; the test runner's own limit ends a hang.
        let report = loop {
            let (_, report) = self.caller.call("GET", &format!("/v1/reports/{id}"), None).await.expect("an answer");
            if crate::world::is_ended(&report) {
                break report;
            }
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        };
        assert_eq!(report["row_count"], rows, "{report}\n{}", self.world.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_million_rows_need_the_memory_of_ten_thousand() {
    let bench = Bench::start().await;
    // A few small reports bring every thread and buffer into being; the peak of the small ones is taken after them.
    for _ in 0..10 {
        bench.produce(10_000, "csv").await;
    }
    let small = bench.serving.peak_memory_kib();
    bench.produce(2_000_000, "csv").await;
    let large = bench.serving.peak_memory_kib();
    println!(
        "peak memory: {small} KiB for 10,000 rows, {large} KiB for 2,000,000 rows, ratio {:.3}",
        large as f64 / small as f64
    );
    assert!(large * 10 < small * 11, "{small} KiB for 10,000 rows, {large} KiB for 2,000,000");
    // However large the program is by itself: four bytes that are kept of each row are found.
    assert!((large - small) * 1024 < 4 * 2_000_000, "{small} KiB for 10,000 rows, {large} KiB for 2,000,000");
}

/// The formats whose writers have something to keep: a zip and its second thread, groups of rows.
#[tokio::test(flavor = "multi_thread")]
async fn workbooks_and_columns_need_no_memory_for_more_rows() {
    let bench = Bench::start().await;
    for format in ["xlsx", "parquet"] {
        // More than one group of rows, so that it is as large as it gets.
        for _ in 0..2 {
            bench.produce(80_000, format).await;
        }
    }
    let small = bench.serving.peak_memory_kib();
    for format in ["xlsx", "parquet"] {
        bench.produce(400_000, format).await;
        let large = bench.serving.peak_memory_kib();
        println!("peak memory: {small} KiB for 80,000 rows, {large} KiB for 400,000 rows as {format}");
        // The rows between have some 30 MB.
        assert!(large - small < 12 * 1024, "{format}: {small} KiB for 80,000 rows, {large} KiB for 400,000");
    }
}
