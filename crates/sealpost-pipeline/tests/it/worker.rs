//! Workers whose ledger keeps them waiting, or has another user who is faster.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sealpost_core::error::codes;
use sealpost_core::job::{Job, JobEvent, JobStatus};
use sealpost_core::port::{Admission, Admitted};
use sealpost_core::task::{QueueDepth, Work, WorkKind};
use sealpost_core::transfer::{Action, ItemStatus};
use sealpost_pipeline::Worked;
use sealpost_testkit::suite::ledger::{admission, started, stored};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::hasty::{First, Hasty};
use crate::rig::{Rig, Wish, object};
use crate::slow::Slow;

/// A flow in which this happens before that event.
pub(crate) async fn beside(first: First, before: &'static str) -> Rig {
    let between = Box::new(move |set: &mut sealpost_ledger::LedgerSet| {
        set.ledger = Arc::new(Hasty { ledger: set.ledger.clone(), first, before });
    });
    Rig::idle(Wish { between, ..Wish::default() }).await
}

/// Admits it, as of an hour ago: the flow knows no report type, and would leave a newer report to one that does.
pub(crate) async fn admitted(rig: &Rig, asked: Admission) -> Job {
    let asked = Admission { now: asked.now - SignedDuration::from_hours(1), ..asked };
    match rig.pipeline.parts().ledger.admit(asked).await.unwrap() {
        Admitted::New(job) | Admitted::Replayed(job) => job,
    }
}

/// The task is done, though its event was refused: what it was for has happened in another way.
async fn is_done(rig: &Rig, kind: WorkKind, job: &Job, status: JobStatus) {
    let worked = rig.pipeline.work_one(&[kind], &CancellationToken::new()).await.unwrap();
    assert_eq!(worked, Worked::Task);
    let parts = rig.pipeline.parts();
    assert_eq!(parts.queue.dead(10).await.unwrap(), []);
    assert_eq!(parts.ledger.job_of_any_partner(&job.id).await.unwrap().unwrap().status, status);
    // That of removing what there may be in the store.
    assert_eq!(parts.queue.depth().await.unwrap(), QueueDepth { ready: 1, ..QueueDepth::default() });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_is_cancelled_just_before_it_starts_buries_no_task() {
    let rig = beside(First::Event(JobEvent::CancelRequested), "started").await;
    let job = admitted(&rig, admission("acme")).await;
    is_done(&rig, WorkKind::Produce, &job, JobStatus::Cancelled).await;
}

/// The worker that was to see it has died, or has ended its attempt in an earlier version.
#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_was_to_be_cancelled_is_not_begun_again() {
    let rig = Rig::idle(Wish::default()).await;
    let job = admitted(&rig, admission("acme")).await;
    let parts = rig.pipeline.parts();
    for event in [started(1), JobEvent::CancelRequested] {
        parts.ledger.apply(&job.id, &event, None, Timestamp::now()).await.unwrap();
    }
    is_done(&rig, WorkKind::Produce, &job, JobStatus::Cancelled).await;
    assert_eq!(parts.ledger.job_of_any_partner(&job.id).await.unwrap().unwrap().attempts, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_is_deleted_just_before_it_expires_buries_no_task() {
    let rig = beside(First::Event(JobEvent::Expired { deleted: true }), "expired").await;
    let job = admitted(&rig, admission("acme")).await;
    let parts = rig.pipeline.parts();
    let produce = parts.queue.claim(&[WorkKind::Produce], Duration::from_secs(60)).await.unwrap().unwrap();
    for event in [started(1), stored(&job)] {
        parts.ledger.apply(&job.id, &event, None, Timestamp::now()).await.unwrap();
    }
    parts.queue.complete(&produce).await.unwrap();
    assert!(parts.queue.hurry(&Work::Expire(job.id.clone())).await.unwrap());
    is_done(&rig, WorkKind::Expire, &job, JobStatus::Expired).await;
}

/// It would be under way for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_report_of_which_the_ledger_refuses_an_event_for_good_fails() {
    let rig = beside(First::Refusal(&codes::ledger::TOO_LARGE), "started").await;
    let job = admitted(&rig, admission("acme")).await;
    is_done(&rig, WorkKind::Produce, &job, JobStatus::Failed).await;
    let failed = rig.pipeline.parts().ledger.job_of_any_partner(&job.id).await.unwrap().unwrap();
    assert_eq!(failed.failure.unwrap().code, codes::ledger::TOO_LARGE.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_whose_end_the_ledger_refuses_for_good_is_left_to_an_operator() {
    let rig = beside(First::Refusal(&codes::ledger::TOO_LARGE), "failed").await;
    // There is no such partner, so it can't be produced.
    let job = admitted(&rig, admission("acme")).await;
    let worked = rig.pipeline.work_one(&[WorkKind::Produce], &CancellationToken::new()).await.unwrap();
    assert_eq!(worked, Worked::Task);
    let dead = rig.pipeline.parts().queue.dead(10).await.unwrap();
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].work, Work::Produce(job.id));
}

/// The end of a process does not wait for a claim before it waits for its tasks, nor does it begin what the claim brings.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_claimed_at_the_end_goes_back() {
    let (claims, waiting) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let between = {
        let (claims, waiting, tidied) = (claims.clone(), waiting.clone(), Arc::new(Semaphore::new(0)));
        Box::new(move |set: &mut sealpost_ledger::LedgerSet| {
            set.queue = Arc::new(Slow { queue: set.queue.clone(), claims, waiting, tidied, extends: true });
        })
    };
    let rig = Rig::idle(Wish { between, ..Wish::default() }).await;
    let job = admitted(&rig, admission("acme")).await;
    let (pipeline, shutdown) = (rig.pipeline.clone(), CancellationToken::new());
    let working = tokio::spawn({
        let shutdown = shutdown.clone();
        async move { pipeline.work(shutdown).await }
    });
    // Six kinds of slots.
    waiting.acquire_many(6).await.unwrap().forget();
    shutdown.cancel();
    claims.add_permits(6);
    working.await.unwrap();
    let parts = rig.pipeline.parts();
    assert_eq!(parts.ledger.job_of_any_partner(&job.id).await.unwrap().unwrap(), job);
    assert_eq!(parts.queue.depth().await.unwrap(), QueueDepth { ready: 1, ..QueueDepth::default() });
    // It was claimed.
    claims.add_permits(1);
    let lease = parts.queue.claim(&[WorkKind::Produce], Duration::from_secs(60)).await.unwrap().unwrap();
    assert_eq!(lease.epoch, 2);
}

/// Where no schedule calls a function, nobody else would go on with what removals have left.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_tidies() {
    let tidied = Arc::new(Semaphore::new(0));
    let between = {
        let (claims, waiting, tidied) = (Arc::new(Semaphore::new(1_000)), Arc::new(Semaphore::new(0)), tidied.clone());
        Box::new(move |set: &mut sealpost_ledger::LedgerSet| {
            set.queue = Arc::new(Slow { queue: set.queue.clone(), claims, waiting, tidied, extends: true });
        })
    };
    let rig = Rig::idle(Wish { between, ..Wish::default() }).await;
    let (pipeline, shutdown) = (rig.pipeline.clone(), CancellationToken::new());
    let working = tokio::spawn({
        let shutdown = shutdown.clone();
        async move { pipeline.work(shutdown).await }
    });
    tidied.acquire().await.unwrap().forget();
    shutdown.cancel();
    working.await.unwrap();
}

/// Work stops when its lease is over, also where the ledger has not said that it is.
#[tokio::test(flavor = "multi_thread")]
async fn work_ends_with_its_lease() {
    let between = Box::new(|set: &mut sealpost_ledger::LedgerSet| {
        let [claims, waiting, tidied] = [1, 0, 0].map(|permits| Arc::new(Semaphore::new(permits)));
        set.queue = Arc::new(Slow { queue: set.queue.clone(), claims, waiting, tidied, extends: false });
    });
    let rig = Rig::idle(Wish { between, lease: Duration::from_secs(3), ..Wish::default() }).await;
    // A server that says nothing.
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let connector = rig.connector(|connector| {
        connector.settings.port = port;
        connector.settings.limits.handshake_timeout_s = 600;
    });
    let connector = connector.await;
    rig.put("a.bin", b"content");
    let transfer = rig.start(&connector, vec![Action::Send { local: object("a.bin"), remote_directory: None }]).await;
    let never = CancellationToken::new();
    let working = rig.pipeline.work_one(&[WorkKind::Transfer], &never);
    // Far longer than a lease, and not as long as the engine waits for a server.
    let worked = tokio::time::timeout(Duration::from_secs(60), working).await.unwrap();
    assert_eq!(worked.unwrap(), Worked::Task);
    let item = rig.items(&transfer.id).await.remove(0);
    // Nothing of it was recorded: it was no longer ours.
    assert_eq!((item.status, item.failed_attempts), (ItemStatus::InProgress, 0), "{item:#?}");
}
