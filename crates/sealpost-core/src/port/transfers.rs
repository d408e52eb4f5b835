//! Transfers, their connectors, and the access keys of those who start them.

use async_trait::async_trait;
use jiff::Timestamp;

use super::Edit;
use crate::access_key::AccessKey;
use crate::error::Result;
use crate::id::{AccessKeyId, ConnectorId, TransferId, TransferItemId};
use crate::task::Lease;
use crate::transfer::{ItemEvent, NewTransfer, StartedTransfer, Transfer, TransferConnector, TransferItem};

/// Keeps what callers of the transfer API made and started. An item's task is on the queue in the same atomic step as the
/// item; so is, where the transfer is announced, the task to announce an item that ends, and the last one of a transfer.
#[async_trait]
pub trait Transfers: Send + Sync {
    /// A connector that was made through the transfer API.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn transfer_connector(&self, id: &ConnectorId) -> Result<Option<TransferConnector>>;

    /// Those connectors by id, after this one.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn transfer_connectors(&self, after: Option<&ConnectorId>, limit: u32) -> Result<Vec<TransferConnector>>;

    /// Creates a connector, unless there are `most` of them already.
    ///
    /// # Errors
    /// `SP-REQUEST-037`; `SP-LEDGER-001`.
    async fn create_transfer_connector(&self, connector: &TransferConnector, most: u32) -> Result<()>;

    /// Changes a connector by a pure function in one atomic step. `None` where there is none.
    ///
    /// # Errors
    /// What `edit` says; `SP-LEDGER-001`.
    async fn edit_transfer_connector(
        &self,
        id: &ConnectorId,
        edit: &Edit<TransferConnector>,
    ) -> Result<Option<TransferConnector>>;

    /// Removes a connector. `false` where there was none. What was started on it and is not finished fails when its turn
    /// comes.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn remove_transfer_connector(&self, id: &ConnectorId) -> Result<bool>;

    /// Starts a transfer: transfer, items and tasks in one step, durable when it returns. Transfers that ended more than
    /// [`RESULTS_KEPT_DAYS`](crate::transfer::RESULTS_KEPT_DAYS) ago may be removed by it.
    ///
    /// # Errors
    /// `SP-REQUEST-013` where too many items wait, `SP-REQUEST-014` for a token used with another request.
    async fn start_transfer(&self, new: &NewTransfer) -> Result<StartedTransfer>;

    /// The transfer that this caller's token and request started before, as it is now; `None` for a token that is new, or
    /// forgotten.
    ///
    /// # Errors
    /// `SP-REQUEST-014` for a token used with another request; `SP-LEDGER-001`.
    async fn started_before(&self, caller: &AccessKeyId, token: &str, sha256: &str) -> Result<Option<Transfer>>;

    /// A transfer.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn transfer(&self, id: &TransferId) -> Result<Option<Transfer>>;

    /// A transfer's items by index, from this one on.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn transfer_items(&self, id: &TransferId, from: u32, limit: u32) -> Result<Vec<TransferItem>>;

    /// An item.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn transfer_item(&self, id: &TransferItemId) -> Result<Option<TransferItem>>;

    /// Applies an event by [`TransferItem::apply`]; when the item ends, counts it off its transfer. With a lease, only
    /// while that lease is the task's newest and not yet past.
    ///
    /// # Errors
    /// `SP-LEDGER-003` for an illegal move, `SP-LEDGER-004` for a lost lease, `SP-REQUEST-008` for no such item.
    async fn apply_item(
        &self,
        id: &TransferItemId,
        event: &ItemEvent,
        lease: Option<&Lease>,
        now: Timestamp,
    ) -> Result<TransferItem>;

    /// Notes the size and how many bytes have come over, without an event.
    ///
    /// # Errors
    /// `SP-LEDGER-004` for a lost lease.
    async fn item_progress(&self, id: &TransferItemId, size: Option<u64>, bytes: u64, lease: &Lease) -> Result<()>;

    /// An access key by its public half.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn access_key(&self, id: &AccessKeyId) -> Result<Option<AccessKey>>;

    /// All access keys, newest first.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn access_keys(&self) -> Result<Vec<AccessKey>>;

    /// Creates an access key.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn create_access_key(&self, key: &AccessKey) -> Result<()>;

    /// Changes an access key by a pure function in one atomic step. `None` where there is none.
    ///
    /// # Errors
    /// What `edit` says; `SP-LEDGER-001`.
    async fn edit_access_key(&self, id: &AccessKeyId, edit: &Edit<AccessKey>) -> Result<Option<AccessKey>>;
}
