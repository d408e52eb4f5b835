//! What only the inside can provoke: a full disk, a dropped future, a plan without an index.

use std::sync::Arc;

use sealpost_core::error::codes;
use sealpost_core::port::{Admitted, Ledger, Queue};
use sealpost_core::task::WorkKind;
use sealpost_testkit::suite::ledger::{HOUR, admission, refused};
use sqlx::Row;

use super::{Durability, SqliteLedger};

async fn fresh() -> (tempfile::TempDir, SqliteLedger) {
    let folder = tempfile::tempdir().unwrap();
    let ledger = SqliteLedger::open(folder.path().join("ledger.db")).await.unwrap();
    (folder, ledger)
}

/// SQLite takes a page limit for a full disk: same code, same automatic rollback.
#[tokio::test]
async fn a_full_disk_is_said_and_survived() {
    let (_folder, ledger) = fresh().await;
    let mut turn = ledger.begin(Durability::Disk).await.unwrap();
    let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(turn.connection()).await.unwrap();
    let limit = format!("PRAGMA max_page_count = {}", pages + 4);
    sqlx::raw_sql(sqlx::AssertSqlSafe(limit)).execute(turn.connection()).await.unwrap();
    turn.end(Ok(())).await.unwrap();

    let mut jobs = Vec::new();
    let error = loop {
        match ledger.admit(admission("acme")).await {
            Ok(Admitted::New(job)) => jobs.push(job),
            Ok(Admitted::Replayed(_)) => panic!("no key was given"),
            Err(error) => break error,
        }
    };
    assert!(error.is(&codes::ledger::FULL) && error.is_retried(), "{error:?}");

    // Space again (a new connection has no limit): the ledger goes on, and has what it said that it has.
    ledger.writers.lock().await.close().await;
    ledger.admit(admission("acme")).await.unwrap();
    for job in &jobs {
        assert_eq!(ledger.job_of_any_partner(&job.id).await.unwrap().as_ref(), Some(job));
    }
    assert_eq!(ledger.depth().await.unwrap().ready, jobs.len() as u64 + 1);
    let mut reader = ledger.reader().await.unwrap();
    let check: String = sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut *reader).await.unwrap();
    assert_eq!(check, "ok");
}

/// A caller that goes away (its connection closed, its time limit passed) takes its half transaction with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_step_is_taken_back_and_holds_nobody_up() {
    let (_folder, ledger) = fresh().await;
    let mut turn = ledger.begin(Durability::Disk).await.unwrap();
    sqlx::query("INSERT INTO sequences (partner, report_type, last) VALUES ('acme', 'contracts.v1', 41)")
        .execute(turn.connection())
        .await
        .unwrap();
    drop(turn);
    let Admitted::New(job) = ledger.admit(admission("acme")).await.unwrap() else { panic!("a new job") };
    assert_eq!(job.file_name.as_str(), "contracts.v1_1.csv.pgp");

    // And at whatever point it goes away.
    let ledger = Arc::new(ledger);
    for polls in 0..40 {
        let abandoned = tokio::spawn({
            let ledger = ledger.clone();
            async move { ledger.admit(admission("acme")).await }
        });
        for _ in 0..polls {
            tokio::task::yield_now().await;
        }
        abandoned.abort();
        drop(abandoned.await);
    }
    let mut jobs = 0;
    while let Some(lease) = ledger.claim(&WorkKind::ALL, HOUR).await.unwrap() {
        let sealpost_core::task::Work::Produce(id) = lease.work else { panic!("{:?}", lease.work) };
        assert!(ledger.job_of_any_partner(&id).await.unwrap().is_some(), "a task without its job");
        jobs += 1;
    }
    let page = sealpost_core::port::JobFilter { limit: 100, ..Default::default() };
    assert_eq!(ledger.jobs(&page).await.unwrap().jobs.len(), jobs, "a job without its task");
}

#[tokio::test]
async fn another_programs_lock_is_unreachable_not_forever() {
    let (folder, ledger) = fresh().await;
    let other = SqliteLedger::open(folder.path().join("ledger.db")).await.unwrap();
    let held = other.begin(Durability::Disk).await.unwrap();
    // Without the ten seconds of patience.
    let mut turn = ledger.writers.lock().await;
    let options = ledger.options.clone().busy_timeout(std::time::Duration::from_millis(10));
    turn.close().await;
    let outcome = super::Turn::begin(turn, &options, Durability::Disk).await.map(drop);
    refused(outcome, &codes::ledger::UNREACHABLE);
    drop(held);
    ledger.check().await.unwrap();
}

#[tokio::test]
async fn the_timeline_can_not_be_rewritten() {
    let (_folder, ledger) = fresh().await;
    ledger.admit(admission("acme")).await.unwrap();
    for sql in ["UPDATE timeline SET at = 0", "DELETE FROM timeline"] {
        let mut turn = ledger.begin(Durability::Disk).await.unwrap();
        let error = sqlx::query(sql).execute(turn.connection()).await.unwrap_err();
        assert!(error.to_string().contains("append-only"), "{error}");
    }
}

#[tokio::test]
async fn the_durabilities_are_what_they_say() {
    let (_folder, ledger) = fresh().await;
    // https://www.sqlite.org/pragma.html#pragma_synchronous: 1 is NORMAL, 2 is FULL.
    for (durability, expected) in [(Durability::Process, 1), (Durability::Disk, 2)] {
        let mut turn = ledger.begin(durability).await.unwrap();
        let level: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(turn.connection()).await.unwrap();
        assert_eq!(level, expected);
        let keys: i64 = sqlx::query_scalar("PRAGMA foreign_keys").fetch_one(turn.connection()).await.unwrap();
        assert_eq!(keys, 1);
        turn.end(Ok(())).await.unwrap();
    }
    let mut reader = ledger.reader().await.unwrap();
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut *reader).await.unwrap();
    assert_eq!(mode, "wal");
    sqlx::query("DELETE FROM tasks").execute(&mut *reader).await.unwrap_err();
}

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
        "SELECT record FROM api_keys WHERE id = 'a'",
    ] {
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
        let plan = sqlx::query(explain).fetch_all(&mut *reader).await.unwrap();
        for row in plan {
            let line: String = row.get("detail");
            let scans = line.starts_with("SCAN") && !line.contains("USING INDEX jobs_by_time");
            assert!(!scans && !line.contains("TEMP B-TREE"), "{sql}\n{line}");
        }
    }
}
