//! Transfers of many files: all of it or nothing, and what a crash leaves behind.

use jiff::{SignedDuration, Timestamp};
use sealpost_core::error::codes;
use sealpost_core::id::{ConnectorId, TransferId};
use sealpost_core::port::Transfers;
use sealpost_core::task::{QueueDepth, Work, WorkKind};
use sealpost_core::transfer::{NewTransfer, StartedTransfer, TransferItem};
use sealpost_testkit::suite::ledger::refused;
use sealpost_testkit::suite::ledger::transfers::new_transfer;

use super::super::step::step;
use super::super::tests::{ledger, ports};
use super::super::{SkRange, TableLedger};
use super::{items, staged, start};

const MANY: u32 = 1_000;

async fn rows(ledger: &TableLedger, id: &TransferId) -> usize {
    ledger.read_range::<serde_json::Value>(&start::partition(id), SkRange::All, false, 5_000).await.unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_files_are_one_transfer() {
    let ports = ports(ledger());
    let new = new_transfer(&ConnectorId::fresh(), MANY);
    let (transfer, items) = ports.start_transfer(&new).await;
    assert_eq!((transfer.open, items.len()), (MANY, MANY as usize));
    assert!(items.iter().zip(&new.actions).all(|(item, action)| item.action == *action));
    assert_eq!(ports.queue.depth().await.unwrap(), QueueDepth { ready: u64::from(MANY), ..QueueDepth::default() });
    for item in items.iter().take(3) {
        assert_eq!(ports.claim(&[WorkKind::Transfer]).await.work, Work::Transfer(item.id.clone()));
    }
    let page = ports.transfers.transfer_items(&transfer.id, 990, 1_000).await.unwrap();
    assert_eq!(page, items[990..]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_or_known_leaves_no_rows() {
    let ledger = ledger();
    let ports = ports(ledger.clone());
    let connector = ConnectorId::fresh();
    let full = NewTransfer { queue_limit: MANY - 1, ..new_transfer(&connector, MANY) };
    refused(ports.transfers.start_transfer(&full).await, &codes::request::TOO_MANY_ACTIVE);
    assert_eq!(rows(&ledger, &full.transfer.id).await, 0);

    let token = Some(("t".to_owned(), "aa".to_owned()));
    let asked = (0..4).map(|_| {
        let new = NewTransfer { idempotency: token.clone(), ..new_transfer(&connector, 100) };
        let ports = ports.clone();
        tokio::spawn(async move { (ports.transfers.start_transfer(&new).await.unwrap(), new.transfer.id) })
    });
    let mut new = 0;
    for one in futures::future::join_all(asked).await {
        let (started, id) = one.unwrap();
        if matches!(started, StartedTransfer::New(_)) {
            new += 1;
            assert_eq!(rows(&ledger, &id).await, 101);
        } else {
            assert_eq!(rows(&ledger, &id).await, 0);
        }
    }
    assert_eq!(new, 1);
    assert_eq!(ports.queue.depth().await.unwrap().ready, 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_a_start_that_was_cut_short_are_not_found_and_go() {
    let ledger = ledger();
    let new = new_transfer(&ConnectorId::fresh(), 20);
    let (id, now) = (&new.transfer.id, Timestamp::now());
    let items: Vec<TransferItem> = new.items();
    staged::begin(&ledger, id, now).await.unwrap();
    step!(&*ledger, |step| items.iter().try_for_each(|item| items::insert(step, item))).unwrap();
    assert_eq!(ledger.transfer(id).await.unwrap(), None);
    assert_eq!(ledger.transfer_items(id, 0, 100).await.unwrap(), []);
    assert_eq!(ledger.transfer_item(&items[0].id).await.unwrap(), None);

    // Somebody may still be at it; later nobody is, and who comes too late is told.
    staged::tidy(&ledger, now + SignedDuration::from_mins(59)).await;
    assert_eq!(rows(&ledger, id).await, 20);
    staged::tidy(&ledger, now + SignedDuration::from_mins(61)).await;
    assert_eq!(rows(&ledger, id).await, 0);
    refused(step!(&*ledger, |step| staged::end(step, id).await), &codes::ledger::CONTENDED);
}
