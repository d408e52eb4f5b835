//! Constant memory: the peak of `serve` does not follow the number of rows.

use serde_json::json;

use crate::world::{Caller, World};

/// Rows made by the query itself, so that no table has to be filled.
const QUERY: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows)
SELECT i, i * 2654435761 % 1000003 AS number, 'Grünstraße ' || i AS address, date('2020-01-01', '+' || (i % 2000) || ' days') AS day,
    CASE WHEN i % 3 THEN 'active' END AS status
FROM n WHERE :partner_scope = 'acme'";

const SETTINGS: &str = "title = \"Rows\"
timeout_s = 3600
[parameters.rows]
type = \"integer\"
required = true
[columns]
i = { type = \"integer\" }
number = { type = \"integer\" }
address = { type = \"text\" }
day = { type = \"date\" }
status = { type = \"text\" }
";

/// The peak after producing (and delivering, where asked) this many rows, in KiB.
async fn peak(rows: u64, deliver: bool) -> u64 {
    let world = World::with_sqlite("CREATE TABLE unused (id INTEGER);");
    world.report_type("rows.v1", SETTINGS, QUERY);
    world.partner("acme", "acme");
    world.apply();
    let serving = world.serve().await;
    let caller = Caller::new(&world, &world.api_key("acme"));
    let ask = json!({ "report_type": "rows.v1", "parameters": { "rows": rows }, "deliver": deliver });
    let (status, created) = caller.call("POST", "/v1/reports", Some(ask)).await.expect("an answer");
    assert_eq!(status, 202, "{created}");
    let id = created["id"].as_str().expect("an id").to_owned();
    let report = loop {
        // Five million rows take their time in an unoptimised build; the test runner's own limit ends a hang.
        let (_, report) = caller.call("GET", &format!("/v1/reports/{id}"), None).await.expect("an answer");
        if crate::world::is_ended(&report) {
            break report;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    };
    assert_eq!(report["row_count"], rows, "{report}");
    serving.peak_memory_kib()
}

#[tokio::test(flavor = "multi_thread")]
async fn five_million_rows_need_the_memory_of_ten_thousand() {
    let small = peak(10_000, false).await;
    let large = peak(5_000_000, false).await;
    println!("peak memory: {small} KiB for 10,000 rows, {large} KiB for 5,000,000 rows, ratio {:.3}", large as f64 / small as f64);
    assert!(large * 10 < small * 11, "{small} KiB for 10,000 rows, {large} KiB for 5,000,000");
}
