//! Memory does not follow the number of rows.

use sealpost_testkit::alone::passes_alone;
use sealpost_testkit::mariadb::MariaDb;
use sealpost_testkit::suite::source::described;
use serde_json::json;

use crate::{build, settings};

/// The most memory that the process ever had, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn ten_times_the_rows_take_the_same_memory() {
    passes_alone("memory::many_rows");
}

/// Not a test of its own: the peak is that of the whole process.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by `ten_times_the_rows_take_the_same_memory`"]
async fn many_rows() {
    let source = build("mysql", settings(MariaDb::shared(), "mysql"));
    let mut peaks = Vec::new();
    for rows in [50_000, 500_000] {
        let sql = format!(
            "SELECT seq, seq * 1.5 AS d, CONCAT('text ', seq) AS t, NOW() AS n, REPEAT('y', 150) AS y \
             FROM seq_1_to_{rows} WHERE 'x' = :partner_scope"
        );
        let query = described(&*source, &sql, json!({}), "x").await;
        let mut stream = source.open(&query).await.unwrap();
        let mut count = 0;
        while let Some(batch) = stream.next().await.unwrap() {
            count += batch.rows();
        }
        assert_eq!(count, rows);
        peaks.push(peak());
    }
    // The larger result is 110 MB.
    assert!(peaks[1] - peaks[0] < 6 * 1024, "{peaks:?} KiB");
}
