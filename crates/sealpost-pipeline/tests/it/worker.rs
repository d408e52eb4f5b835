//! Workers whose ledger has another user, who is faster.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sealpost_core::job::{Job, JobEvent, JobStatus};
use sealpost_core::port::Admitted;
use sealpost_core::task::{QueueDepth, Work, WorkKind};
use sealpost_pipeline::Worked;
use sealpost_testkit::suite::ledger::{admission, started, stored};
use tokio_util::sync::CancellationToken;

use crate::hasty::Hasty;
use crate::rig::{Rig, Wish};

/// A flow beside somebody who does this before that event.
async fn beside(first: JobEvent, before: &'static str) -> Rig {
    let between = Box::new(move |set: &mut sealpost_ledger::LedgerSet| {
        set.ledger = Arc::new(Hasty { ledger: set.ledger.clone(), first, before });
    });
    Rig::idle(Wish { between, ..Wish::default() }).await
}

async fn admitted(rig: &Rig) -> Job {
    match rig.pipeline.parts().ledger.admit(admission("acme")).await.unwrap() {
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
    let rig = beside(JobEvent::CancelRequested, "started").await;
    let job = admitted(&rig).await;
    is_done(&rig, WorkKind::Produce, &job, JobStatus::Cancelled).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_is_deleted_just_before_it_expires_buries_no_task() {
    let rig = beside(JobEvent::Expired { deleted: true }, "expired").await;
    let job = admitted(&rig).await;
    let parts = rig.pipeline.parts();
    let produce = parts.queue.claim(&[WorkKind::Produce], Duration::from_secs(60)).await.unwrap().unwrap();
    for event in [started(1), stored(&job)] {
        parts.ledger.apply(&job.id, &event, None, Timestamp::now()).await.unwrap();
    }
    parts.queue.complete(&produce).await.unwrap();
    assert!(parts.queue.hurry(&Work::Expire(job.id.clone())).await.unwrap());
    is_done(&rig, WorkKind::Expire, &job, JobStatus::Expired).await;
}
