//! What is admitted can be stored, however much there is of it.

use sealpost_core::error::Failure;
use sealpost_core::job::{JobEvent, JobStatus};
use sealpost_core::port::Admission;
use sealpost_core::task::WorkKind;
use sealpost_testkit::suite::ledger::webhooks::hooked;
use sealpost_testkit::suite::ledger::{HOUR, admission, connector_id, refused, stored};

use super::super::tests::{ledger, ports};
use super::*;

/// An admission of a report for so many destinations.
fn for_many(destinations: usize) -> Admission {
    let mut asked = admission("acme");
    asked.request.deliver_to = (0..destinations).map(|number| connector_id("acme", &format!("c{number}"))).collect();
    asked
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_with_as_many_destinations_and_webhooks_as_there_may_be_is_stored() {
    let ports = ports(ledger());
    for _ in 0..MOST_WEBHOOKS {
        hooked(&ports, "acme", &[]).await;
    }
    // Every lane rests, so that the next report moves it among the others: that is the most it writes.
    let first = ports.admit(for_many(MOST_OF_A_REPORT)).await;
    ports.succeed(&first).await;
    for _ in 0..MOST_OF_A_REPORT {
        let lease = ports.claim(&[WorkKind::Deliver]).await;
        ports.queue.release(&lease, HOUR).await.unwrap();
    }
    let job = ports.admit(for_many(MOST_OF_A_REPORT)).await;
    let lease = ports.start(&job).await;
    let job = ports.apply(&job, &stored(&job), Some(&lease)).await;
    assert_eq!(job.status, JobStatus::Succeeded);
    assert_eq!(ports.ledger.deliveries(&job.id).await.unwrap().len(), MOST_OF_A_REPORT);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_with_more_destinations_is_not_admitted() {
    let ports = ports(ledger());
    let most = most_beside(0);
    let error = ports.ledger.admit(for_many(most + 1)).await.unwrap_err();
    assert!(error.is(&codes::ledger::TOO_LARGE) && error.detail().contains("fewer of them"), "{error}");
    // Who has no webhooks may have more destinations, and the file can be stored for all of them.
    let job = ports.admit(for_many(most)).await;
    assert_eq!(ports.succeed(&job).await.status, JobStatus::Succeeded);
    for _ in 0..MOST_WEBHOOKS {
        hooked(&ports, "acme", &[]).await;
    }
    refused(ports.ledger.admit(for_many(most)).await, &codes::ledger::TOO_LARGE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_many_destinations_as_one_redelivery_may_have_get_the_report_again() {
    let ports = ports(ledger());
    let connectors: Vec<ConnectorId> =
        (0..=MOST_OF_A_REDELIVERY).map(|number| connector_id("acme", &format!("c{number}"))).collect();
    let job = ports.admit(admission("acme")).await;
    let job = ports.succeed(&job).await;
    let key = || Some(("key".to_owned(), "aa".to_owned()));
    refused(ports.ledger.redeliver(&job.id, &connectors, key(), Timestamp::now()).await, &codes::ledger::TOO_LARGE);
    let most = &connectors[..MOST_OF_A_REDELIVERY];
    let made = ports.ledger.redeliver(&job.id, most, key(), Timestamp::now()).await.unwrap();
    assert_eq!(made.deliveries.len(), MOST_OF_A_REDELIVERY);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_that_is_admitted_has_room_for_its_end() {
    let ports = ports(ledger());
    let mut large = admission("acme");
    large.request.format_options.insert("note".to_owned(), "x".repeat(370_000).into());
    refused(ports.ledger.admit(large.clone()).await, &codes::ledger::TOO_LARGE);
    large.request.format_options.insert("note".to_owned(), "x".repeat(350_000).into());
    let job = ports.admit(large).await;
    let lease = ports.start(&job).await;
    // As JSON, each of these has six bytes.
    let error = Error::new(&codes::source::UNREACHABLE, "\u{1}".repeat(10_000));
    let failed = ports.apply(&job, &JobEvent::Failed { failure: Failure::from(&error) }, Some(&lease)).await;
    assert_eq!(failed.status, JobStatus::Failed);
}
