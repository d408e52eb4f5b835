//! One attempt at an item: what its steps need, how far it is, and the ledger as the engine sees it.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use jiff::Timestamp;
use sealpost_core::connector::Connector;
use sealpost_core::delivery::Intent;
use sealpost_core::error::Result;
use sealpost_core::port::{Journal, Transfers};
use sealpost_core::task::Lease;
use sealpost_core::transfer::{Action, ItemEvent, ItemOutcome, TransferConnector, TransferItem, TransferKind};
use sealpost_store::SealedObject;

use crate::breaker::Passage;
use crate::{Parts, Pipeline};

/// Not known yet.
const UNKNOWN: u64 = u64::MAX;

/// How far an attempt is, shared with its heartbeat.
pub(crate) struct Progress {
    size: AtomicU64,
    bytes: AtomicU64,
    written: AtomicU64,
}

impl Default for Progress {
    fn default() -> Self {
        Self { size: AtomicU64::new(UNKNOWN), bytes: AtomicU64::new(0), written: AtomicU64::new(0) }
    }
}

impl Progress {
    pub(super) fn expect(&self, size: u64) {
        self.size.store(size, Ordering::Relaxed);
    }

    pub(super) fn stand(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::Relaxed);
    }

    pub(super) fn add(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Size and bytes, where there is something that the ledger has not been told. Small files come and go without.
    pub(crate) fn news(&self) -> Option<(Option<u64>, u64)> {
        let bytes = self.bytes.load(Ordering::Relaxed);
        let size = Some(self.size.load(Ordering::Relaxed)).filter(|size| *size != UNKNOWN);
        (self.written.swap(bytes, Ordering::Relaxed) != bytes).then_some((size, bytes))
    }
}

/// One attempt at an item.
pub(super) struct Attempt<'a> {
    pub(super) pipeline: &'a Pipeline,
    pub(super) connector: &'a TransferConnector,
    /// As it is in the ledger since this attempt began.
    pub(super) item: &'a TransferItem,
    /// The object that it sends, or why there is none.
    pub(super) opened: Option<Result<SealedObject>>,
    pub(super) lease: Lease,
    pub(super) progress: Arc<Progress>,
    pub(super) passage: Arc<Passage>,
    /// The step that an error is to be blamed on, where it is not the item's action itself.
    pub(super) step: OnceLock<TransferKind>,
}

impl Attempt<'_> {
    /// Does what the item says.
    pub(super) async fn run(&self) -> Result<ItemOutcome> {
        match &self.item.action {
            Action::Send { local, remote_directory } => self.send(local, remote_directory.as_deref()).await,
            Action::Retrieve { remote, local_directory } => self.retrieve(remote, local_directory).await,
            Action::List { remote_directory, max_items, output_directory } => {
                self.list(remote_directory, *max_items, output_directory).await
            }
            Action::Delete { path } => self.delete(path).await,
            Action::Move { source, target } => self.rename(source, target).await,
        }
    }

    pub(super) fn parts(&self) -> &Parts {
        self.pipeline.parts()
    }

    /// The connector as the engine takes it, for paths that are absolute.
    pub(super) fn engine(&self) -> Result<Connector> {
        self.connector.engine(None)
    }

    /// Whether an earlier attempt may have done on the server what this one is about to do: one that failed in such a way, or
    /// was cut off, by a crash for example, so that nobody knows how far it came.
    pub(super) fn is_repeated(&self) -> bool {
        let (before, failed) = (self.item.attempts.saturating_sub(1), self.item.failed_attempts);
        before > failed || failed > 0 && self.item.may_have_acted
    }

    pub(super) fn kind(&self) -> TransferKind {
        self.step.get().copied().unwrap_or_else(|| self.item.action.kind())
    }

    pub(super) async fn record(&self, event: &ItemEvent) -> Result<TransferItem> {
        self.parts().transfers.apply_item(&self.item.id, event, Some(&self.lease), Timestamp::now()).await
    }

    pub(super) fn journal(&self) -> ItemJournal<'_> {
        ItemJournal { attempt: self, transfers: self.parts().transfers.as_ref() }
    }
}

/// The ledger as an attempt to send sees it.
pub(super) struct ItemJournal<'a> {
    attempt: &'a Attempt<'a>,
    transfers: &'a dyn Transfers,
}

impl ItemJournal<'_> {
    async fn apply(&self, event: ItemEvent) -> Result<()> {
        let Attempt { item, lease, .. } = self.attempt;
        self.transfers.apply_item(&item.id, &event, Some(lease), Timestamp::now()).await.map(drop)
    }
}

#[async_trait]
impl Journal for ItemJournal<'_> {
    async fn intend(&self, intent: Intent) -> Result<()> {
        self.attempt.passage.reached();
        self.apply(ItemEvent::Intended { intent }).await
    }

    async fn withdraw(&self) -> Result<()> {
        self.apply(ItemEvent::IntentWithdrawn).await
    }

    fn progress(&self, bytes_sent: u64) {
        self.attempt.passage.reached();
        self.attempt.progress.stand(bytes_sent);
    }
}
