//! The contract against SQLite, and its values, which have types of their own.

use std::path::Path;

use sealpost_core::error::codes::source as codes;
use sealpost_core::param::ParameterValue;
use sealpost_testkit::alone::passes_alone;
use sealpost_testkit::suite::source::{Subject, described, drain, report, rows, run};
use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Executor};

use crate::build;

pub(crate) async fn execute(path: &Path, sql: &str) {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true).pragma("journal_mode", "WAL");
    let mut connection = options.connect().await.unwrap();
    connection.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await.unwrap();
    sqlx::Connection::close(connection).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    execute(&path, "SELECT 1").await;
    let file = path.clone();
    let execute = Box::new(move |sql: &str| {
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(execute(&file, sql)));
    });
    run(&Subject { source: build("sqlite", json!({"path": path})), execute }).await;
}

#[tokio::test]
async fn declared_types_hold_and_what_breaks_them_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    execute(
        &path,
        "CREATE TABLE v (i INTEGER, d DECIMAL(20,4), t TEXT, b BLOB, day DATE, at DATETIME(3), ts TIMESTAMP, f REAL, ok BOOLEAN, j JSON, c TIME);
         INSERT INTO v VALUES (-9223372036854775808, '1.5', 'ü', x'00ff', '2026-01-31', '2026-01-31 23:59:59.123', '2026-07-01 12:00:00', 0.1, 1, '{\"a\":1}', '23:59:59'),
                              (9223372036854775807, 12, '', x'', NULL, NULL, '2026-01-01T12:00:00Z', NULL, 0, 'null', NULL),
                              (0, 0.125, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
         CREATE VIEW w AS SELECT i AS number, d FROM v;
         CREATE TABLE wrong (d DECIMAL(6,2), day DATE, n INTEGER);
         INSERT INTO wrong VALUES (1, '2026-01-01', 1), ('1.234', '31.01.2026', 'secret-value');",
    )
    .await;
    let source = build("sqlite", json!({"path": path}));
    let sql = "SELECT i, d, t, b, day, at, ts, f, ok, j, c FROM v WHERE :partner_scope = 'x'";
    let query = described(&*source, sql, json!({"time_zone": "Europe/Berlin"}), "x").await;
    let all = rows(&*source, &query).await;
    let texts: Vec<&str> = all[0].iter().map(String::as_str).collect();
    assert_eq!(texts[..4], ["Int(-9223372036854775808)", "Decimal(\"1.5000\")", "Text(\"ü\")", "Bytes([0, 255])"]);
    assert_eq!(texts[4], "Date(Date { year: 2026, month: 1, day: 31 })");
    assert!(texts[5].contains("micro: 123000"), "{}", texts[5]);
    assert!(texts[6].contains("hour: 14,") && texts[6].contains("offset_minutes: 120"), "{}", texts[6]);
    assert_eq!(texts[7..10], ["Float(0.1)", "Bool(true)", "Text(\"{\\\"a\\\":1}\")"]);
    assert_eq!(all[1][1..4], ["Decimal(\"12.0000\")", "Text(\"\")", "Bytes([])"]);
    assert!(all[1][6].contains("hour: 13,") && all[1][6].contains("offset_minutes: 60"), "{}", all[1][6]);
    assert_eq!(all[2][1], "Decimal(\"0.1250\")");
    assert!(all[2][2..].iter().all(|value| value == "Null"));
    let view = described(&*source, "SELECT number, d FROM w WHERE :partner_scope = 'x'", json!({}), "x").await;
    assert_eq!(rows(&*source, &view).await[0], ["Int(-9223372036854775808)", "Decimal(\"1.5000\")"]);
    for column in ["d", "day", "n"] {
        let sql = format!("SELECT {column} FROM wrong WHERE :partner_scope = 'x' ORDER BY rowid");
        let query = described(&*source, &sql, json!({}), "x").await;
        let mut stream = source.open(&query).await.unwrap();
        let error = drain(&mut *stream).await.1.unwrap();
        assert!(error.is(&codes::VALUE), "{error}");
        assert!(error.detail().starts_with(&format!("row 2, column `{column}`")), "{error}");
        assert!(!format!("{error:?}").contains("secret-value"), "{error:?}");
    }
}

#[tokio::test]
async fn a_computed_column_needs_a_type() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    execute(&path, "CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1), (2)").await;
    let source = build("sqlite", json!({"path": path}));
    let sql = "SELECT SUM(a) AS total FROM t WHERE 'x' = :partner_scope";
    let error = source.describe(&report(sql, json!({}))).await.unwrap_err();
    assert!(error.is(&codes::COLUMNS) && error.detail().contains("columns.total"), "{error}");
    let query = described(&*source, sql, json!({"columns": {"total": {"type": "integer"}}}), "x").await;
    assert_eq!(rows(&*source, &query).await, [["Int(3)"]]);
}

#[tokio::test]
async fn decimals_are_compared_as_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    execute(
        &path,
        "CREATE TABLE t (id INTEGER, amount DECIMAL(10,2), label TEXT);
         INSERT INTO t VALUES (1, 12.50, '12.50'), (2, 9, '9.00'), (3, 100.25, '100.25')",
    )
    .await;
    let source = build("sqlite", json!({"path": path}));
    let find = async |condition: &str, kind: serde_json::Value, value: ParameterValue| {
        let sql = format!("SELECT id FROM t WHERE :partner_scope = 'x' AND {condition} ORDER BY id");
        let mut query = described(&*source, &sql, json!({"parameters": {"v": kind}}), "x").await;
        query.parameters = [("v".to_owned(), value)].into();
        rows(&*source, &query).await.concat().join(",")
    };
    let decimal = |text: &str| ParameterValue::Decimal(text.to_owned());
    for (condition, found) in [
        ("amount = :v", "Int(1)"),
        ("amount < :v", "Int(2)"),
        ("id IN (SELECT id FROM t GROUP BY id HAVING SUM(amount) >= :v)", "Int(1),Int(3)"),
        ("amount * 2 = :v + :v", "Int(1)"),
        // Texts are numbers beside one.
        ("label = :v", "Int(1)"),
        ("label >= :v", "Int(1),Int(3)"),
    ] {
        assert_eq!(find(condition, json!({"type": "decimal"}), decimal("12.50")).await, found, "{condition}");
    }
    for condition in ["amount IN (:v)", "label IN (:v)", "CAST(amount * 1 AS NUMERIC) IN (:v)"] {
        let kind = json!({"type": "list", "items": {"type": "decimal"}});
        let list = ParameterValue::List(vec![decimal("12.50"), decimal("9.00")]);
        assert_eq!(find(condition, kind, list).await, "Int(1),Int(2)", "{condition}");
    }
}

#[tokio::test]
async fn an_optional_list_filters_where_it_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    execute(&path, "CREATE TABLE t (id INTEGER); INSERT INTO t VALUES (1), (2), (3)").await;
    let source = build("sqlite", json!({"path": path}));
    let sql = "SELECT id FROM t WHERE :partner_scope = 'x' AND (:ids IS NULL OR id IN (:ids)) ORDER BY id";
    let declared = json!({"parameters": {"ids": {"type": "list", "items": {"type": "integer"}}}});
    let mut query = described(&*source, sql, declared, "x").await;
    query.parameters = [("ids".to_owned(), ParameterValue::Null)].into();
    assert_eq!(rows(&*source, &query).await.len(), 3);
    let ids = [3, 1, 7].map(ParameterValue::Integer).to_vec();
    query.parameters = [("ids".to_owned(), ParameterValue::List(ids))].into();
    assert_eq!(rows(&*source, &query).await, [["Int(1)"], ["Int(3)"]]);
}

#[test]
fn a_query_that_never_ends_is_stopped_by_its_limit_or_its_reader() {
    passes_alone("sqlite::a_query_without_an_end");
}

/// Not a test of its own: it counts the threads of the whole process.
#[tokio::test]
#[ignore = "run by `a_query_that_never_ends_is_stopped_by_its_limit_or_its_reader`"]
async fn a_query_without_an_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    execute(&path, "CREATE TABLE t (a INTEGER)").await;
    let source = build("sqlite", json!({"path": path}));
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT MAX(i) AS m FROM n WHERE 'x' = :partner_scope";
    let settings = |seconds| json!({"timeout_s": seconds, "columns": {"m": {"type": "integer"}}});
    let query = described(&*source, endless, settings(1), "x").await;
    let mut stream = source.open(&query).await.unwrap();
    let error = stream.next().await.unwrap_err();
    assert!(error.is(&codes::STATEMENT_TIMEOUT), "{error}");

    let query = described(&*source, endless, settings(600), "x").await;
    let stream = source.open(&query).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    let threads = || {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
        names.filter(|name| name.starts_with("sqlx-sqlite")).count()
    };
    assert!(threads() > 0, "SQLite runs in threads of this name");
    drop(stream);
    for _ in 0..500 {
        if threads() == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the query runs on after its stream was dropped");
}

/// What no index orders is sorted before the first row comes, and a large sort would go to a file: rows in the clear, on a disk.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_sort_without_an_index_makes_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let rows = "CREATE TABLE t (id INTEGER, name TEXT);
                WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)
                INSERT INTO t SELECT i, hex(randomblob(60)) FROM n";
    execute(&path, rows).await;
    let source = build("sqlite", json!({"path": path}));
    let sql = "SELECT id, name FROM t WHERE :partner_scope = 'x' ORDER BY name";
    let query = described(&*source, sql, json!({}), "x").await;
    let mut stream = source.open(&query).await.unwrap();
    assert!(stream.next().await.unwrap().is_some());
    for file in std::fs::read_dir("/proc/self/fd").unwrap() {
        // One of another test may be closed meanwhile.
        let Ok(file) = std::fs::read_link(file.unwrap().path()) else { continue };
        assert!(!file.to_string_lossy().contains("etilqs_"), "{}", file.display());
    }
    drop(stream);
}

#[tokio::test]
async fn a_missing_or_foreign_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let error = build("sqlite", json!({"path": missing})).check().await.unwrap_err();
    assert!(error.is(&codes::UNREACHABLE) && error.detail().contains("missing"), "{error}");
    assert!(!missing.exists(), "it must not be created");
    let text = folder.path().join("text");
    std::fs::write(&text, "not a database ".repeat(100)).unwrap();
    let error = build("sqlite", json!({"path": text})).check().await.unwrap_err();
    assert!(error.is(&codes::UNREACHABLE), "{error}");
}
