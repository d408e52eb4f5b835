//! The queue: at least once, one worker at a time.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use sealpost_core::id::JobId;
use sealpost_core::job::JobEvent;
use sealpost_core::port::Admission;
use sealpost_core::task::{QueueDepth, Work, WorkKind};

use super::{HOUR, Ports, admission};

/// A guard against a test that hangs; nothing is asserted about time.
const HANGS: Duration = Duration::from_secs(60);

/// The task of a dead worker is claimed again, under a greater number, as soon as its lease has run out.
pub async fn a_lease_that_ran_out_comes_back(ports: Ports) {
    ports.admit(admission("acme")).await;
    let first = ports.queue.claim(&WorkKind::ALL, Duration::from_millis(30)).await.unwrap().unwrap();
    let second = tokio::time::timeout(HANGS, async {
        loop {
            if let Some(lease) = ports.queue.claim(&WorkKind::ALL, HOUR).await.unwrap() {
                break lease;
            }
            ports.queue.wait(&WorkKind::ALL, Duration::from_secs(1)).await;
        }
    });
    let second = second.await.expect("the task to come back");
    assert!(Timestamp::now() >= first.until, "it came back early");
    assert_eq!((&second.task, &second.work, second.epoch), (&first.task, &first.work, 2));
}

/// While a lease holds, nobody else gets the task.
pub async fn a_held_task_is_nobody_elses(ports: Ports) {
    ports.admit(admission("acme")).await;
    let lease = ports.claim(&WorkKind::ALL).await;
    assert!(lease.until > Timestamp::now() + SignedDuration::from_mins(59));
    assert_eq!(ports.queue.claim(&WorkKind::ALL, HOUR).await.unwrap(), None);
    assert_eq!(ports.queue.depth().await.unwrap(), QueueDepth { leased: 1, ..QueueDepth::default() });
    ports.queue.complete(&lease).await.unwrap();
    assert_eq!(ports.queue.claim(&WorkKind::ALL, HOUR).await.unwrap(), None);
    assert_eq!(ports.queue.depth().await.unwrap(), QueueDepth::default());
}

/// A worker gets only the kinds that it asks for.
pub async fn kinds_are_respected(ports: Ports) {
    let job = ports.admit(admission("acme")).await;
    ports.apply(&job, &JobEvent::CancelRequested, None).await;
    assert_eq!(ports.queue.claim(&[], HOUR).await.unwrap(), None);
    assert_eq!(ports.queue.claim(&[WorkKind::Deliver, WorkKind::Expire], HOUR).await.unwrap(), None);
    let purge = ports.claim(&[WorkKind::Purge, WorkKind::Deliver]).await;
    assert_eq!(purge.work, Work::Purge(job.id.clone()));
    assert_eq!(ports.claim(&[WorkKind::Produce]).await.work, Work::Produce(job.id));
}

/// A task given back is not claimed before its delay, and under a greater number after it.
pub async fn a_released_task_waits_its_delay(ports: Ports) {
    ports.admit(admission("acme")).await;
    let lease = ports.claim(&WorkKind::ALL).await;
    ports.queue.release(&lease, Duration::ZERO).await.unwrap();
    let lease = ports.claim(&WorkKind::ALL).await;
    assert_eq!(lease.epoch, 2);
    ports.queue.release(&lease, HOUR).await.unwrap();
    assert_eq!(ports.queue.claim(&WorkKind::ALL, HOUR).await.unwrap(), None);
    assert_eq!(ports.queue.depth().await.unwrap(), QueueDepth { delayed: 1, ..QueueDepth::default() });
}

/// A heartbeat keeps the task from others.
pub async fn an_extended_lease_holds(ports: Ports) {
    ports.admit(admission("acme")).await;
    let mut lease = ports.queue.claim(&WorkKind::ALL, Duration::ZERO).await.unwrap().unwrap();
    // It has run out, but nobody took it.
    ports.queue.extend(&mut lease, HOUR).await.unwrap();
    assert!(lease.until > Timestamp::now() + SignedDuration::from_mins(59));
    assert_eq!(lease.epoch, 1);
    assert_eq!(ports.queue.claim(&WorkKind::ALL, HOUR).await.unwrap(), None);
    ports.queue.complete(&lease).await.unwrap();
}

/// The task that has waited longest is next.
pub async fn the_oldest_comes_first(ports: Ports) {
    let now = Timestamp::now();
    let mut jobs = Vec::new();
    for ago in [3, 9, 1, 7] {
        let created = now - SignedDuration::from_secs(ago);
        jobs.push((created, ports.admit(Admission { now: created, ..admission("acme") }).await.id));
    }
    jobs.sort();
    for (_, id) in jobs {
        assert_eq!(ports.claim(&WorkKind::ALL).await.work, Work::Produce(id));
    }
}

/// A buried task is off the queue, kept with its reason, newest first, and can be put back once.
pub async fn the_dead_are_kept_and_can_be_revived(ports: Ports) {
    let mut buried = Vec::new();
    for reason in ["first", "second", "third"] {
        ports.admit(admission("acme")).await;
        let lease = ports.claim(&WorkKind::ALL).await;
        ports.queue.bury(&lease, reason).await.unwrap();
        buried.push(lease);
    }
    assert_eq!(ports.queue.claim(&WorkKind::ALL, HOUR).await.unwrap(), None);
    assert_eq!(ports.queue.depth().await.unwrap(), QueueDepth { dead: 3, ..QueueDepth::default() });
    let dead = ports.queue.dead(2).await.unwrap();
    let reasons: Vec<_> = dead.iter().map(|task| task.reason.as_str()).collect();
    assert_eq!(reasons, ["third", "second"]);
    assert_eq!((&dead[1].task, &dead[1].work, dead[1].claims), (&buried[1].task, &buried[1].work, 1));

    assert!(ports.queue.revive(&buried[1].task).await.unwrap());
    assert!(!ports.queue.revive(&buried[1].task).await.unwrap());
    let lease = ports.claim(&WorkKind::ALL).await;
    assert_eq!((&lease.task, &lease.work), (&buried[1].task, &buried[1].work));
    assert!(lease.epoch > buried[1].epoch, "the lease from before the burial must stay refused");
    assert_eq!(ports.queue.dead(10).await.unwrap().len(), 2);
}

/// Many workers at once: each task is claimed by one of them, none is left.
pub async fn every_task_goes_to_one_worker(ports: Ports) {
    for _ in 0..60 {
        ports.admit(admission("acme")).await;
    }
    let workers = (0..8).map(|_| {
        let queue = ports.queue.clone();
        tokio::spawn(async move {
            let mut mine = Vec::new();
            while let Some(lease) = queue.claim(&WorkKind::ALL, HOUR).await.unwrap() {
                assert_eq!(lease.epoch, 1);
                queue.complete(&lease).await.unwrap();
                mine.push(lease.task);
            }
            mine
        })
    });
    let mut claims = BTreeMap::new();
    for worker in join_all(workers).await {
        for task in worker.unwrap() {
            *claims.entry(task).or_insert(0) += 1;
        }
    }
    assert_eq!(claims.len(), 60);
    assert!(claims.values().all(|times| *times == 1));
    assert_eq!(ports.queue.depth().await.unwrap(), QueueDepth::default());
}

/// `wait` returns with nothing to do, and a worker that loops over it gets what comes.
pub async fn waiting_ends_by_itself(ports: Ports) {
    tokio::time::timeout(HANGS, ports.queue.wait(&WorkKind::ALL, Duration::from_millis(5))).await.expect("to return");
    let queue = ports.queue.clone();
    let worker = tokio::spawn(async move {
        loop {
            if let Some(lease) = queue.claim(&WorkKind::ALL, HOUR).await.unwrap() {
                break lease;
            }
            queue.wait(&WorkKind::ALL, HOUR).await;
        }
    });
    let job = ports.admit(admission("acme")).await;
    let lease = tokio::time::timeout(HANGS, worker).await.expect("to be woken").unwrap();
    assert_eq!(lease.work, Work::Produce(job.id));
}

/// A task that waits for its time is ready at once when somebody is in a hurry; one that is ready, leased, dead or not there is
/// left as it is.
pub async fn a_task_that_waits_can_be_hurried(ports: Ports) {
    let job = ports.admit(admission("acme")).await;
    let work = Work::Produce(job.id.clone());
    let hurry = async || ports.queue.hurry(&work).await.unwrap();
    assert!(!hurry().await, "it is ready");
    let lease = ports.claim(&WorkKind::ALL).await;
    assert!(!hurry().await, "it is leased");
    assert_eq!(ports.queue.depth().await.unwrap(), QueueDepth { leased: 1, ..QueueDepth::default() });
    ports.queue.release(&lease, HOUR).await.unwrap();
    assert!(!ports.queue.hurry(&Work::Purge(job.id.clone())).await.unwrap(), "another work of the same subject");
    assert_eq!(ports.queue.claim(&WorkKind::ALL, HOUR).await.unwrap(), None);
    assert!(hurry().await);
    assert_eq!(ports.queue.depth().await.unwrap(), QueueDepth { ready: 1, ..QueueDepth::default() });
    let lease = ports.claim(&WorkKind::ALL).await;
    assert_eq!((&lease.work, lease.epoch), (&work, 2));
    ports.queue.bury(&lease, "the suite").await.unwrap();
    assert!(!hurry().await, "it is dead");
    assert!(!ports.queue.hurry(&Work::Produce(JobId::fresh())).await.unwrap());
    assert_eq!(ports.queue.depth().await.unwrap(), QueueDepth { dead: 1, ..QueueDepth::default() });
}

/// A sweep changes nothing about the tasks.
pub async fn a_sweep_is_harmless(ports: Ports) {
    ports.queue.sweep().await.unwrap();
    let long_ago = Timestamp::now() - SignedDuration::from_hours(2);
    ports.admit(Admission { now: long_ago, ..admission("acme") }).await;
    ports.admit(admission("acme")).await;
    let lease = ports.claim(&WorkKind::ALL).await;
    let before = ports.queue.depth().await.unwrap();
    ports.queue.sweep().await.unwrap();
    assert_eq!(ports.queue.depth().await.unwrap(), before);
    let other = ports.claim(&WorkKind::ALL).await;
    assert_ne!(other.task, lease.task);
    ports.queue.complete(&lease).await.unwrap();
    ports.queue.complete(&other).await.unwrap();
}
