//! Admission: all or nothing, once per key, never over the limit.

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use sealpost_core::Error;
use sealpost_core::error::codes;
use sealpost_core::event::Happening;
use sealpost_core::job::{JobEvent, JobStatus};
use sealpost_core::port::{Admission, Admitted};
use sealpost_core::task::{Work, WorkKind};

use super::{Ports, admission, connector_id, partner, refused};

fn keyed(of: &str, key: &str, sha256: &str) -> Admission {
    Admission { idempotency: Some((key.to_owned(), sha256.to_owned())), ..admission(of) }
}

/// Job, first timeline entry and task are there together.
pub async fn creates_job_timeline_and_task(ports: Ports) {
    let asked = admission("acme");
    let job = ports.admit(asked.clone()).await;
    assert_eq!((&job.id, &job.request, job.status), (&asked.id, &asked.request, JobStatus::Queued));
    assert_eq!(job.created_at, asked.now);
    assert_eq!(ports.ledger.job(&partner("acme"), &job.id).await.unwrap(), Some(job.clone()));

    let timeline = ports.ledger.timeline(&job.id).await.unwrap();
    assert_eq!(timeline.len(), 1);
    assert_eq!((timeline[0].sequence, timeline[0].at), (1, asked.now));
    assert_eq!(timeline[0].what, Happening::Report(JobEvent::Admitted));

    let lease = ports.claim(&WorkKind::ALL).await;
    assert_eq!((lease.work, lease.epoch), (Work::Produce(job.id), 1));
    assert_eq!(ports.queue.claim(&WorkKind::ALL, super::HOUR).await.unwrap(), None);
}

/// Sequence numbers count per partner and report type, from 1.
pub async fn gives_out_sequence_numbers(ports: Ports) {
    let mut other_type = admission("acme");
    other_type.request.report_type = "bikes.v2".parse().unwrap();
    let mut names = Vec::new();
    for asked in [admission("acme"), admission("acme"), admission("other"), other_type, admission("acme")] {
        names.push(ports.admit(asked).await.file_name.to_string());
    }
    let expected = ["contracts.v1_1", "contracts.v1_2", "contracts.v1_1", "bikes.v2_1", "contracts.v1_3"];
    assert_eq!(names, expected.map(|name| format!("{name}.csv.pgp")));
}

/// The same key and request give the same job, as it is now, for 24 hours at least and over the limit too; another
/// request under the key is refused; another partner's keys are its own.
pub async fn a_key_admits_once(ports: Ports) {
    let first = ports.admit(keyed("acme", "k1", "aa")).await;
    let cancelled = ports.apply(&first, &JobEvent::CancelRequested, None).await;

    let again = Admission { active_limit: 0, ..keyed("acme", "k1", "aa") };
    assert_eq!(ports.ledger.admit(again).await.unwrap(), Admitted::Replayed(cancelled.clone()));
    let late =
        Admission { now: Timestamp::now() + SignedDuration::from_mins(23 * 60 + 59), ..keyed("acme", "k1", "aa") };
    assert_eq!(ports.ledger.admit(late).await.unwrap(), Admitted::Replayed(cancelled));
    refused(ports.ledger.admit(keyed("acme", "k1", "bb")).await, &codes::request::IDEMPOTENCY_MISMATCH);

    assert_ne!(ports.admit(keyed("other", "k1", "bb")).await.id, first.id);
    assert_ne!(ports.admit(keyed("acme", "k2", "aa")).await.id, first.id);
}

/// A client that sends its request several times at once gets one job.
pub async fn concurrent_requests_with_one_key_make_one_job(ports: Ports) {
    let requests = (0..16).map(|_| {
        let ledger = ports.ledger.clone();
        tokio::spawn(async move { ledger.admit(keyed("acme", "same", "aa")).await.unwrap() })
    });
    let mut new = 0;
    let mut ids = std::collections::BTreeSet::new();
    for admitted in join_all(requests).await {
        match admitted.unwrap() {
            Admitted::New(job) => {
                new += 1;
                ids.insert(job.id);
            }
            Admitted::Replayed(job) => {
                ids.insert(job.id);
            }
        }
    }
    assert_eq!((new, ids.len()), (1, 1));
    assert_eq!(ports.queue.depth().await.unwrap().ready, 1);
}

/// Exactly as many as the limit allows, and one more as soon as one has ended.
pub async fn the_limit_is_exact_under_concurrency(ports: Ports) {
    let asked = || Admission { active_limit: 5, ..admission("acme") };
    let requests = (0..20).map(|_| {
        let ledger = ports.ledger.clone();
        tokio::spawn(async move { ledger.admit(asked()).await })
    });
    let mut jobs = Vec::new();
    for admitted in join_all(requests).await {
        match admitted.unwrap() {
            Ok(Admitted::New(job)) => jobs.push(job),
            Ok(Admitted::Replayed(job)) => panic!("{} replayed without a key", job.id),
            Err(error) => assert!(error.is(&codes::request::TOO_MANY_ACTIVE) && error.is_retried(), "{error}"),
        }
    }
    assert_eq!(jobs.len(), 5);
    let mut names: Vec<_> = jobs.iter().map(|job| job.file_name.to_string()).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 5, "a sequence number was given out twice");

    // Another partner's reports don't count, running ones do.
    ports.admit(Admission { active_limit: 1, ..admission("other") }).await;
    ports.apply(&jobs[0], &super::started(1), None).await;
    refused(ports.ledger.admit(asked()).await, &codes::request::TOO_MANY_ACTIVE);
    ports.apply(&jobs[0], &JobEvent::Failed { failure: super::failure() }, None).await;
    ports.admit(asked()).await;
    refused(ports.ledger.admit(asked()).await, &codes::request::TOO_MANY_ACTIVE);
}

/// A file name that can't be made takes everything back: job, task, key and number.
pub async fn a_failed_admission_leaves_nothing(ports: Ports) {
    let bad = Admission {
        file_name: |_, _| Err(Error::new(&codes::store::NAME, "the suite's bad name")),
        ..keyed("acme", "k1", "aa")
    };
    refused(ports.ledger.admit(bad.clone()).await, &codes::store::NAME);
    assert_eq!(ports.ledger.job_of_any_partner(&bad.id).await.unwrap(), None);
    assert_eq!(ports.ledger.timeline(&bad.id).await.unwrap(), []);
    assert_eq!(ports.queue.depth().await.unwrap(), sealpost_core::task::QueueDepth::default());
    let job = ports.admit(keyed("acme", "k1", "bb")).await;
    assert_eq!(job.file_name.as_str(), "contracts.v1_1.csv.pgp");
}

/// What a key and its request have admitted is found, as it is now, for 24 hours at least; whoever asks makes nothing.
pub async fn what_was_admitted_is_found_by_its_key(ports: Ports) {
    let before = async |of: &str, key: &str, sha256: &str, now: Timestamp| {
        ports.ledger.admitted_before(&partner(of), key, sha256, now).await
    };
    let now = Timestamp::now();
    let mismatch = &codes::request::IDEMPOTENCY_MISMATCH;
    let sent = ports.admit(admission("acme")).await;
    let sent = ports.succeed(&sent).await;
    let again = Some(("again".to_owned(), "aa".to_owned()));
    ports.ledger.redeliver(&sent.id, &[connector_id("acme", "main")], again, now).await.unwrap();
    refused(before("acme", "again", "aa", now).await, mismatch);

    assert_eq!(before("acme", "k1", "aa", now).await.unwrap(), None);
    let first = ports.admit(keyed("acme", "k1", "aa")).await;
    let cancelled = ports.apply(&first, &JobEvent::CancelRequested, None).await;
    assert_eq!(before("acme", "k1", "aa", now).await.unwrap(), Some(cancelled.clone()));
    let late = now + SignedDuration::from_mins(23 * 60 + 59);
    assert_eq!(before("acme", "k1", "aa", late).await.unwrap(), Some(cancelled));
    refused(before("acme", "k1", "bb", now).await, mismatch);
    assert_eq!(before("other", "k1", "aa", now).await.unwrap(), None);
    assert_eq!(before("acme", "k2", "aa", now).await.unwrap(), None);
    assert_eq!(before("acme", "k1", "aa", now + SignedDuration::from_hours(25)).await.unwrap(), None);
}

/// What is queued or running is counted for each partner, until it ends in whatever way.
pub async fn what_is_queued_or_running_is_counted(ports: Ports) {
    let active = async |of: &str| ports.ledger.active_jobs(&partner(of)).await.unwrap();
    assert_eq!((active("acme").await, active("other").await), (0, 0));
    let sent = ports.admit(admission("acme")).await;
    let lease = ports.start(&sent).await;
    let (failing, cancelled) = (ports.admit(admission("acme")).await, ports.admit(admission("acme")).await);
    ports.admit(admission("other")).await;
    ports.apply(&failing, &super::started(1), None).await;
    assert_eq!((active("acme").await, active("other").await), (3, 1));
    ports.apply(&sent, &super::stored(&sent), Some(&lease)).await;
    assert_eq!(active("acme").await, 2);
    ports.apply(&failing, &JobEvent::Failed { failure: super::failure() }, None).await;
    assert_eq!(active("acme").await, 1);
    ports.apply(&cancelled, &JobEvent::CancelRequested, None).await;
    assert_eq!((active("acme").await, active("other").await), (0, 1));
}
