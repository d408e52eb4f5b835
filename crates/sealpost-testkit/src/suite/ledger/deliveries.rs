//! Deliveries and the timeline.

use futures::future::join_all;
use jiff::Timestamp;
use sealpost_core::delivery::{Delivery, DeliveryEvent, DeliveryStatus, Intent, MOST_DELIVERIES};
use sealpost_core::error::codes;
use sealpost_core::event::{Happening, TimelineEntry};
use sealpost_core::id::{ConnectorId, DeliveryId, JobId};
use sealpost_core::job::{Job, JobEvent};
use sealpost_core::port::{Admission, Redelivered};
use sealpost_core::receipt::{Certainty, Receipt};
use sealpost_core::task::{QueueDepth, Work, WorkKind};

use super::{Ports, admission, connector_id, failure, refused, started};

/// Admits a report for these connectors and takes it to `succeeded`.
async fn succeeded(ports: &Ports, connectors: &[&str]) -> Job {
    let mut asked = admission("acme");
    asked.request.deliver_to = connectors.iter().map(|name| connector_id("acme", name)).collect();
    let job = ports.admit(asked).await;
    ports.succeed(&job).await
}

fn names(timeline: &[TimelineEntry]) -> Vec<&'static str> {
    timeline
        .iter()
        .map(|entry| match &entry.what {
            Happening::Report(event) => event.name(),
            Happening::Delivery { event, .. } => event.name(),
        })
        .collect()
}

/// The proof of a delivery.
#[must_use]
pub fn receipt() -> Receipt {
    Receipt {
        certainty: Certainty::Verified,
        url: "sftp://partner.example:22".to_owned(),
        remote_path: "in/a.csv.pgp".to_owned(),
        size: 4711,
        sha256: "5e".repeat(32),
        host_key: "SHA256:abc".to_owned(),
        algorithms: "curve25519-sha256".to_owned(),
        bytes_sent: 4711,
        started_at: Timestamp::now(),
        delivered_at: Timestamp::now(),
    }
}

/// The event that stores the file brings its deliveries, their tasks and their entries.
pub async fn a_stored_file_brings_its_deliveries(ports: Ports) {
    let job = succeeded(&ports, &["one", "two"]).await;
    let deliveries = ports.ledger.deliveries(&job.id).await.unwrap();
    let to: Vec<_> = deliveries.iter().map(|delivery| delivery.connector.clone()).collect();
    assert_eq!(to, job.request.deliver_to);
    for delivery in &deliveries {
        assert_eq!((delivery.status, Some(&delivery.file)), (DeliveryStatus::Pending, job.file.as_ref()));
        assert_eq!(ports.ledger.delivery(&delivery.id).await.unwrap().as_ref(), Some(delivery));
    }
    let timeline = ports.ledger.timeline(&job.id).await.unwrap();
    assert_eq!(names(&timeline), ["admitted", "started", "stored", "created", "created"]);
    // The file's expiry is scheduled in the same step.
    assert_eq!(ports.queue.depth().await.unwrap(), QueueDepth { ready: 2, delayed: 1, ..QueueDepth::default() });
    let works = [ports.claim(&[WorkKind::Deliver]).await.work, ports.claim(&[WorkKind::Deliver]).await.work];
    for delivery in &deliveries {
        assert!(works.contains(&Work::Deliver(delivery.id.clone())));
    }
    assert_eq!(ports.ledger.delivery(&DeliveryId::fresh()).await.unwrap(), None);
    assert_eq!(ports.ledger.deliveries(&JobId::fresh()).await.unwrap(), []);
}

/// A delivery moves under its lease only, and everything that happens to it is in the job's timeline.
pub async fn a_delivery_is_followed_to_its_receipt(ports: Ports) {
    let job = succeeded(&ports, &["one"]).await;
    let id = ports.ledger.deliveries(&job.id).await.unwrap()[0].id.clone();
    let stale = ports.queue.claim(&[WorkKind::Deliver], std::time::Duration::ZERO).await.unwrap().unwrap();
    let lease = ports.claim(&[WorkKind::Deliver]).await;
    let start = DeliveryEvent::Started { attempt: 1, worker: "suite".to_owned() };
    let apply = async |event: &DeliveryEvent| -> Delivery {
        ports.ledger.apply_delivery(&id, event, Some(&lease), Timestamp::now()).await.unwrap()
    };

    let outcome = ports.ledger.apply_delivery(&id, &start, Some(&stale), Timestamp::now()).await;
    refused(outcome, &codes::ledger::LEASE_LOST);
    refused(ports.ledger.delivery_progress(&id, 1, &stale).await, &codes::ledger::LEASE_LOST);
    let early = DeliveryEvent::Delivered { receipt: receipt() };
    let outcome = ports.ledger.apply_delivery(&id, &early, Some(&lease), Timestamp::now()).await;
    refused(outcome, &codes::ledger::ILLEGAL_MOVE);
    let nobody = DeliveryId::fresh();
    let outcome = ports.ledger.apply_delivery(&nobody, &start, Some(&lease), Timestamp::now()).await;
    refused(outcome, &codes::request::NOT_FOUND);

    apply(&start).await;
    ports.ledger.delivery_progress(&id, 4000, &lease).await.unwrap();
    let intent = Intent {
        temporary_path: ".a.part".to_owned(),
        final_path: "a.csv.pgp".to_owned(),
        account: "u@h:22".to_owned(),
    };
    let intended = apply(&DeliveryEvent::Intended { intent: intent.clone() }).await;
    assert_eq!((intended.bytes_sent, intended.intent), (4000, Some(intent)), "an event keeps the progress");
    let proof = receipt();
    let delivered = apply(&DeliveryEvent::Delivered { receipt: proof.clone() }).await;
    assert_eq!((delivered.status, &delivered.receipt), (DeliveryStatus::Delivered, &Some(proof)));
    assert_eq!(ports.ledger.delivery(&id).await.unwrap(), Some(delivered));

    let timeline = ports.ledger.timeline(&job.id).await.unwrap();
    assert_eq!(names(&timeline)[3..], ["created", "started", "intended", "delivered"]);
    for entry in &timeline[3..] {
        assert!(matches!(&entry.what, Happening::Delivery { delivery, .. } if *delivery == id));
    }
}

/// A further delivery of the same bytes, for a job that has them.
pub async fn only_what_succeeded_is_delivered_again(ports: Ports) {
    let to = connector_id("acme", "other");
    let redeliver =
        async |job: &JobId| ports.ledger.redeliver(job, std::slice::from_ref(&to), None, Timestamp::now()).await;

    let job = ports.admit(admission("acme")).await;
    refused(redeliver(&job.id).await, &codes::request::NOT_IN_THIS_STATE);
    let job = ports.succeed(&job).await;
    let nowhere = ports.ledger.redeliver(&job.id, &[], None, Timestamp::now()).await;
    refused(nowhere, &codes::request::NO_DESTINATION);
    let redelivered = redeliver(&job.id).await.unwrap();
    assert!(!redelivered.replayed && redelivered.deliveries.len() == 1);
    let again = redelivered.deliveries[0].clone();
    assert_eq!((&again.connector, Some(&again.file)), (&to, job.file.as_ref()));
    assert_eq!(ports.ledger.deliveries(&job.id).await.unwrap(), std::slice::from_ref(&again));
    assert_eq!(ports.claim(&[WorkKind::Deliver]).await.work, Work::Deliver(again.id));
    assert_eq!(names(&ports.ledger.timeline(&job.id).await.unwrap())[3..], ["created"]);

    ports.apply(&job, &JobEvent::Expired { deleted: true }, None).await;
    refused(redeliver(&job.id).await, &codes::request::FILE_GONE);
    refused(redeliver(&JobId::fresh()).await, &codes::request::NOT_FOUND);
    let failed = ports.admit(admission("acme")).await;
    ports.apply(&failed, &started(1), None).await;
    ports.apply(&failed, &JobEvent::Failed { failure: failure() }, None).await;
    refused(redeliver(&failed.id).await, &codes::request::NOT_IN_THIS_STATE);
}

/// The same key and request give the same deliveries as they are now, even after the file has gone; another request
/// under the key is refused, whatever the key was used for; the key of one partner is not another's.
pub async fn a_key_delivers_again_once(ports: Ports) {
    let to = [connector_id("acme", "one"), connector_id("acme", "two")];
    let keyed = async |job: &Job, key: &str, sha256: &str| {
        let idempotency = Some((key.to_owned(), sha256.to_owned()));
        ports.ledger.redeliver(&job.id, &to, idempotency, Timestamp::now()).await
    };
    let admitted = Admission { idempotency: Some(("used".to_owned(), "aa".to_owned())), ..admission("acme") };
    let job = ports.admit(admitted).await;
    refused(keyed(&job, "k", "aa").await, &codes::request::NOT_IN_THIS_STATE);
    let job = ports.succeed(&job).await;
    // What was refused is not what the key stands for.
    let first = keyed(&job, "k", "aa").await.unwrap();
    assert_eq!(first.deliveries.iter().map(|one| one.connector.clone()).collect::<Vec<_>>(), to);
    assert!(!first.replayed);
    let failed = DeliveryEvent::Failed { failure: failure() };
    let failed = ports.ledger.apply_delivery(&first.deliveries[0].id, &failed, None, Timestamp::now()).await.unwrap();
    ports.apply(&job, &JobEvent::Expired { deleted: true }, None).await;
    let again = keyed(&job, "k", "aa").await.unwrap();
    assert_eq!(again, Redelivered { deliveries: vec![failed, first.deliveries[1].clone()], replayed: true });
    assert_eq!(ports.ledger.deliveries(&job.id).await.unwrap().len(), 2);

    let mismatch = &codes::request::IDEMPOTENCY_MISMATCH;
    refused(keyed(&job, "k", "bb").await, mismatch);
    refused(keyed(&job, "used", "aa").await, mismatch);
    let other_job = succeeded(&ports, &[]).await;
    refused(keyed(&other_job, "k", "aa").await, mismatch);
    let admitted = Admission { idempotency: Some(("k".to_owned(), "aa".to_owned())), ..admission("acme") };
    refused(ports.ledger.admit(admitted).await, mismatch);
    let theirs = ports.admit(admission("other")).await;
    let theirs = ports.succeed(&theirs).await;
    assert!(!keyed(&theirs, "k", "bb").await.unwrap().replayed);
}

/// A client that sends its request several times at once gets one set of deliveries.
pub async fn concurrent_redeliveries_with_one_key_are_one(ports: Ports) {
    let job = succeeded(&ports, &[]).await;
    let asked = (0..12).map(|_| {
        let (ledger, job) = (ports.ledger.clone(), job.id.clone());
        let to = [connector_id("acme", "one"), connector_id("acme", "two")];
        let idempotency = Some(("same".to_owned(), "aa".to_owned()));
        tokio::spawn(async move { ledger.redeliver(&job, &to, idempotency, Timestamp::now()).await.unwrap() })
    });
    let answers: Vec<Redelivered> = join_all(asked).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers.iter().filter(|answer| !answer.replayed).count(), 1);
    let made = ports.ledger.deliveries(&job.id).await.unwrap();
    assert_eq!(made.len(), 2);
    assert!(answers.iter().all(|answer| answer.deliveries == made));
    for _ in &made {
        ports.claim(&[WorkKind::Deliver]).await;
    }
    assert_eq!(ports.queue.claim(&[WorkKind::Deliver], super::HOUR).await.unwrap(), None);
}

/// A report has so many deliveries and no more, the first ones included; what a key has made is given again all the same.
pub async fn a_report_is_sent_so_often_and_no_more(ports: Ports) {
    let job = succeeded(&ports, &["one"]).await;
    let all: Vec<ConnectorId> = (0..15).map(|number| connector_id("acme", &format!("c{number}"))).collect();
    let to = all.as_slice();
    let redeliver = async |connectors: &[ConnectorId], key: Option<&str>| {
        let idempotency = key.map(|key| (key.to_owned(), "aa".to_owned()));
        ports.ledger.redeliver(&job.id, connectors, idempotency, Timestamp::now()).await
    };
    let first = redeliver(to, Some("key")).await.unwrap();
    let mut there = 1 + to.len();
    while there + to.len() <= MOST_DELIVERIES {
        redeliver(to, None).await.unwrap();
        there += to.len();
    }
    refused(redeliver(to, None).await, &codes::request::SENT_TOO_OFTEN);
    redeliver(&to[..MOST_DELIVERIES - there], None).await.unwrap();
    refused(redeliver(&to[..1], None).await, &codes::request::SENT_TOO_OFTEN);
    assert_eq!(ports.ledger.deliveries(&job.id).await.unwrap().len(), MOST_DELIVERIES);
    let again = redeliver(to, Some("key")).await.unwrap();
    assert_eq!(again, Redelivered { deliveries: first.deliveries, replayed: true });
}

/// Many deliveries of one job at once: its timeline counts 1, 2, 3, … and what was there stays as it was.
pub async fn the_timeline_is_gapless_and_append_only(ports: Ports) {
    let connectors: Vec<String> = (0..6).map(|number| format!("c{number}")).collect();
    let names: Vec<&str> = connectors.iter().map(String::as_str).collect();
    let job = succeeded(&ports, &names).await;
    let before = ports.ledger.timeline(&job.id).await.unwrap();
    let work = ports.ledger.deliveries(&job.id).await.unwrap().into_iter().map(|delivery| {
        let ledger = ports.ledger.clone();
        tokio::spawn(async move {
            for attempt in 1..=3 {
                let start = DeliveryEvent::Started { attempt, worker: "suite".to_owned() };
                ledger.apply_delivery(&delivery.id, &start, None, Timestamp::now()).await.unwrap();
                let failed = DeliveryEvent::AttemptFailed { failure: failure(), retry_at: Timestamp::now() };
                ledger.apply_delivery(&delivery.id, &failed, None, Timestamp::now()).await.unwrap();
            }
        })
    });
    for done in join_all(work).await {
        done.unwrap();
    }
    let after = ports.ledger.timeline(&job.id).await.unwrap();
    assert_eq!(after.len(), before.len() + 6 * 6);
    assert_eq!(after[..before.len()], before[..]);
    for (position, entry) in after.iter().enumerate() {
        assert_eq!(entry.sequence, position as u64 + 1);
    }
}

/// The task to announce an end comes with it, once, or not at all: neither with an end that is refused, nor with one that nobody
/// wants to hear of, nor with what is no end.
pub async fn an_end_is_announced_where_that_is_asked_for(ports: Ports) {
    let job = succeeded(&ports, &["one", "two", "three"]).await;
    let deliveries = ports.ledger.deliveries(&job.id).await.unwrap();
    let ids: Vec<&DeliveryId> = deliveries.iter().map(|delivery| &delivery.id).collect();
    let lease = ports.claim(&[WorkKind::Deliver]).await;
    let end = async |id: &DeliveryId, event: &DeliveryEvent| {
        ports.ledger.end_delivery(id, event, Some(&lease), Timestamp::now()).await
    };
    let announced = async || ports.queue.claim(&[WorkKind::AnnounceDelivery], super::HOUR).await.unwrap();
    let start = DeliveryEvent::Started { attempt: 1, worker: "suite".to_owned() };
    let (delivered, failed) =
        (DeliveryEvent::Delivered { receipt: receipt() }, DeliveryEvent::Failed { failure: failure() });

    refused(end(ids[0], &delivered).await, &codes::ledger::ILLEGAL_MOVE);
    assert_eq!(end(ids[0], &start).await.unwrap().status, DeliveryStatus::Sending);
    assert_eq!(announced().await, None);
    let done = end(ids[0], &delivered).await.unwrap();
    assert_eq!((done.status, ports.ledger.delivery(ids[0]).await.unwrap()), (DeliveryStatus::Delivered, Some(done)));
    refused(end(ids[0], &failed).await, &codes::ledger::ILLEGAL_MOVE);
    // Given up before anybody began with it.
    assert_eq!(end(ids[1], &failed).await.unwrap().status, DeliveryStatus::Failed);
    ports.ledger.apply_delivery(ids[2], &failed, Some(&lease), Timestamp::now()).await.unwrap();
    ports.queue.complete(&lease).await.unwrap();
    refused(end(ids[2], &failed).await, &codes::ledger::LEASE_LOST);

    let works = [announced().await, announced().await].map(|lease| lease.expect("a task").work);
    for id in &ids[..2] {
        assert!(works.contains(&Work::AnnounceDelivery((*id).clone())), "{works:?}");
    }
    assert_eq!(announced().await, None);
}
