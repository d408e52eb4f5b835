//! A mark must never stay the same where anything about the report may have changed, whoever changed it.

use sealpost_core::id::JobId;
use sealpost_core::job::Job;
use sealpost_core::port::{Mark, UsageMeter};
use sealpost_core::usage::Period;

use super::super::statement::query;
use super::*;

/// A ledger, another one on the same file (for whatever another process does), and two reports.
async fn two() -> (tempfile::TempDir, SqliteLedger, SqliteLedger, [Job; 2]) {
    let (folder, ledger) = fresh().await;
    let other = SqliteLedger::open(folder.path().join("ledger.db")).await.unwrap();
    let mut jobs = Vec::new();
    for _ in 0..2 {
        let Admitted::New(job) = ledger.admit(admission("acme")).await.unwrap() else { panic!("a new job") };
        jobs.push(job);
    }
    (folder, ledger, other, jobs.try_into().unwrap())
}

fn mark(ledger: &SqliteLedger, id: &JobId) -> Mark {
    ledger.mark(id).expect("a ledger that has written tells changes apart")
}

#[tokio::test]
async fn nothing_is_said_before_the_index_is_seen_to_work() {
    let (folder, ledger) = fresh().await;
    assert_eq!(ledger.mark(&JobId::fresh()), None);
    ledger.check().await.unwrap();
    assert!(ledger.mark(&JobId::fresh()).is_some());
    // Another ledger's own marks are not proven by that, nor are those of one that was closed.
    let other = SqliteLedger::open(folder.path().join("ledger.db")).await.unwrap();
    assert_eq!(other.mark(&JobId::fresh()), None);
    ledger.close().await;
    assert_eq!(ledger.mark(&JobId::fresh()), None);
}

#[tokio::test]
async fn what_another_process_writes_changes_every_mark() {
    let (_folder, ledger, other, [one, two]) = two().await;
    let before = [mark(&ledger, &one.id), mark(&ledger, &two.id)];
    assert_eq!(before, [mark(&ledger, &one.id), mark(&ledger, &two.id)], "nothing happened");
    other.apply(&one.id, &started(1), None, Timestamp::now()).await.unwrap();
    let after = [mark(&ledger, &one.id), mark(&ledger, &two.id)];
    assert!(before[0] != after[0] && before[1] != after[1]);
    // Between two transactions of ours, too.
    ledger.check().await.unwrap();
    let before = mark(&ledger, &one.id);
    other.apply(&one.id, &JobEvent::CancelRequested, None, Timestamp::now()).await.unwrap();
    ledger.check().await.unwrap();
    assert_ne!(mark(&ledger, &one.id), before);
    // And by statements that are none of this program's.
    let before = mark(&ledger, &one.id);
    let turn = other.begin(Durability::Process).await.unwrap();
    query("UPDATE jobs SET rows_done = rows_done + 1").execute(turn.connection()).unwrap();
    turn.end(Ok(())).await.unwrap();
    assert_ne!(mark(&ledger, &one.id), before);
}

#[tokio::test]
async fn our_own_writes_change_the_marks_of_what_they_touch() {
    let (_folder, ledger, _other, [one, two]) = two().await;
    let before = [mark(&ledger, &one.id), mark(&ledger, &two.id)];
    let window = Period::Day.window(Timestamp::now());
    ledger.reserve(&partner("acme"), &window, 5, 100).await.unwrap();
    ledger.admit(admission("acme")).await.unwrap();
    let lease = ledger.claim(&[WorkKind::Produce], HOUR).await.unwrap().unwrap();
    ledger.check().await.unwrap();
    assert_eq!([mark(&ledger, &one.id), mark(&ledger, &two.id)], before, "nothing of these two");

    ledger.apply(&one.id, &started(1), Some(&lease), Timestamp::now()).await.unwrap();
    let after = mark(&ledger, &one.id);
    assert!(after != before[0] && mark(&ledger, &two.id) == before[1]);
    let progress = sealpost_core::job::Progress { rows: 5, bytes: 7 };
    ledger.progress(&one.id, progress, &lease).await.unwrap();
    assert_ne!(mark(&ledger, &one.id), after);
    let before = mark(&ledger, &two.id);
    let job = ledger.apply(&one.id, &stored(&one), Some(&lease), Timestamp::now()).await.unwrap();
    assert_eq!(mark(&ledger, &two.id), before);
    let before = mark(&ledger, &one.id);
    ledger.redeliver(&job.id, &[connector_id("acme", "main")], None, Timestamp::now()).await.unwrap();
    let after = mark(&ledger, &one.id);
    assert_ne!(before, after);
    let delivery = ledger.deliveries(&one.id).await.unwrap().remove(0);
    let event = sealpost_core::delivery::DeliveryEvent::Started { attempt: 1, worker: "w".to_owned() };
    ledger.apply_delivery(&delivery.id, &event, None, Timestamp::now()).await.unwrap();
    assert_ne!(mark(&ledger, &one.id), after);
}

/// A transaction of ours that wrote nothing must not be taken for the one that another process made meanwhile.
#[tokio::test]
async fn a_transaction_that_writes_nothing_hides_no_other() {
    let (_folder, ledger, other, [one, _]) = two().await;
    let window = Period::Day.window(Timestamp::now());
    ledger.reserve(&partner("acme"), &window, 100, 100).await.unwrap();
    let before = mark(&ledger, &one.id);
    let nothing = ledger.reserve(&partner("acme"), &window, 5, 100).await.unwrap();
    assert_eq!(nothing.granted, 0);
    assert!(ledger.claim(&[WorkKind::Deliver], HOUR).await.unwrap().is_none());
    assert_eq!(mark(&ledger, &one.id), before);
    other.apply(&one.id, &started(1), None, Timestamp::now()).await.unwrap();
    let nothing = ledger.reserve(&partner("acme"), &window, 5, 100).await.unwrap();
    assert_eq!(nothing.granted, 0);
    assert_ne!(mark(&ledger, &one.id), before);
}

/// Readers of marks beside writers of two processes: who reads a report after its mark and finds the mark unchanged
/// afterwards has read the newest state there is.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_unchanged_mark_means_an_unchanged_report_under_load() {
    let (_folder, ledger, other, [one, two]) = two().await;
    let (ledger, other) = (Arc::new(ledger), Arc::new(other));
    let newest = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let is_over = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let writers = [(ledger.clone(), one.clone(), 0), (other, one.clone(), 1)].map(|(ledger, job, of)| {
        let newest = newest.clone();
        tokio::spawn(async move {
            for number in (0..200_u64).map(|number| number * 2 + of) {
                let turn = ledger.begin(Durability::Process).await.unwrap();
                query("UPDATE jobs SET rows_done = rows_done + 1 WHERE id = ?")
                    .bind(job.id.as_str())
                    .execute(turn.connection())
                    .unwrap();
                let id = job.id.clone();
                turn.end_touching(Ok(()), |()| super::super::Touched::Report(id)).await.unwrap();
                newest.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                if number % 5 == 0 {
                    ledger.check().await.unwrap();
                }
            }
        })
    });
    let readers = (0..2).map(|_| {
        let (ledger, newest, is_over, id, other) =
            (ledger.clone(), newest.clone(), is_over.clone(), one.id.clone(), two.id.clone());
        tokio::spawn(async move {
            let (mut kept, mut hits): (Option<(Mark, u64)>, u64) = (None, 0);
            while !is_over.load(std::sync::atomic::Ordering::SeqCst) {
                let told = newest.load(std::sync::atomic::Ordering::SeqCst);
                let mark = ledger.mark(&id);
                if let (Some(mark), Some((known, rows))) = (mark, kept)
                    && mark == known
                {
                    assert!(rows >= told, "{told} were told of, and {rows} were read");
                    hits += 1;
                } else {
                    let rows = ledger.job_of_any_partner(&id).await.unwrap().unwrap().progress.rows;
                    kept = mark.map(|mark| (mark, rows));
                }
                ledger.mark(&other);
                tokio::task::yield_now().await;
            }
            hits
        })
    });
    let readers: Vec<_> = readers.collect();
    for writer in writers {
        writer.await.unwrap();
    }
    is_over.store(true, std::sync::atomic::Ordering::SeqCst);
    let mut hits = 0;
    for reader in readers {
        hits += reader.await.unwrap();
    }
    assert_eq!(ledger.job_of_any_partner(&one.id).await.unwrap().unwrap().progress.rows, 400);
    assert!(hits > 0, "nothing was found unchanged");
}

/// Whoever asks whether the ledger works must not take another one's question for a lost write.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn checks_of_two_processes_at_once_find_nothing_wrong() {
    let (_folder, ledger, other, _) = two().await;
    let checks = [Arc::new(ledger), Arc::new(other)].map(|ledger| {
        let one_after_the_other = move |ledger: Arc<SqliteLedger>| async move {
            for _ in 0..100 {
                ledger.check().await.unwrap();
            }
        };
        [0, 1].map(|_| tokio::spawn(one_after_the_other(ledger.clone())))
    });
    for check in checks.into_iter().flatten() {
        check.await.unwrap();
    }
}
