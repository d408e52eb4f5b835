//! What became of a transfer.

use sealpost_core::error::Result;
use sealpost_core::id::TransferId;
use sealpost_core::transfer::{Transfer, TransferItem};

use crate::Pipeline;

impl Pipeline {
    /// A transfer, listing, move or delete, while its results are kept.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    pub async fn transfer_by_id(&self, id: &TransferId) -> Result<Option<Transfer>> {
        self.parts.transfers.transfer(id).await
    }

    /// Its items by index, from this one on.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    pub async fn transfer_items(&self, id: &TransferId, from: u32, limit: u32) -> Result<Vec<TransferItem>> {
        self.parts.transfers.transfer_items(id, from, limit).await
    }
}
