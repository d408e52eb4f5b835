//! Memory does not follow the number of rows.

use std::time::Duration;

use sealpost_testkit::alone::passes_alone;
use sealpost_testkit::mariadb::MariaDb;
use sealpost_testkit::suite::source::described;
use serde_json::json;

use crate::sqlite::execute;
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
    let source = build("mysql", settings(&MariaDb::lasting(), "mysql"));
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

#[test]
fn few_rows_of_sqlite_wait_however_large_they_are() {
    passes_alone("memory::large_rows");
}

/// Not a test of its own: the peak is that of the whole process.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by `few_rows_of_sqlite_wait_however_large_they_are`"]
async fn large_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    execute(&path, "CREATE TABLE t (a INTEGER)").await;
    let source = build("sqlite", json!({"path": path}));
    let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60) \
               SELECT zeroblob(8388608) AS b FROM n WHERE 'x' = :partner_scope";
    let query = described(&*source, sql, json!({"columns": {"b": {"type": "bytes"}}}), "x").await;
    let mut stream = source.open(&query).await.unwrap();
    let mut count = stream.next().await.unwrap().unwrap().rows();
    // Whoever is ahead of the consumer gets as far as it can.
    tokio::time::sleep(Duration::from_secs(2)).await;
    while let Some(batch) = stream.next().await.unwrap() {
        count += batch.rows();
    }
    assert_eq!(count, 60);
    // Rows that wait, batches that do, and the program: a good hundred MiB. The whole result is 480.
    assert!(peak() < 250 * 1024, "{} KiB", peak());
}
