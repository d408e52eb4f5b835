//! Starting transfers: all or nothing, once per token, never over the limit; and how they are forgotten.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use sealpost_core::error::codes;
use sealpost_core::id::{AccessKeyId, ConnectorId, TransferId, TransferItemId};
use sealpost_core::task::{QueueDepth, Work, WorkKind};
use sealpost_core::transfer::{
    Action, ItemEvent, ItemOutcome, ItemStatus, NewTransfer, StartedTransfer, Transfer, TransferItem, TransferKind,
};

use super::{HOUR, Ports, refused};

/// A transfer of so many files to this connector, started now, with generous limits and without a token.
#[must_use]
pub fn new_transfer(connector: &ConnectorId, files: u32) -> NewTransfer {
    let actions = (0..files).map(|number| Action::Send {
        local: format!("/sealpost/out/file {number}.csv").parse().expect("a path"),
        remote_directory: Some("/in".to_owned()),
    });
    NewTransfer {
        transfer: Transfer {
            id: TransferId::fresh(),
            connector: connector.clone(),
            kind: TransferKind::Send,
            caller: caller(),
            metadata: BTreeMap::from([("order".to_owned(), "Ä 17".to_owned())]),
            items: files,
            open: files,
            announced: true,
            created_at: Timestamp::now(),
            finished_at: None,
        },
        actions: actions.collect(),
        idempotency: None,
        queue_limit: 100_000,
        connections: 1_000,
    }
}

fn caller() -> AccessKeyId {
    "SPAKABCDEFGHIJKLMNOP".parse().expect("an access key id")
}

impl Ports {
    /// Starts, and expects a new transfer.
    ///
    /// # Panics
    /// When the ledger does anything else.
    pub async fn start_transfer(&self, new: &NewTransfer) -> (Transfer, Vec<TransferItem>) {
        let transfer = match self.transfers.start_transfer(new).await.expect("start") {
            StartedTransfer::New(transfer) => transfer,
            StartedTransfer::Replayed(transfer) => panic!("{} was replayed", transfer.id),
        };
        let items = self.transfers.transfer_items(&transfer.id, 0, u32::MAX).await.expect("items");
        (transfer, items)
    }

    /// Applies an event now, without a lease.
    ///
    /// # Panics
    /// When the ledger refuses.
    pub async fn apply_item(&self, id: &TransferItemId, event: &ItemEvent) -> TransferItem {
        self.transfers.apply_item(id, event, None, Timestamp::now()).await.expect("apply")
    }

    /// Begins and completes an item at this time.
    ///
    /// # Panics
    /// When the ledger refuses.
    pub async fn complete_item(&self, id: &TransferItemId, at: Timestamp) -> TransferItem {
        self.transfers.apply_item(id, &BEGUN, None, at).await.expect("begin");
        self.transfers.apply_item(id, &completed(), None, at).await.expect("complete")
    }

    /// The transfer as the ledger has it.
    ///
    /// # Panics
    /// When it has none.
    pub async fn transfer(&self, id: &TransferId) -> Transfer {
        self.transfers.transfer(id).await.expect("read").expect("the transfer")
    }
}

/// The start of an item's first attempt.
pub const BEGUN: ItemEvent = ItemEvent::started(1);

/// The end of a good one.
#[must_use]
pub fn completed() -> ItemEvent {
    ItemEvent::Completed { outcome: ItemOutcome { bytes: 4711, ..ItemOutcome::default() } }
}

/// Transfer, items and tasks are there together, as they were asked for.
pub async fn a_transfer_has_its_items_and_tasks(ports: Ports) {
    let new = new_transfer(&ConnectorId::fresh(), 25);
    let (transfer, items) = ports.start_transfer(&new).await;
    assert_eq!(transfer, new.transfer);
    assert_eq!(ports.transfer(&transfer.id).await, transfer);
    assert_eq!(items.len(), 25);
    let mut ids = BTreeSet::new();
    for (index, (item, action)) in items.iter().zip(&new.actions).enumerate() {
        assert_eq!(
            *item,
            TransferItem { id: item.id.clone(), ..TransferItem::queued(&transfer, index as u32, action.clone()) }
        );
        assert_eq!(ports.transfers.transfer_item(&item.id).await.unwrap().as_ref(), Some(item));
        ids.insert(item.id.clone());
    }
    assert_eq!(ids.len(), 25);
    // A page of them.
    let page = ports.transfers.transfer_items(&transfer.id, 10, 5).await.unwrap();
    assert_eq!(page, items[10..15]);
    assert_eq!(ports.transfers.transfer_items(&transfer.id, 25, 5).await.unwrap(), []);
    assert_eq!(ports.transfers.transfer(&TransferId::fresh()).await.unwrap(), None);
    assert_eq!(ports.transfers.transfer_item(&TransferItemId::fresh()).await.unwrap(), None);

    for item in &items {
        let lease = ports.claim(&[WorkKind::Transfer]).await;
        assert_eq!((lease.work, lease.epoch), (Work::Transfer(item.id.clone()), 1));
    }
    assert_eq!(ports.queue.claim(&WorkKind::ALL, HOUR).await.unwrap(), None);
}

fn with_token(connector: &ConnectorId, token: &str, sha256: &str) -> NewTransfer {
    NewTransfer { idempotency: Some((token.to_owned(), sha256.to_owned())), ..new_transfer(connector, 2) }
}

/// The same token and request give the same transfer as it is now; another request under the token is refused; another
/// caller's token is another one; after a day it may be used anew.
pub async fn a_token_starts_once(ports: Ports) {
    let connector = ConnectorId::fresh();
    let first = with_token(&connector, "t", "aa");
    let (transfer, items) = ports.start_transfer(&first).await;
    ports.complete_item(&items[0].id, Timestamp::now()).await;
    let again = ports.transfers.start_transfer(&with_token(&connector, "t", "aa")).await.unwrap();
    let known = Transfer { open: 1, ..transfer };
    assert_eq!(again, StartedTransfer::Replayed(known.clone()));
    let before = async |token: &str, sha256: &str| ports.transfers.started_before(&caller(), token, sha256).await;
    assert_eq!(before("t", "aa").await.unwrap(), Some(known));
    assert_eq!(before("new", "aa").await.unwrap(), None);
    assert_eq!(ports.transfers.started_before(&AccessKeyId::fresh(), "t", "aa").await.unwrap(), None);
    refused(before("t", "bb").await, &codes::request::IDEMPOTENCY_MISMATCH);
    let other = with_token(&connector, "t", "bb");
    refused(ports.transfers.start_transfer(&other).await, &codes::request::IDEMPOTENCY_MISMATCH);
    assert_eq!(ports.transfers.transfer(&other.transfer.id).await.unwrap(), None);

    let mut theirs = with_token(&connector, "t", "bb");
    theirs.transfer.caller = AccessKeyId::fresh();
    ports.start_transfer(&theirs).await;
    // What was refused is not what a token stands for.
    let full = NewTransfer { queue_limit: 0, ..with_token(&connector, "u", "aa") };
    refused(ports.transfers.start_transfer(&full).await, &codes::request::TOO_MANY_ACTIVE);
    ports.start_transfer(&with_token(&connector, "u", "bb")).await;

    for (hours, is_new) in [(23, false), (25, true)] {
        let mut later = with_token(&connector, "t", "aa");
        later.transfer.created_at = first.transfer.created_at + SignedDuration::from_hours(hours);
        let started = ports.transfers.start_transfer(&later).await.unwrap();
        assert_eq!(matches!(started, StartedTransfer::New(_)), is_new, "after {hours} hours");
    }
}

/// A client that sends its request several times at once starts one transfer.
pub async fn concurrent_starts_with_one_token_are_one(ports: Ports) {
    token_across(&[ports]).await;
}

/// The same, through any of these openings.
pub async fn token_across(openings: &[Ports]) {
    let connector = ConnectorId::fresh();
    let asked = openings.iter().cycle().take(12).map(|ports| {
        let (transfers, new) = (ports.transfers.clone(), with_token(&connector, "same", "aa"));
        tokio::spawn(async move { transfers.start_transfer(&new).await.unwrap() })
    });
    let started: Vec<_> = join_all(asked).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(started.iter().filter(|one| matches!(one, StartedTransfer::New(_))).count(), 1);
    let ids: BTreeSet<_> = started.iter().map(|one| one.transfer().id.clone()).collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(openings[0].queue.depth().await.unwrap(), QueueDepth { ready: 2, ..QueueDepth::default() });
}

/// Exactly as many items are open as may be, however many ask at once; what does not fit is not started in part; what has
/// ended makes room, and what has begun does not: it may have to wait again.
pub async fn the_queue_limit_is_exact_under_concurrency(ports: Ports) {
    let connector = ConnectorId::fresh();
    let limited = |files| NewTransfer { queue_limit: 10, ..new_transfer(&connector, files) };
    let asked = (0..8).map(|_| {
        let (transfers, new) = (ports.transfers.clone(), limited(3));
        tokio::spawn(async move { transfers.start_transfer(&new).await })
    });
    let mut started = Vec::new();
    for one in join_all(asked).await {
        match one.unwrap() {
            Ok(new) => started.push(new.transfer().id.clone()),
            Err(error) => assert!(error.is(&codes::request::TOO_MANY_ACTIVE) && error.is_retried(), "{error}"),
        }
    }
    assert_eq!(started.len(), 3);
    assert_eq!(ports.queue.depth().await.unwrap().ready, 9);
    refused(ports.transfers.start_transfer(&limited(2)).await, &codes::request::TOO_MANY_ACTIVE);
    ports.start_transfer(&limited(1)).await;
    refused(ports.transfers.start_transfer(&limited(1)).await, &codes::request::TOO_MANY_ACTIVE);

    let items = ports.transfers.transfer_items(&started[0], 0, 10).await.unwrap();
    ports.apply_item(&items[0].id, &BEGUN).await;
    refused(ports.transfers.start_transfer(&limited(1)).await, &codes::request::TOO_MANY_ACTIVE);
    ports.complete_item(&items[1].id, Timestamp::now()).await;
    ports.start_transfer(&limited(1)).await;
    refused(ports.transfers.start_transfer(&limited(1)).await, &codes::request::TOO_MANY_ACTIVE);
}

/// Results are kept for a week at least, and go some time after, with items, tasks and dead letters; what has not ended
/// stays.
pub async fn old_transfers_go(ports: Ports) {
    let connector = ConnectorId::fresh();
    let now = Timestamp::now();
    let days = |days: i64| SignedDuration::from_hours(24 * days);
    let started = async |token: Option<&str>| {
        let mut new = new_transfer(&connector, 2);
        new.transfer.created_at = now - days(30);
        new.idempotency = token.map(|token| (token.to_owned(), "aa".to_owned()));
        ports.start_transfer(&new).await
    };
    let (old, old_items) = started(Some("t")).await;
    let (recent, recent_items) = started(None).await;
    let (open, open_items) = started(None).await;
    for (items, ended) in [(&old_items, days(8)), (&recent_items, days(6))] {
        for item in items {
            ports.complete_item(&item.id, now - ended).await;
        }
    }
    // One of the old one's announcements was given up.
    let dead = ports.claim(&[WorkKind::Announce]).await;
    assert_eq!(dead.work, Work::Announce(old_items[0].id.clone()));
    ports.queue.bury(&dead, "the suite").await.unwrap();
    ports.complete_item(&open_items[0].id, now - days(20)).await;

    // Each new one takes some old ones with it: what is to go has gone long before this many.
    for _ in 0..5 {
        let (_, items) = ports.start_transfer(&new_transfer(&connector, 1)).await;
        assert_eq!(items.len(), 1);
    }
    assert_eq!(ports.transfers.transfer(&old.id).await.unwrap(), None);
    assert_eq!(ports.transfers.transfer_items(&old.id, 0, 10).await.unwrap(), []);
    assert_eq!(ports.transfers.transfer_item(&old_items[0].id).await.unwrap(), None);
    assert_eq!(ports.transfer(&recent.id).await.open, 0);
    assert_eq!(ports.transfer(&open.id).await.open, 1);
    let depth = ports.queue.depth().await.unwrap();
    assert_eq!(depth.dead, 0);
    let gone: BTreeSet<_> = old_items.iter().map(|item| item.id.clone()).collect();
    let mut left = 0;
    while let Some(lease) = ports.queue.claim(&WorkKind::ALL, HOUR).await.unwrap() {
        match lease.work {
            Work::Transfer(item) | Work::Announce(item) => assert!(!gone.contains(&item)),
            Work::AnnounceTransfer(transfer) => assert_ne!(transfer, old.id),
            other => panic!("{other:?}"),
        }
        left += 1;
    }
    assert_eq!(left, depth.ready);
    // Tasks of the items that ended here were never taken off: 2 + 2 + 5, and 2 + 1 + 1 announcements.
    assert_eq!(left, 13);
    assert_eq!(ports.transfers.transfer_item(&open_items[1].id).await.unwrap().unwrap().status, ItemStatus::Queued);
}
