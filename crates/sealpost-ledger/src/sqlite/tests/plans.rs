//! How SQLite runs the statements: <https://www.sqlite.org/eqp.html>.

use sqlx::Row;

use super::super::pages::{self, Asked};
use super::super::{Connection, audit, changes, notifications};
use super::fresh;

/// The statements that run all day, by their indexes: none may read a whole table or sort.
#[tokio::test]
async fn no_daily_statement_scans_or_sorts() {
    let (_folder, ledger) = fresh().await;
    let mut reader = ledger.reader().await.unwrap();
    for sql in [
        "SELECT record FROM jobs WHERE 1 = 1 ORDER BY created_at DESC, id DESC LIMIT 11",
        "SELECT record FROM jobs WHERE 1 = 1 AND partner = 'a' AND report_type = 'b' AND status IN ('queued')
         AND created_at >= 1 AND created_at < 9 AND (created_at, id) < (5, 'x') ORDER BY created_at DESC, id DESC LIMIT 11",
        "SELECT COUNT(*) FROM jobs INDEXED BY jobs_active WHERE partner = 'a' AND status IN ('queued', 'running')",
        "SELECT COUNT(*) FROM deliveries WHERE partner = 'a' AND status IN ('pending', 'sending')",
        "SELECT record FROM deliveries WHERE job = 'a' ORDER BY ordinal",
        "SELECT what FROM timeline WHERE job = 'a' ORDER BY sequence",
        "SELECT ready_at FROM tasks WHERE id = 'a' AND epoch = 1 AND leased = 1",
        "SELECT ready_at, ordinal FROM tasks WHERE kind = 'a' AND ready_at <= 5 ORDER BY ready_at, ordinal LIMIT 1",
        "SELECT partner, key FROM idempotency WHERE created_at <= 5 ORDER BY created_at LIMIT 20",
        "SELECT request_sha256, job, deliveries FROM idempotency WHERE partner = 'a' AND key = 'b' AND created_at > 5",
        "SELECT record FROM api_keys WHERE id = 'a'",
        "DELETE FROM identities WHERE partner = 'a'",
        "SELECT partners.record FROM identities JOIN partners ON partners.id = identities.partner
         WHERE issuer = 'a' AND subject = 'b'",
        "SELECT reserved FROM usage WHERE partner = 'a' AND period = 'day' AND start_at = 5",
        "DELETE FROM usage WHERE end_at <= 5",
        "DELETE FROM usage WHERE partner = 'a'",
        "SELECT id FROM notifications WHERE finished_at <= 5 ORDER BY finished_at LIMIT 20",
        "DELETE FROM tasks WHERE kind = 'notify' AND subject = 'a'",
        "DELETE FROM dead_tasks WHERE kind = 'notify' AND subject = 'a'",
        "SELECT MIN(ready_at) FROM tasks WHERE kind = 'a' AND ready_at > 5",
        "SELECT id FROM changes WHERE partner = 'a' AND subject = 'b' AND status = 'pending'",
        "DELETE FROM changes WHERE partner = 'a' AND status = 'pending'",
        "DELETE FROM challenges WHERE partner = 'a' AND fingerprint = 'b' RETURNING record",
    ] {
        for line in explained(&mut reader, sql).await {
            let scans = line.starts_with("SCAN") && !line.contains("USING INDEX jobs_by_time");
            assert!(!scans && !line.contains("TEMP B-TREE"), "{sql}\n{line}");
        }
    }
}

/// A report's events cost a partner without webhooks one look into a small index, and nothing else.
#[tokio::test]
async fn without_webhooks_an_event_costs_one_look() {
    let (_folder, ledger) = fresh().await;
    let mut reader = ledger.reader().await.unwrap();
    let sql = "SELECT record FROM webhooks WHERE partner = 'a' ORDER BY created_at, id";
    let plan = explained(&mut reader, sql).await;
    assert_eq!(plan, ["SEARCH webhooks USING INDEX webhooks_of_partner (partner=?)"]);
}

/// Every page of the lists, by the statement that is run: with any filter, it walks an index and stops when it is full.
#[tokio::test]
async fn every_page_walks_an_index() {
    let (_folder, ledger) = fresh().await;
    let mut reader = ledger.reader().await.unwrap();
    let lists = [
        (&audit::LIST, &["partner"][..], false),
        (&changes::LIST, &["partner"], true),
        (&notifications::LIST, &["partner", "webhook"], true),
    ];
    for (list, columns, has_status) in lists {
        for given in 0..1 << columns.len() {
            let owners: Vec<_> = columns
                .iter()
                .enumerate()
                .map(|(bit, column)| (*column, (given & 1 << bit != 0).then_some("a")))
                .collect();
            for (status, from) in
                [(None, None), (Some("pending"), None), (None, Some((5, "x"))), (Some("pending"), Some((5, "x")))]
            {
                let asked = Asked { owners: &owners, status: status.filter(|_| has_status), after: None, limit: 10 };
                let statement = pages::select(list, &asked, from, 11);
                let sql = statement.sql();
                for line in explained(&mut reader, sql.as_str()).await {
                    // Without a filter, the whole list in its order.
                    let by_time = given == 0 && line.contains(&format!("USING INDEX {}_by_time", list.table));
                    assert!(line.starts_with("SEARCH") || by_time, "{sql:?}\n{line}");
                    assert!(!line.contains("TEMP B-TREE"), "{sql:?}\n{line}");
                }
            }
        }
    }
}

async fn explained(connection: &mut Connection, sql: &str) -> Vec<String> {
    let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
    let plan = sqlx::query(explain).fetch_all(connection).await.unwrap();
    plan.iter().map(|row| row.get("detail")).collect()
}
