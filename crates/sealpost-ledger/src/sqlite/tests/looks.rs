//! Looks that may go through all there is keep nobody else waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use sealpost_core::Result;
use sealpost_core::notification::NotificationStatus;
use sealpost_core::port::{ChangeFilter, Changes, JobFilter, Ledger, NotificationFilter, Outbox, Queue, Transfers};

use super::super::statement::query;
use super::super::{Durability, SqliteLedger};
use super::fresh;

/// Many rows, none of which is looked for.
async fn filled() -> (tempfile::TempDir, SqliteLedger) {
    let (folder, ledger) = fresh().await;
    let turn = ledger.begin(Durability::Disk).await.unwrap();
    let numbers = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 30000)";
    for sql in [
        "INSERT INTO tasks (id, kind, subject, ready_at) {} SELECT n, 'expire', n, n FROM n",
        "INSERT INTO jobs (id, partner, report_type, status, created_at, record) {} SELECT n, 'p', 'r', 'failed', n, '' FROM n",
        "INSERT INTO changes (id, partner, subject, status, asked_at, record) {} SELECT n, 'p', n, 'applied', n, '' FROM n",
        "INSERT INTO access_keys (id, created_at, record) {} SELECT n, n, '' FROM n",
        "INSERT INTO partners (id, record) VALUES ('p', '')",
        "INSERT INTO webhooks (id, partner, created_at, record) VALUES ('w', 'p', 1, '')",
        "INSERT INTO notifications (id, webhook, partner, status, created_at, record)
         {} SELECT n, 'w', 'p', 'delivered', n, '' FROM n",
    ] {
        query(sql.replace("{}", numbers)).execute(turn.connection()).unwrap();
    }
    turn.end(Ok(())).await.unwrap();
    (folder, ledger)
}

/// Whether another task of the same thread comes to its turn during this.
async fn lets_others_work<T>(looking: impl Future<Output = Result<T>>) -> bool {
    let (turns, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let other = tokio::spawn({
        let (turns, over) = (turns.clone(), over.clone());
        async move {
            while !over.load(Ordering::Relaxed) {
                turns.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
        }
    });
    // What it finds is of no interest; not all that was filled in can be read.
    drop(looking.await);
    let came = turns.load(Ordering::Relaxed) > 0;
    over.store(true, Ordering::Relaxed);
    other.await.unwrap();
    came
}

/// A look on another thread may be over before anybody here could have had a turn: then it is made again. One that holds this
/// thread never lets anybody.
macro_rules! assert_lets_others_work {
    ($looking:expr) => {{
        let mut came = false;
        for _ in 0..50 {
            came = came || lets_others_work($looking).await;
        }
        assert!(came, "{}", stringify!($looking));
    }};
}

#[tokio::test]
async fn looks_through_everything_hold_no_thread() {
    let (_folder, ledger) = filled().await;
    let rare = NotificationFilter { status: Some(NotificationStatus::Failed), limit: 10, ..Default::default() };
    let jobs = JobFilter { statuses: vec![sealpost_core::job::JobStatus::Running], limit: 10, ..Default::default() };
    let changes =
        ChangeFilter { status: Some(sealpost_core::change::ChangeStatus::Pending), limit: 10, ..Default::default() };
    assert_lets_others_work!(ledger.depth());
    assert_lets_others_work!(ledger.jobs(&jobs));
    assert_lets_others_work!(ledger.notifications(&rare));
    assert_lets_others_work!(ledger.changes(&changes));
    assert_lets_others_work!(ledger.access_keys());
    // One record by its key costs less than a thread.
    assert!(!lets_others_work(ledger.job_of_any_partner(&sealpost_core::id::JobId::fresh())).await);
}
