//! What only the inside can provoke: a full disk, a dropped future, a plan without an index.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::{join, join_all};
use jiff::Timestamp;
use sealpost_core::Error;
use sealpost_core::audit::{Actor, ActorKind, AuditEntry};
use sealpost_core::connector::ConnectorLimits;
use sealpost_core::error::codes;
use sealpost_core::id::AuditId;
use sealpost_core::job::{JobEvent, JobStatus};
use sealpost_core::port::{
    Admission, Admitted, Changes, Ledger, NotificationFilter, Outbox, Queue, Records, Transfers,
};
use sealpost_core::task::WorkKind;
use sealpost_testkit::suite::ledger::records::{sample_connector, sample_partner};
use sealpost_testkit::suite::ledger::transfers::{BEGUN, completed, new_transfer};
use sealpost_testkit::suite::ledger::webhooks::sample_webhook;
use sealpost_testkit::suite::ledger::{HOUR, admission, connector_id, partner, refused, started, stored};

use super::statement::{query, query_as, query_scalar};
use super::{Durability, SqliteLedger};

mod checkpoints;
mod leases;
mod looks;
mod marks;
mod plans;
mod removal;
mod turns;

async fn fresh() -> (tempfile::TempDir, SqliteLedger) {
    let folder = tempfile::tempdir().unwrap();
    let ledger = SqliteLedger::open(folder.path().join("ledger.db")).await.unwrap();
    (folder, ledger)
}

/// SQLite takes a page limit for a full disk: same code, same automatic rollback.
#[tokio::test]
async fn a_full_disk_is_said_and_survived() {
    let (_folder, ledger) = fresh().await;
    let turn = ledger.begin(Durability::Disk).await.unwrap();
    let pages: i64 = query_scalar("PRAGMA page_count").fetch_one(turn.connection()).unwrap();
    let limit = format!("PRAGMA max_page_count = {}", pages + 4);
    turn.connection().execute_batch(&limit).unwrap();
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
    ledger.writing.close().await;
    ledger.admit(admission("acme")).await.unwrap();
    for job in &jobs {
        assert_eq!(ledger.job_of_any_partner(&job.id).await.unwrap().as_ref(), Some(job));
    }
    assert_eq!(ledger.depth().await.unwrap().ready, jobs.len() as u64 + 1);
    let reader = ledger.reader().unwrap();
    let check: String = query_scalar("PRAGMA integrity_check").fetch_one(&reader).unwrap();
    assert_eq!(check, "ok");
}

/// Those that come while the disk is waited for are admitted by one transaction, each with an outcome of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn admissions_share_a_transaction_and_nothing_else() {
    let (folder, ledger) = fresh().await;
    let ledger = Arc::new(ledger);
    let index = super::wal_index::WalIndex::beside(&folder.path().join("ledger.db")).unwrap();
    let keyed = |key: &str, sha256: &str| Admission {
        idempotency: Some((key.to_owned(), sha256.to_owned())),
        ..admission("acme")
    };
    let bad = Admission { file_name: |_, _| Err(Error::new(&codes::store::NAME, "a bad name")), ..keyed("k4", "aa") };
    let (gone, last) = (admission("acme"), Admission { active_limit: 5, ..admission("acme") });
    let asked = vec![
        keyed("k1", "aa"),                                  // new: 1
        keyed("k1", "aa"),                                  // the same again
        keyed("k1", "bb"),                                  // refused
        bad,                                                // refused
        keyed("k4", "bb"),                                  // new: 2, under the key that was not used
        Admission { active_limit: 2, ..admission("acme") }, // refused
        admission("other"),                                 // new, of another partner
        admission("acme"),                                  // new: 3
        admission("acme"),                                  // new: 4
        last.clone(),                                       // new: 5
        last,                                               // refused
    ];
    // Nobody writes meanwhile.
    let turn = ledger.begin(Durability::Disk).await.unwrap();
    let mut waiting = Vec::new();
    for (number, admission) in asked.into_iter().enumerate() {
        let waits = ledger.clone();
        waiting.push(tokio::spawn(async move { waits.admit(admission).await }));
        while ledger.admissions.waiting() <= number {
            tokio::task::yield_now().await;
        }
    }
    let gone_id = gone.id.clone();
    let (before, waits) = (ledger.admissions.waiting(), ledger.clone());
    let abandoned = tokio::spawn(async move { waits.admit(gone).await });
    while ledger.admissions.waiting() == before {
        tokio::task::yield_now().await;
    }
    abandoned.abort();
    drop(abandoned.await);
    let first = index.header().unwrap();
    turn.end(Ok(())).await.unwrap();
    let mut outcomes = Vec::new();
    for one in waiting {
        outcomes.push(one.await.unwrap());
    }
    assert!(index.header().unwrap().is_next_after(&first), "more than one transaction");

    let shown: Vec<String> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Ok(Admitted::New(job)) => format!("{} {}", job.request.partner, job.file_name),
            Ok(Admitted::Replayed(job)) => format!("again {}", job.file_name),
            Err(error) => error.code().id.to_owned(),
        })
        .collect();
    let (mismatch, full) = (codes::request::IDEMPOTENCY_MISMATCH.id, codes::request::TOO_MANY_ACTIVE.id);
    assert_eq!(
        shown,
        [
            "acme contracts.v1_1.csv.pgp",
            "again contracts.v1_1.csv.pgp",
            mismatch,
            codes::store::NAME.id,
            "acme contracts.v1_2.csv.pgp",
            full,
            "other contracts.v1_1.csv.pgp",
            "acme contracts.v1_3.csv.pgp",
            "acme contracts.v1_4.csv.pgp",
            "acme contracts.v1_5.csv.pgp",
            full,
        ]
    );
    assert_eq!(ledger.job_of_any_partner(&gone_id).await.unwrap(), None, "its caller had gone");
    assert_eq!(ledger.depth().await.unwrap().ready, 6);
    for outcome in outcomes {
        let Ok(Admitted::New(job)) = outcome else { continue };
        assert_eq!(ledger.job_of_any_partner(&job.id).await.unwrap().unwrap(), job);
        assert_eq!(ledger.timeline(&job.id).await.unwrap().len(), 1);
    }
}

/// One that can't be stored is refused alone, whatever shares its transaction.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_can_not_be_stored_is_nobody_elses_loss() {
    let (_folder, ledger) = fresh().await;
    let ledger = Arc::new(ledger);
    let twice = admission("acme");
    let turn = ledger.begin(Durability::Disk).await.unwrap();
    let mut waiting = Vec::new();
    for (number, admission) in [twice.clone(), twice, admission("acme")].into_iter().enumerate() {
        let waits = ledger.clone();
        waiting.push(tokio::spawn(async move { waits.admit(admission).await }));
        while ledger.admissions.waiting() <= number {
            tokio::task::yield_now().await;
        }
    }
    turn.end(Ok(())).await.unwrap();
    let mut fine = Vec::new();
    for one in waiting {
        fine.push(one.await.unwrap().is_ok());
    }
    assert_eq!(fine, [true, false, true]);
    assert_eq!(ledger.depth().await.unwrap().ready, 2);
}

/// A panic in one transaction ends it, not the admissions that wait behind it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_holds_nobody_up_who_waits_behind_it() {
    let (_folder, ledger) = fresh().await;
    let ledger = Arc::new(ledger);
    let bad = Admission { file_name: |_, _| panic!("on purpose"), ..admission("acme") };
    // As many as one transaction takes, and one more, which is the next.
    let turn = ledger.begin(Durability::Disk).await.unwrap();
    let mut waiting = Vec::new();
    for number in 0..257 {
        let asked = if number == 0 { bad.clone() } else { admission(&format!("p{number}")) };
        let waits = ledger.clone();
        waiting.push(tokio::spawn(async move { waits.admit(asked).await }));
        while ledger.admissions.waiting() <= number {
            tokio::task::yield_now().await;
        }
    }
    turn.end(Ok(())).await.unwrap();
    let last = waiting.pop().unwrap();
    refused(waiting.remove(0).await.unwrap().map(drop), &codes::ledger::UNREACHABLE);
    assert!(matches!(last.await.unwrap(), Ok(Admitted::New(_))));
}

/// The count of active reports is what it would be if they were counted.
#[tokio::test]
async fn active_reports_are_counted_however_they_move() {
    let (_folder, ledger) = fresh().await;
    let counted = async || -> (i64, i64) {
        let reader = ledger.reader().unwrap();
        let sql = "SELECT (SELECT COALESCE(SUM(jobs), 0) FROM active_jobs),
                   (SELECT COUNT(*) FROM jobs WHERE status IN ('queued', 'running'))";
        query_as(sql).fetch_one(&reader).unwrap()
    };
    // In one transaction: they wait for the turn that is under way.
    let turn = ledger.begin(Durability::Disk).await.unwrap();
    let admissions = join_all(["acme", "acme", "other"].map(|of| ledger.admit(admission(of))));
    let (admitted, ended) = join(admissions, turn.end(Ok(()))).await;
    ended.unwrap();
    let jobs: Vec<_> = admitted
        .into_iter()
        .map(|admitted| match admitted.unwrap() {
            Admitted::New(job) => job,
            Admitted::Replayed(job) => panic!("{} is new", job.id),
        })
        .collect();
    let of_each: Vec<(String, i64)> = {
        let reader = ledger.reader().unwrap();
        let of = query_as("SELECT partner, jobs FROM active_jobs ORDER BY partner");
        of.fetch_all(&reader).unwrap()
    };
    assert_eq!(of_each, [("acme".to_owned(), 2), ("other".to_owned(), 1)]);
    assert_eq!(counted().await, (3, 3));
    let now = Timestamp::now();
    ledger.apply(&jobs[0].id, &started(1), None, now).await.unwrap();
    assert_eq!(counted().await, (3, 3));
    ledger.apply(&jobs[0].id, &stored(&jobs[0]), None, now).await.unwrap();
    assert_eq!(counted().await, (2, 2));
    ledger.apply(&jobs[2].id, &JobEvent::CancelRequested, None, now).await.unwrap();
    assert_eq!(counted().await, (1, 1));
    ledger.apply(&jobs[0].id, &JobEvent::Expired { deleted: true }, None, now).await.unwrap();
    assert_eq!(counted().await, (1, 1));
    let turn = ledger.begin(Durability::Disk).await.unwrap();
    query("UPDATE jobs SET status = 'queued'").execute(turn.connection()).unwrap();
    turn.end(Ok(())).await.unwrap();
    assert_eq!(counted().await, (3, 3));
}

/// A process that starts waits neither for the disk nor for those who write: a file of the newest schema is only read.
#[tokio::test]
async fn a_file_that_is_there_is_opened_beside_a_writer() {
    let (folder, ledger) = fresh().await;
    let Admitted::New(job) = ledger.admit(admission("acme")).await.unwrap() else { panic!("a new job") };
    let turn = ledger.begin(Durability::Disk).await.unwrap();
    let second = SqliteLedger::open(folder.path().join("ledger.db")).await.unwrap();
    assert_eq!(second.job_of_any_partner(&job.id).await.unwrap().as_ref(), Some(&job));
    turn.end(Ok(())).await.unwrap();
    // Its first write waits for nobody now.
    second.admit(admission("acme")).await.unwrap();
    assert_eq!(ledger.depth().await.unwrap().ready, 2);
}

/// A caller that goes away (its connection closed, its time limit passed) takes its half transaction with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_step_is_taken_back_and_holds_nobody_up() {
    let (_folder, ledger) = fresh().await;
    let turn = ledger.begin(Durability::Disk).await.unwrap();
    query("INSERT INTO sequences (partner, report_type, last) VALUES ('acme', 'contracts.v1', 41)")
        .execute(turn.connection())
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

/// An event and what is told of it are one step: wherever the caller goes away, both are there or neither.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_event_is_told_only_if_it_happened() {
    let (_folder, ledger) = fresh().await;
    ledger.put_partner(&sample_partner("acme")).await.unwrap();
    ledger.create_webhook(&sample_webhook("acme", &[]), 1).await.unwrap();
    let ledger = Arc::new(ledger);
    let mut jobs = Vec::new();
    for polls in 0..60 {
        let Admitted::New(job) = ledger.admit(admission("acme")).await.unwrap() else { panic!("a new job") };
        let abandoned = tokio::spawn({
            let (ledger, id) = (ledger.clone(), job.id.clone());
            async move { ledger.apply(&id, &JobEvent::CancelRequested, None, Timestamp::now()).await }
        });
        for _ in 0..polls {
            tokio::task::yield_now().await;
        }
        abandoned.abort();
        drop(abandoned.await);
        jobs.push(job.id);
    }
    // Whoever went away last may have left its turn to the thread that commits: what is admitted after it is told after it.
    ledger.admit(admission("acme")).await.unwrap();
    let mut cancelled = BTreeSet::new();
    for id in &jobs {
        let job = ledger.job_of_any_partner(id).await.unwrap().unwrap();
        if job.status == JobStatus::Cancelled {
            cancelled.insert(id.as_str().to_owned());
        }
    }
    let all = NotificationFilter { limit: 100, ..NotificationFilter::default() };
    let mut told = BTreeSet::new();
    for notification in ledger.notifications(&all).await.unwrap().notifications {
        let payload: serde_json::Value = serde_json::from_str(&notification.payload).unwrap();
        assert!(told.insert(payload["data"]["report_id"].as_str().unwrap().to_owned()), "told twice");
    }
    assert_eq!(told, cancelled);
    for kind in [WorkKind::Notify, WorkKind::Purge] {
        let mut tasks = 0;
        while ledger.claim(&[kind], HOUR).await.unwrap().is_some() {
            tasks += 1;
        }
        assert_eq!(tasks, cancelled.len(), "{kind:?}");
    }
}

/// What a lane may lease when no connector says it, as the schema has it, is what a connector has that says nothing; and
/// lanes that nobody can use any more go.
#[tokio::test]
async fn lanes_are_kept_as_long_as_they_are_of_use() {
    let (_folder, ledger) = fresh().await;
    let lanes = async || -> Vec<(String, i64, i64)> {
        let reader = ledger.reader().unwrap();
        let sql = "SELECT id, capacity, tasks FROM lanes ORDER BY id";
        query_as(sql).fetch_all(&reader).unwrap()
    };
    let usual = i64::from(ConnectorLimits::default().concurrency);
    let (unknown, known) = (connector_id("acme", "unknown"), sample_connector("acme", "main"));
    ledger.put_partner(&sample_partner("acme")).await.unwrap();
    ledger.put_connector(&known).await.unwrap();
    let admitted = ledger.admit(admission("acme")).await.unwrap();
    let Admitted::New(job) = admitted else { panic!("a new job") };
    ledger.apply(&job.id, &started(1), None, Timestamp::now()).await.unwrap();
    ledger.apply(&job.id, &stored(&job), None, Timestamp::now()).await.unwrap();
    ledger.redeliver(&job.id, &[unknown.clone(), known.id.clone()], None, Timestamp::now()).await.unwrap();
    let mut expected = vec![(unknown.to_string(), usual, 1), (known.id.to_string(), usual, 1)];
    expected.sort();
    assert_eq!(lanes().await, expected);

    while let Some(lease) = ledger.claim(&[WorkKind::Deliver], HOUR).await.unwrap() {
        ledger.complete(&lease).await.unwrap();
    }
    assert_eq!(lanes().await, [(known.id.to_string(), usual, 0)]);
    assert!(ledger.remove_connector(&known.id).await.unwrap());
    assert_eq!(lanes().await, []);
}

/// An item's end, its count and its announcement are one step: wherever the caller goes away, all are there or none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_end_is_counted_only_if_it_happened() {
    let (_folder, ledger) = fresh().await;
    let ledger = Arc::new(ledger);
    let new = new_transfer(&connector_id("acme", "main"), 60);
    ledger.start_transfer(&new).await.unwrap();
    let items = ledger.transfer_items(&new.transfer.id, 0, 100).await.unwrap();
    for (polls, item) in items.iter().enumerate() {
        ledger.apply_item(&item.id, &BEGUN, None, Timestamp::now()).await.unwrap();
        let abandoned = tokio::spawn({
            let (ledger, id) = (ledger.clone(), item.id.clone());
            async move { ledger.apply_item(&id, &completed(), None, Timestamp::now()).await }
        });
        for _ in 0..polls {
            tokio::task::yield_now().await;
        }
        abandoned.abort();
        drop(abandoned.await);
    }
    // A commit that was on its way when its caller went may still come; whoever writes next has waited for it.
    ledger.begin(Durability::Disk).await.unwrap().end(Ok(())).await.unwrap();
    let items = ledger.transfer_items(&new.transfer.id, 0, 100).await.unwrap();
    let ended = items.iter().filter(|item| item.status.is_terminal()).count();
    let transfer = ledger.transfer(&new.transfer.id).await.unwrap().unwrap();
    assert_eq!((transfer.open as usize, transfer.finished_at.is_some()), (60 - ended, ended == 60));
    let mut told = 0;
    while ledger.claim(&[WorkKind::Announce], HOUR).await.unwrap().is_some() {
        told += 1;
    }
    assert_eq!(told, ended);
}

#[tokio::test]
async fn another_programs_lock_is_unreachable_not_forever() {
    let (folder, ledger) = fresh().await;
    let other = SqliteLedger::open(folder.path().join("ledger.db")).await.unwrap();
    let held = other.begin(Durability::Disk).await.unwrap();
    // Without the ten seconds of patience.
    let opening = super::open::Opening::new(&ledger.path, std::time::Duration::from_millis(10));
    let outcome = super::turn::Writing::new(opening).unwrap().begin(Durability::Disk).await.map(drop);
    refused(outcome, &codes::ledger::UNREACHABLE);

    // Nor for as long as all those before it in the line: when the first is refused, the others have waited as long.
    let patience = std::time::Duration::from_millis(100);
    let writing = super::turn::Writing::new(super::open::Opening::new(&ledger.path, patience)).unwrap();
    let mut waiting: Vec<_> = (0..20).map(|_| Box::pin(writing.begin(Durability::Disk))).collect();
    for one in &mut waiting {
        assert!(futures::poll!(one).is_pending());
    }
    tokio::time::sleep(patience).await;
    for one in &mut waiting {
        // At its next try, and the next one at its first.
        let std::task::Poll::Ready(outcome) = futures::poll!(one) else { panic!("it waits once more") };
        refused(outcome.map(drop), &codes::ledger::UNREACHABLE);
    }
    drop(held);
    ledger.check().await.unwrap();
}

#[tokio::test]
async fn what_happened_can_not_be_rewritten() {
    let (_folder, ledger) = fresh().await;
    ledger.admit(admission("acme")).await.unwrap();
    let entry = AuditEntry {
        id: AuditId::fresh(),
        at: Timestamp::now(),
        partner: partner("acme"),
        actor: Actor::new(ActorKind::CommandLine, "root"),
        action: "change.reject".to_owned(),
        subject: String::new(),
        detail: String::new(),
        request_id: None,
    };
    ledger.note(&entry).await.unwrap();
    // The same entry a second time is no way to replace it.
    ledger.note(&AuditEntry { action: "change.approve".to_owned(), ..entry }).await.unwrap_err();
    let statements =
        ["UPDATE timeline SET at = 0", "DELETE FROM timeline", "UPDATE audit SET at = 0", "DELETE FROM audit"];
    for sql in statements {
        let turn = ledger.begin(Durability::Disk).await.unwrap();
        let error = query(sql).execute(turn.connection()).unwrap_err();
        assert!(error.to_string().contains("append-only"), "{error}");
    }
}

#[tokio::test]
async fn the_durabilities_are_what_they_say() {
    let (_folder, ledger) = fresh().await;
    // https://www.sqlite.org/pragma.html#pragma_synchronous: 1 is NORMAL, 2 is FULL.
    for (durability, expected) in [(Durability::Process, 1), (Durability::Disk, 2)] {
        let turn = ledger.begin(durability).await.unwrap();
        let level: i64 = query_scalar("PRAGMA synchronous").fetch_one(turn.connection()).unwrap();
        assert_eq!(level, expected);
        let keys: i64 = query_scalar("PRAGMA foreign_keys").fetch_one(turn.connection()).unwrap();
        assert_eq!(keys, 1);
        // https://www.sqlite.org/pragma.html#pragma_temp_store: 2 is MEMORY.
        let temporary: i64 = query_scalar("PRAGMA temp_store").fetch_one(turn.connection()).unwrap();
        assert_eq!(temporary, 2);
        turn.end(Ok(())).await.unwrap();
    }
    let reader = ledger.reader().unwrap();
    let mode: String = query_scalar("PRAGMA journal_mode").fetch_one(&reader).unwrap();
    assert_eq!(mode, "wal");
    query("DELETE FROM tasks").execute(&reader).unwrap_err();
}
