//! How SQLite runs the statements: <https://www.sqlite.org/eqp.html>.

use super::super::pages::{self, Asked};
use super::super::queue::{HURRY, claim};
use super::super::{Connection, audit, changes, notifications, removal};
use super::fresh;

/// The statements that run all day, by their indexes: none may read a whole table or sort.
#[tokio::test]
async fn no_daily_statement_scans_or_sorts() {
    let (_folder, ledger) = fresh().await;
    let reader = ledger.reader().unwrap();
    for sql in [
        "SELECT record FROM jobs WHERE 1 = 1 ORDER BY created_at DESC, id DESC LIMIT 11",
        "SELECT record FROM jobs WHERE 1 = 1 AND partner = 'a' AND report_type = 'b' AND status IN ('queued')
         AND created_at >= 1 AND created_at < 9 AND (created_at, id) < (5, 'x') ORDER BY created_at DESC, id DESC LIMIT 11",
        "SELECT last, jobs FROM sequences JOIN active_jobs USING (partner) WHERE partner = 'a' AND report_type = 'b'",
        "SELECT COUNT(*) FROM deliveries WHERE partner = 'a' AND status IN ('pending', 'sending')",
        "SELECT record FROM deliveries WHERE job = 'a' ORDER BY ordinal",
        "SELECT COUNT(*) FROM deliveries WHERE job = 'a'",
        "SELECT what FROM timeline WHERE job = 'a' ORDER BY sequence",
        "SELECT ready_at FROM tasks WHERE id = 'a' AND epoch = 1 AND leased = 1",
        "SELECT COUNT(*) FROM tasks AS other WHERE other.lane = 'a' AND other.leased = 1 AND other.ready_at > 5",
        "UPDATE lanes SET served = 1 + (SELECT MAX(served) FROM lanes) WHERE id = 'a'",
        "UPDATE lanes SET tasks = tasks - 1 WHERE id = 'a'",
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
        "SELECT id FROM changes WHERE partner = 'a' AND subject = 'b' AND status = 'pending'",
        "DELETE FROM changes WHERE partner = 'a' AND status = 'pending'",
        "DELETE FROM challenges WHERE partner = 'a' AND fingerprint = 'b' RETURNING record",
        "SELECT record FROM transfer_connectors WHERE id > '' ORDER BY id LIMIT 10",
        "SELECT record, open, finished_at FROM transfers WHERE id = 'a'",
        "SELECT id FROM transfers WHERE finished_at <= 5 ORDER BY finished_at LIMIT 2",
        "SELECT record, size, bytes FROM transfer_items WHERE id = 'a'",
        "SELECT record, size, bytes FROM transfer_items WHERE transfer = 'a' AND position >= 5 ORDER BY position LIMIT 9",
        "SELECT COUNT(*) FROM transfer_items WHERE status IN ('QUEUED', 'IN_PROGRESS')",
        "SELECT request_sha256, transfer FROM transfer_tokens WHERE caller = 'a' AND token = 'b' AND created_at > 5",
        "SELECT caller, token FROM transfer_tokens WHERE created_at <= 5 ORDER BY created_at LIMIT 20",
        "DELETE FROM transfer_tokens WHERE transfer = 'a'",
        "DELETE FROM tasks WHERE kind IN ('transfer', 'announce', 'announce_transfer') AND subject = 'a'",
        "DELETE FROM dead_tasks WHERE kind IN ('transfer', 'announce', 'announce_transfer') AND subject = 'a'",
        "SELECT record FROM access_keys WHERE id = 'a'",
        HURRY,
        removal::OF_WEBHOOK,
        removal::OF_PARTNER,
    ] {
        for line in explained(&reader, sql) {
            let scans = line.starts_with("SCAN") && !line.contains("USING INDEX jobs_by_time");
            assert!(!scans && !line.contains("TEMP B-TREE"), "{sql}\n{line}");
        }
    }
}

/// A report's events cost a partner without webhooks one look into a small index, and nothing else.
#[tokio::test]
async fn without_webhooks_an_event_costs_one_look() {
    let (_folder, ledger) = fresh().await;
    let reader = ledger.reader().unwrap();
    let sql = "SELECT record FROM webhooks WHERE partner = 'a' ORDER BY created_at, id";
    let plan = explained(&reader, sql);
    assert_eq!(plan, ["SEARCH webhooks USING INDEX webhooks_of_partner (partner=?)"]);
}

/// A claim, and the wait for one, walk the lanes that have tasks in the order of their turns, and never the tasks. What is
/// sorted is one task of each kind.
#[tokio::test]
async fn a_claim_never_walks_the_tasks() {
    let (_folder, ledger) = fresh().await;
    let reader = ledger.reader().unwrap();
    let candidate = [
        "INDEX tasks_of_lane (lane=? AND kind=? AND ready_at<?)",
        "INDEX tasks_leased_of_lane (lane=? AND ready_at>?)",
        "INDEX tasks_ready (kind=? AND ready_at<?)",
        "INTEGER PRIMARY KEY (rowid=?)",
    ];
    let next = ["INDEX tasks_ready (kind=? AND ready_at>?)", "INDEX tasks_of_lanes_by_time (ready_at>?)"];
    for (sql, looks) in [(claim::CANDIDATE, &candidate[..]), (claim::NEXT, &next)] {
        let plan = explained(&reader, sql);
        for look in looks {
            assert!(
                plan.iter().any(|line| line.starts_with("SEARCH tasks") && line.contains(look)),
                "{look}: {plan:#?}"
            );
        }
        for scan in plan.iter().filter(|line| line.starts_with("SCAN")) {
            let is_small =
                ["SCAN lanes USING INDEX lanes_in_turn", "SCAN json_each", "SCAN kinds", "SCAN turn", "SCAN (sub"]
                    .iter()
                    .any(|small| scan.starts_with(small));
            assert!(is_small, "{scan}: {plan:#?}");
        }
    }
}

/// Every page of the lists, by the statement that is run: with any filter, it walks an index and stops when it is full.
#[tokio::test]
async fn every_page_walks_an_index() {
    let (_folder, ledger) = fresh().await;
    let reader = ledger.reader().unwrap();
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
                let status = status.filter(|_| has_status);
                let asked = Asked { owners: &owners, status, after: None, after_at: None, limit: 10 };
                let statement = pages::select(list, &asked, from, 11);
                let sql = statement.sql();
                for line in explained(&reader, sql) {
                    // Without a filter, the whole list in its order.
                    let by_time = given == 0 && line.contains(&format!("USING INDEX {}_by_time", list.table));
                    assert!(line.starts_with("SEARCH") || by_time, "{sql:?}\n{line}");
                    assert!(!line.contains("TEMP B-TREE"), "{sql:?}\n{line}");
                }
            }
        }
    }
}

fn explained(connection: &Connection, sql: &str) -> Vec<String> {
    let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    // Parameters without values.
    let plan = explain.raw_query().mapped(|row| row.get("detail"));
    plan.map(Result::unwrap).collect()
}
