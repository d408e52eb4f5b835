//! A result is whole: nothing that a server is set to makes it shorter, and one that the SQL itself cuts short fails.

use sealpost_core::error::codes::source as codes;
use sealpost_testkit::mariadb::MariaDb;
use sealpost_testkit::suite::source::{described, drain, rows};
use serde_json::json;

use crate::{build, settings};

/// A table `t` of 3,000 numbers.
fn numbers(server: &MariaDb) -> String {
    let database = server.database();
    server.run(&database, "CREATE TABLE t (a INT); INSERT INTO t SELECT seq FROM seq_1_to_3000");
    database
}

#[tokio::test]
async fn what_a_server_is_set_to_cuts_nothing() {
    // In this mode a limit that is out of its range refuses the session.
    let server = MariaDb::start_with(&["--sql-mode=STRICT_ALL_TABLES"]);
    let database = numbers(&server);
    server.run(
        "",
        "SET GLOBAL sql_select_limit = 10, GLOBAL group_concat_max_len = 4, GLOBAL max_recursive_iterations = 10",
    );
    let source = build("mysql", settings(&server, &database));
    for (sql, count) in [
        ("SELECT a FROM t WHERE 'x' = :partner_scope", 3000),
        (
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) \
             SELECT i FROM n WHERE 'x' = :partner_scope",
            3000,
        ),
        ("SELECT a FROM (SELECT a FROM t ORDER BY a LIMIT 20) AS few WHERE 'x' = :partner_scope", 20),
    ] {
        let query = described(&*source, sql, json!({}), "x").await;
        assert_eq!(rows(&*source, &query).await.len(), count, "{sql}");
    }
    // More than a mebibyte, which MariaDB's own limit is.
    for order in ["", "ORDER BY a"] {
        let sql = format!(
            "SELECT GROUP_CONCAT(REPEAT('y', 1000) {order} SEPARATOR '') AS g FROM t WHERE 'x' = :partner_scope"
        );
        let query = described(&*source, &sql, json!({}), "x").await;
        assert_eq!(rows(&*source, &query).await[0][0].len(), "Text(\"\")".len() + 3_000_000, "{sql}");
    }
}

#[tokio::test]
async fn rows_that_the_sql_leaves_out_fail_the_report_and_other_warnings_do_not() {
    let server = MariaDb::start();
    let database = numbers(&server);
    // Servers list the first 64 warnings, unless they are told otherwise.
    server.run("", "SET GLOBAL max_error_count = 0");
    let source = build("mysql", settings(&server, &database));
    // A warning for every row.
    let sql = "SELECT a, CAST(CONCAT(a, 'x') AS UNSIGNED) AS n FROM t WHERE 'x' = :partner_scope";
    let query = described(&*source, sql, json!({}), "x").await;
    assert_eq!(rows(&*source, &query).await.len(), 3000);
    let query = described(&*source, &format!("{sql} LIMIT ROWS EXAMINED 500"), json!({}), "x").await;
    let mut stream = source.open(&query).await.unwrap();
    let error = drain(&mut *stream).await.1.unwrap();
    assert!(error.is(&codes::CUT_SHORT) && !error.is_retried(), "{error}");
    assert!(error.detail().contains("1931") && error.detail().contains("LIMIT ROWS EXAMINED"), "{error}");
}
