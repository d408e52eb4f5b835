//! How many rows a query would give, beside how many it gives.

use sealpost_core::port::Estimate;
use sealpost_testkit::mariadb::MariaDb;
use sealpost_testkit::suite::source::{described, rows};
use serde_json::json;

use crate::sqlite::execute;
use crate::{build, settings};

#[tokio::test]
async fn sqlite_counts_up_to_a_bound() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    execute(
        &path,
        "CREATE TABLE t (a INTEGER, p TEXT);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120000)
         INSERT INTO t SELECT i, CASE WHEN i <= 700 THEN 'small' ELSE 'large' END FROM n",
    )
    .await;
    let source = build("sqlite", json!({"path": path}));
    // A comment at the end must not hide what comes after it.
    let sql = "SELECT a FROM t WHERE p = :partner_scope ORDER BY a -- all";
    let small = described(&*source, sql, json!({}), "small").await;
    assert_eq!(source.estimate(&small).await.unwrap(), Some(Estimate { rows: 700, exact: true }));
    let large = described(&*source, sql, json!({}), "large").await;
    assert_eq!(source.estimate(&large).await.unwrap(), Some(Estimate { rows: 100_000, exact: false }));
    let nothing = described(&*source, sql, json!({}), "nobody").await;
    assert_eq!(source.estimate(&nothing).await.unwrap(), Some(Estimate { rows: 0, exact: true }));
}

#[tokio::test]
async fn sqlite_gives_up_on_a_count_that_does_not_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    execute(&path, "CREATE TABLE t (a INTEGER)").await;
    let source = build("sqlite", json!({"path": path}));
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT MAX(i) AS m FROM n WHERE 'x' = :partner_scope";
    let query = described(&*source, endless, json!({"columns": {"m": {"type": "integer"}}}), "x").await;
    assert_eq!(source.estimate(&query).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_guesses_what_its_optimizer_guesses() {
    let server = MariaDb::shared();
    let database = server.load_sakila();
    let source = build("mysql", settings(server, &database));
    let scope = json!({"scope": {"type": "integer"}});
    for sql in [
        "SELECT rental_id, staff_id FROM rental WHERE staff_id = :partner_scope ORDER BY rental_id",
        "SELECT r.rental_id FROM rental r JOIN inventory i USING (inventory_id) WHERE i.store_id = :partner_scope",
        "SELECT rental_id FROM rental WHERE staff_id = :partner_scope UNION ALL SELECT rental_id FROM rental WHERE staff_id = :partner_scope",
    ] {
        let query = described(&*source, sql, scope.clone(), "1").await;
        let real = rows(&*source, &query).await.len() as u64;
        let guess = source.estimate(&query).await.unwrap().unwrap();
        assert!(!guess.exact && guess.rows >= real / 5 && guess.rows <= real * 5, "{sql}: {guess:?}, really {real}");
    }
}
