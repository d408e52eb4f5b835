//! Items on their way: leases, progress, ends, announcements.

use std::time::Duration;

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use sealpost_core::Error;
use sealpost_core::delivery::Intent;
use sealpost_core::error::codes;
use sealpost_core::id::{ConnectorId, TransferItemId};
use sealpost_core::task::{QueueDepth, Work, WorkKind};
use sealpost_core::transfer::{
    FailureCode, ItemEvent, ItemStatus, NewTransfer, Transfer, TransferFailure, TransferItem, TransferKind,
};

use super::transfers::{BEGUN, completed, new_transfer};
use super::{HOUR, Ports, refused};

fn failed() -> ItemEvent {
    let error = Error::new(&codes::deliver::UNREACHABLE, "the suite's server");
    ItemEvent::Failed { failure: TransferFailure::new(TransferKind::Send, &error) }
}

/// An item moves under its newest lease only, by legal moves only, to its end; progress shows and an event keeps it.
pub async fn an_item_is_followed_to_its_end(ports: Ports) {
    let (_, items) = ports.start_transfer(&new_transfer(&ConnectorId::fresh(), 1)).await;
    let id = &items[0].id;
    let stale = ports.queue.claim(&[WorkKind::Transfer], Duration::ZERO).await.unwrap().unwrap();
    let lease = ports.claim(&[WorkKind::Transfer]).await;
    let apply = async |event: &ItemEvent| -> TransferItem {
        ports.transfers.apply_item(id, event, Some(&lease), Timestamp::now()).await.unwrap()
    };
    let (lost, now) = (&codes::ledger::LEASE_LOST, Timestamp::now());
    refused(ports.transfers.apply_item(id, &BEGUN, Some(&stale), now).await, lost);
    refused(ports.transfers.item_progress(id, None, 1, &stale).await, lost);
    let past = lease.until + SignedDuration::from_secs(1);
    refused(ports.transfers.apply_item(id, &BEGUN, Some(&lease), past).await, lost);
    refused(ports.transfers.apply_item(id, &completed(), Some(&lease), now).await, &codes::ledger::ILLEGAL_MOVE);
    let nobody = TransferItemId::fresh();
    refused(ports.transfers.apply_item(&nobody, &BEGUN, None, now).await, &codes::request::NOT_FOUND);
    refused(ports.transfers.item_progress(&nobody, None, 1, &lease).await, &codes::request::NOT_FOUND);
    assert_eq!(ports.transfers.transfer_item(id).await.unwrap().as_ref(), Some(&items[0]));

    assert_eq!(apply(&BEGUN).await.status, ItemStatus::InProgress);
    ports.transfers.item_progress(id, Some(9000), 4000, &lease).await.unwrap();
    ports.transfers.item_progress(id, None, 5000, &lease).await.unwrap();
    let seen = ports.transfers.transfer_item(id).await.unwrap().unwrap();
    assert_eq!((seen.size, seen.bytes), (Some(9000), 5000));
    let intent =
        Intent { temporary_path: ".a.part".to_owned(), final_path: "a.csv".to_owned(), account: "u@h:22".to_owned() };
    let intended = apply(&ItemEvent::Intended { intent: intent.clone() }).await;
    assert_eq!((intended.size, intended.bytes, intended.intent), (Some(9000), 5000, Some(intent)));
    let retried = TransferFailure::new(TransferKind::Send, &Error::new(&codes::deliver::BROKEN, "the suite's"));
    assert_eq!(retried.code, FailureCode::ConnectionError);
    let again = apply(&ItemEvent::AttemptFailed { failure: retried, may_have_acted: true }).await;
    assert_eq!((again.failed_attempts, again.may_have_acted), (1, true));
    apply(&ItemEvent::started(2)).await;
    let done = apply(&completed()).await;
    assert_eq!((done.status, done.bytes, done.attempts), (ItemStatus::Completed, 4711, 2));
    assert_eq!(ports.transfers.transfer_item(id).await.unwrap(), Some(done));
    for event in [completed(), failed(), ItemEvent::started(3)] {
        let outcome = ports.transfers.apply_item(id, &event, Some(&lease), now).await;
        refused(outcome, &codes::ledger::ILLEGAL_MOVE);
    }
    ports.queue.complete(&lease).await.unwrap();
    refused(ports.transfers.item_progress(id, None, 1, &lease).await, lost);
}

/// Each end is counted off its transfer and announced; the last one announces the transfer too, with the time of its end.
pub async fn ends_are_counted_and_announced(ports: Ports) {
    let (transfer, items) = ports.start_transfer(&new_transfer(&ConnectorId::fresh(), 3)).await;
    let announcements = [WorkKind::Announce, WorkKind::AnnounceTransfer];
    ports.apply_item(&items[0].id, &BEGUN).await;
    assert_eq!(ports.queue.claim(&announcements, HOUR).await.unwrap(), None);
    ports.apply_item(&items[0].id, &completed()).await;
    assert_eq!(ports.claim(&announcements).await.work, Work::Announce(items[0].id.clone()));
    // Given up before anybody began with it.
    ports.apply_item(&items[1].id, &failed()).await;
    assert_eq!(ports.claim(&announcements).await.work, Work::Announce(items[1].id.clone()));
    assert_eq!(ports.transfer(&transfer.id).await, Transfer { open: 1, ..transfer.clone() });

    let done = ports.complete_item(&items[2].id, Timestamp::now()).await;
    let ended = ports.transfer(&transfer.id).await;
    assert_eq!(ended, Transfer { open: 0, finished_at: done.finished_at, ..transfer });
    let both = [ports.claim(&announcements).await.work, ports.claim(&announcements).await.work];
    assert!(both.contains(&Work::Announce(items[2].id.clone())), "{both:?}");
    assert!(both.contains(&Work::AnnounceTransfer(ended.id)), "{both:?}");
    assert_eq!(ports.queue.claim(&announcements, HOUR).await.unwrap(), None);
}

/// Where nobody wants to know, nothing is announced; it is counted all the same.
pub async fn what_is_not_announced_is_counted(ports: Ports) {
    let mut new = new_transfer(&ConnectorId::fresh(), 2);
    new.transfer.announced = false;
    let (transfer, items) = ports.start_transfer(&new).await;
    for item in &items {
        ports.complete_item(&item.id, Timestamp::now()).await;
    }
    assert_eq!(ports.transfer(&transfer.id).await.open, 0);
    assert_eq!(ports.queue.depth().await.unwrap(), QueueDepth { ready: 2, ..QueueDepth::default() });
    assert_eq!(ports.queue.claim(&[WorkKind::Announce, WorkKind::AnnounceTransfer], HOUR).await.unwrap(), None);
}

/// Items that end at once are all counted, each is announced once, and the transfer once.
pub async fn ends_at_once_are_all_counted(ports: Ports) {
    ends_across(&[ports]).await;
}

/// The same, through any of these openings; each end is reported twice.
pub async fn ends_across(openings: &[Ports]) {
    let ports = &openings[0];
    let new = NewTransfer { queue_limit: 1000, ..new_transfer(&ConnectorId::fresh(), 20) };
    let (transfer, items) = ports.start_transfer(&new).await;
    for item in &items {
        ports.apply_item(&item.id, &BEGUN).await;
    }
    let twice = items.iter().chain(&items);
    let ends = twice.zip(openings.iter().cycle()).map(|(item, ports)| {
        let (transfers, id) = (ports.transfers.clone(), item.id.clone());
        tokio::spawn(async move { transfers.apply_item(&id, &completed(), None, Timestamp::now()).await.is_ok() })
    });
    let good = join_all(ends).await.into_iter().filter(|end| *end.as_ref().unwrap()).count();
    assert_eq!(good, 20);
    let ended = ports.transfer(&transfer.id).await;
    assert!(ended.open == 0 && ended.finished_at.is_some(), "{ended:?}");
    for (kind, expected) in [(WorkKind::Announce, 20), (WorkKind::AnnounceTransfer, 1)] {
        let mut tasks = 0;
        while ports.queue.claim(&[kind], HOUR).await.unwrap().is_some() {
            tasks += 1;
        }
        assert_eq!(tasks, expected, "{kind:?}");
    }
}
