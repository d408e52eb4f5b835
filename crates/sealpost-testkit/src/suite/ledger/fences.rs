//! Leases fence, moves are legal or nothing.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sealpost_core::error::codes;
use sealpost_core::id::JobId;
use sealpost_core::job::{JobEvent, JobStatus, Progress};
use sealpost_core::task::{QueueDepth, Work, WorkKind};

use super::{HOUR, Ports, admission, connector_id, refused, started, stored};

/// A worker that was thought dead and wakes up can change nothing, by no method.
pub async fn a_stale_lease_is_refused_everywhere(ports: Ports) {
    let job = ports.admit(admission("acme")).await;
    let mut stale = ports.queue.claim(&WorkKind::ALL, Duration::ZERO).await.unwrap().unwrap();
    let newest = ports.claim(&WorkKind::ALL).await;
    assert_eq!((&newest.task, newest.epoch), (&stale.task, stale.epoch + 1));
    let before = ports.apply(&job, &started(1), Some(&newest)).await;

    let lost = &codes::ledger::LEASE_LOST;
    refused(ports.ledger.apply(&job.id, &stored(&job), Some(&stale), Timestamp::now()).await, lost);
    // Not even at a time when it was still good.
    let then = stale.until - SignedDuration::from_secs(1);
    refused(ports.ledger.apply(&job.id, &stored(&job), Some(&stale), then).await, lost);
    refused(ports.ledger.progress(&job.id, Progress { rows: 1, bytes: 1 }, &stale).await, lost);
    let until = stale.until;
    refused(ports.queue.extend(&mut stale, HOUR).await, lost);
    assert_eq!(stale.until, until, "a refused extension leaves the lease as it was");
    refused(ports.queue.release(&stale, Duration::ZERO).await, lost);
    refused(ports.queue.bury(&stale, "stale").await, lost);
    refused(ports.queue.complete(&stale).await, lost);

    assert_eq!(ports.job(&job).await, before);
    assert_eq!(ports.queue.dead(10).await.unwrap(), []);
    ports.apply(&job, &stored(&job), Some(&newest)).await;
    ports.queue.complete(&newest).await.unwrap();
}

/// The newest lease, once past, moves no job; extended, it does.
pub async fn a_lease_that_is_past_moves_nothing(ports: Ports) {
    let job = ports.admit(admission("acme")).await;
    let mut lease = ports.claim(&WorkKind::ALL).await;
    let past = lease.until + SignedDuration::from_secs(1);
    refused(ports.ledger.apply(&job.id, &started(1), Some(&lease), past).await, &codes::ledger::LEASE_LOST);
    refused(ports.ledger.apply(&job.id, &started(1), Some(&lease), lease.until).await, &codes::ledger::LEASE_LOST);
    assert_eq!(ports.job(&job).await.status, JobStatus::Queued);
    assert_eq!(ports.ledger.timeline(&job.id).await.unwrap().len(), 1);

    ports.queue.extend(&mut lease, 3 * HOUR).await.unwrap();
    let moved = ports.ledger.apply(&job.id, &started(1), Some(&lease), past).await.unwrap();
    assert_eq!(moved.status, JobStatus::Running);
}

/// After `complete`, `bury` or `release` the lease is worth nothing.
pub async fn a_task_that_is_done_guards_nothing(ports: Ports) {
    for end in ["complete", "bury", "release"] {
        let job = ports.admit(admission("acme")).await;
        let mut lease = ports.claim(&[WorkKind::Produce]).await;
        match end {
            "complete" => ports.queue.complete(&lease).await.unwrap(),
            "bury" => ports.queue.bury(&lease, "the suite").await.unwrap(),
            _ => ports.queue.release(&lease, HOUR).await.unwrap(),
        }
        let outcome = ports.ledger.apply(&job.id, &started(1), Some(&lease), Timestamp::now()).await;
        refused(outcome, &codes::ledger::LEASE_LOST);
        refused(ports.queue.extend(&mut lease, HOUR).await, &codes::ledger::LEASE_LOST);
        refused(ports.queue.complete(&lease).await, &codes::ledger::LEASE_LOST);
        assert_eq!(ports.job(&job).await.status, JobStatus::Queued);
    }
}

/// Progress shows in the job, not in its timeline; its answer is how a worker learns of a cancellation.
pub async fn progress_is_seen_and_tells_of_a_cancellation(ports: Ports) {
    let job = ports.admit(admission("acme")).await;
    let lease = ports.start(&job).await;
    let so_far = Progress { rows: 12_345, bytes: 678_901 };
    assert!(!ports.ledger.progress(&job.id, so_far, &lease).await.unwrap());
    let seen = ports.job(&job).await;
    assert_eq!((seen.progress, seen.status), (so_far, JobStatus::Running));

    let asked = ports.apply(&job, &JobEvent::CancelRequested, None).await;
    assert_eq!(asked.progress, so_far, "an event keeps the progress");
    assert!(ports.ledger.progress(&job.id, so_far, &lease).await.unwrap());
    let cancelled = ports.apply(&job, &JobEvent::Cancelled, Some(&lease)).await;
    assert_eq!(cancelled.status, JobStatus::Cancelled);
    assert_eq!(ports.ledger.timeline(&job.id).await.unwrap().len(), 4);
}

/// Who asked to cancel was told that it is being done: the end of the attempt, which may come first, delivers nothing.
pub async fn a_cancellation_outlives_the_end_of_its_attempt(ports: Ports) {
    let mut asked = admission("acme");
    asked.request.deliver_to = vec![connector_id("acme", "one")];
    let job = ports.admit(asked).await;
    let lease = ports.start(&job).await;
    ports.apply(&job, &JobEvent::CancelRequested, None).await;
    let ended = ports.apply(&job, &stored(&job), Some(&lease)).await;
    assert_eq!((ended.status, &ended.file), (JobStatus::Cancelled, &None));
    assert_eq!(ports.job(&job).await, ended);
    assert_eq!(ports.ledger.deliveries(&job.id).await.unwrap(), []);
    ports.queue.complete(&lease).await.unwrap();
    assert_eq!(ports.claim(&[WorkKind::Purge]).await.work, Work::Purge(job.id));
    assert_eq!(ports.queue.depth().await.unwrap(), QueueDepth { leased: 1, ..QueueDepth::default() });
}

/// An event that does not fit leaves job, timeline and queue as they were; an unknown job is not found.
pub async fn an_illegal_move_changes_nothing(ports: Ports) {
    let job = ports.admit(admission("acme")).await;
    for event in [JobEvent::Purged, JobEvent::Cancelled, JobEvent::Admitted, stored(&job)] {
        let outcome = ports.ledger.apply(&job.id, &event, None, Timestamp::now()).await;
        refused(outcome, &codes::ledger::ILLEGAL_MOVE);
    }
    assert_eq!(ports.job(&job).await, job);
    assert_eq!(ports.ledger.timeline(&job.id).await.unwrap().len(), 1);
    let depth = ports.queue.depth().await.unwrap();
    assert_eq!((depth.ready, depth.delayed), (1, 0));
    let outcome = ports.ledger.apply(&JobId::fresh(), &started(1), None, Timestamp::now()).await;
    refused(outcome, &codes::request::NOT_FOUND);
}

/// Two that do the same at once: one does it, the other is told.
pub async fn of_two_equal_events_one_wins(ports: Ports) {
    for _ in 0..10 {
        let job = ports.admit(admission("acme")).await;
        let [one, other] = [(); 2].map(|()| {
            let (ledger, id) = (ports.ledger.clone(), job.id.clone());
            tokio::spawn(async move { ledger.apply(&id, &JobEvent::CancelRequested, None, Timestamp::now()).await })
        });
        let outcomes = [one.await.unwrap(), other.await.unwrap()];
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        for outcome in outcomes.into_iter().filter(Result::is_err) {
            refused(outcome, &codes::ledger::ILLEGAL_MOVE);
        }
        assert_eq!(ports.job(&job).await.version, 2);
    }
}
