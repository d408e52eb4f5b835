//! What happens is told to the webhooks that want it, in the same step as the event.

use std::time::Duration;

use jiff::Timestamp;
use sealpost_core::delivery::DeliveryEvent;
use sealpost_core::error::codes;
use sealpost_core::job::JobEvent;
use sealpost_core::notification::{Notification, NotificationStatus};
use sealpost_core::port::NotificationFilter;
use sealpost_core::task::{QueueDepth, Work, WorkKind};
use sealpost_core::webhook::{EventKind, Webhook};

use super::deliveries::receipt;
use super::webhooks::hooked;
use super::{HOUR, Ports, admission, connector_id, failure, partner, refused, started, stored};

/// The notifications to a webhook.
async fn told(ports: &Ports, webhook: &Webhook) -> Vec<Notification> {
    let filter = NotificationFilter { webhook: Some(webhook.id.clone()), limit: 100, ..NotificationFilter::default() };
    let page = ports.outbox.notifications(&filter).await.unwrap();
    assert!(!page.more);
    page.notifications
}

async fn kinds(ports: &Ports, webhook: &Webhook) -> Vec<EventKind> {
    let mut kinds: Vec<_> = told(ports, webhook).await.into_iter().map(|one| one.event).collect();
    kinds.sort();
    kinds
}

/// Each end of a report or delivery is told once to each webhook that wants it, with a task; nothing else is.
pub async fn each_end_is_told_to_those_who_want_it(ports: Ports) {
    let all = hooked(&ports, "acme", &[]).await;
    let some = hooked(&ports, "acme", &[EventKind::ReportFailed, EventKind::DeliveryDelivered]).await;
    let off = hooked(&ports, "acme", &[]).await;
    let disable = |webhook| Ok(Webhook { enabled: false, ..webhook });
    ports.outbox.edit_webhook(&off.partner, &off.id, &disable).await.unwrap();
    let foreign = hooked(&ports, "other", &[]).await;
    let apply_delivery = async |id, event: DeliveryEvent| {
        ports.ledger.apply_delivery(id, &event, None, Timestamp::now()).await.unwrap();
    };

    let mut asked = admission("acme");
    asked.request.deliver_to = vec![connector_id("acme", "one"), connector_id("acme", "two")];
    let job = ports.admit(asked).await;
    let job = ports.succeed(&job).await;
    assert_eq!(kinds(&ports, &all).await, [EventKind::ReportSucceeded]);
    let deliveries = ports.ledger.deliveries(&job.id).await.unwrap();
    for delivery in &deliveries {
        let worker = "suite".to_owned();
        apply_delivery(&delivery.id, DeliveryEvent::Started { attempt: 1, worker }).await;
    }
    let retried = DeliveryEvent::AttemptFailed { failure: failure(), retry_at: Timestamp::now() };
    apply_delivery(&deliveries[1].id, retried).await;
    assert_eq!(told(&ports, &all).await.len(), 1, "a step in between is nobody's business");
    apply_delivery(&deliveries[0].id, DeliveryEvent::Delivered { receipt: receipt() }).await;
    apply_delivery(&deliveries[1].id, DeliveryEvent::Failed { failure: failure() }).await;
    ports.apply(&job, &JobEvent::Expired { deleted: true }, None).await;
    ports.apply(&job, &JobEvent::Purged, None).await;
    let failed = ports.admit(admission("acme")).await;
    ports.apply(&failed, &JobEvent::Failed { failure: failure() }, None).await;
    let waiting = ports.admit(admission("acme")).await;
    ports.apply(&waiting, &JobEvent::CancelRequested, None).await;
    let running = ports.admit(admission("acme")).await;
    for event in [started(1), JobEvent::CancelRequested, JobEvent::Cancelled] {
        ports.apply(&running, &event, None).await;
    }

    let mut expected = EventKind::ALL[..6].to_vec();
    expected.push(EventKind::ReportCancelled);
    expected.sort();
    assert_eq!(kinds(&ports, &all).await, expected);
    assert_eq!(kinds(&ports, &some).await, [EventKind::ReportFailed, EventKind::DeliveryDelivered]);
    for silent in [&off, &foreign] {
        assert_eq!(told(&ports, silent).await, []);
    }
    let mut works = Vec::new();
    while let Some(lease) = ports.queue.claim(&[WorkKind::Notify], HOUR).await.unwrap() {
        works.push(lease.work);
    }
    assert_eq!(works.len(), 9);
    for one in told(&ports, &all).await.into_iter().chain(told(&ports, &some).await) {
        assert!(works.contains(&Work::Notify(one.id.clone())), "{} has no task", one.id);
        assert_eq!((one.status, one.attempts, &one.partner), (NotificationStatus::Pending, 0, &partner("acme")));
        assert_eq!(ports.outbox.notification(&one.id).await.unwrap(), Some(one));
    }
}

/// A step that is refused tells nobody: illegal, under a lost lease, or for what is not there.
pub async fn what_did_not_happen_is_not_told(ports: Ports) {
    let webhook = hooked(&ports, "acme", &[]).await;
    let mut asked = admission("acme");
    asked.request.deliver_to = vec![connector_id("acme", "one")];
    let job = ports.admit(asked).await;
    let stale = ports.queue.claim(&[WorkKind::Produce], Duration::ZERO).await.unwrap().unwrap();
    let lease = ports.claim(&[WorkKind::Produce]).await;
    let refused_job = async |event: &JobEvent, lease, code| {
        refused(ports.ledger.apply(&job.id, event, lease, Timestamp::now()).await, code);
    };
    refused_job(&stored(&job), Some(&lease), &codes::ledger::ILLEGAL_MOVE).await;
    refused_job(&JobEvent::Expired { deleted: true }, None, &codes::ledger::ILLEGAL_MOVE).await;
    refused_job(&JobEvent::Failed { failure: failure() }, Some(&stale), &codes::ledger::LEASE_LOST).await;
    assert_eq!(told(&ports, &webhook).await, []);

    ports.apply(&job, &started(1), Some(&lease)).await;
    ports.apply(&job, &stored(&job), Some(&lease)).await;
    ports.queue.complete(&lease).await.unwrap();
    let delivery = ports.ledger.deliveries(&job.id).await.unwrap().remove(0);
    let delivered = DeliveryEvent::Delivered { receipt: receipt() };
    let outcome = ports.ledger.apply_delivery(&delivery.id, &delivered, None, Timestamp::now()).await;
    refused(outcome, &codes::ledger::ILLEGAL_MOVE);
    let outcome = ports.ledger.apply_delivery(&delivery.id, &delivered, Some(&lease), Timestamp::now()).await;
    refused(outcome, &codes::ledger::LEASE_LOST);
    assert_eq!(kinds(&ports, &webhook).await, [EventKind::ReportSucceeded]);
    // The delivery, the notification; the file's expiry later.
    assert_eq!(ports.queue.depth().await.unwrap(), QueueDepth { ready: 2, delayed: 1, ..QueueDepth::default() });
}

/// Two that do the same at once: it happens once, and is told once.
pub async fn an_event_that_two_report_is_told_once(ports: Ports) {
    let webhook = hooked(&ports, "acme", &[]).await;
    for _ in 0..10 {
        let job = ports.admit(admission("acme")).await;
        let both = [(); 2].map(|()| {
            let (ledger, id) = (ports.ledger.clone(), job.id.clone());
            tokio::spawn(async move { ledger.apply(&id, &JobEvent::CancelRequested, None, Timestamp::now()).await })
        });
        let outcomes = futures::future::join_all(both).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.as_ref().unwrap().is_ok()).count(), 1);
    }
    assert_eq!(kinds(&ports, &webhook).await, [EventKind::ReportCancelled; 10]);
}

/// What was told names the report, and is the same bytes at every look.
pub async fn a_notification_tells_of_its_report(ports: Ports) {
    let webhook = hooked(&ports, "acme", &[EventKind::ReportSucceeded]).await;
    let job = ports.admit(admission("acme")).await;
    let job = ports.succeed(&job).await;
    let one = told(&ports, &webhook).await.remove(0);
    let payload: serde_json::Value = serde_json::from_str(&one.payload).unwrap();
    assert_eq!(payload["type"], "report.succeeded");
    assert_eq!(payload["data"]["report_id"], job.id.as_str());
    assert_eq!(payload["data"]["file"]["size"], 4711);
    assert_eq!(payload["timestamp"], job.finished_at.unwrap().to_string());
    assert_eq!(ports.outbox.notification(&one.id).await.unwrap().unwrap().payload, one.payload);
}
