//! The port `Transfers`.

use async_trait::async_trait;
use jiff::Timestamp;
use sealpost_core::access_key::AccessKey;
use sealpost_core::error::codes;
use sealpost_core::id::{AccessKeyId, ConnectorId, TransferId, TransferItemId};
use sealpost_core::port::{Edit, Transfers};
use sealpost_core::task::Lease;
use sealpost_core::transfer::{ItemEvent, NewTransfer, StartedTransfer, Transfer, TransferConnector, TransferItem};
use sealpost_core::{Error, Result};

use super::SqliteLedger;

fn unfinished<T>() -> Result<T> {
    Err(Error::new(&codes::ledger::DEFECT, "being built"))
}

#[async_trait]
impl Transfers for SqliteLedger {
    async fn transfer_connector(&self, _: &ConnectorId) -> Result<Option<TransferConnector>> {
        unfinished()
    }
    async fn transfer_connectors(&self, _: Option<&ConnectorId>, _: u32) -> Result<Vec<TransferConnector>> {
        unfinished()
    }
    async fn create_transfer_connector(&self, _: &TransferConnector, _: u32) -> Result<()> {
        unfinished()
    }
    async fn edit_transfer_connector(
        &self,
        _: &ConnectorId,
        _: &Edit<TransferConnector>,
    ) -> Result<Option<TransferConnector>> {
        unfinished()
    }
    async fn remove_transfer_connector(&self, _: &ConnectorId) -> Result<bool> {
        unfinished()
    }
    async fn start_transfer(&self, _: &NewTransfer) -> Result<StartedTransfer> {
        unfinished()
    }
    async fn transfer(&self, _: &TransferId) -> Result<Option<Transfer>> {
        unfinished()
    }
    async fn transfer_items(&self, _: &TransferId, _: u32, _: u32) -> Result<Vec<TransferItem>> {
        unfinished()
    }
    async fn transfer_item(&self, _: &TransferItemId) -> Result<Option<TransferItem>> {
        unfinished()
    }
    async fn apply_item(
        &self,
        _: &TransferItemId,
        _: &ItemEvent,
        _: Option<&Lease>,
        _: Timestamp,
    ) -> Result<TransferItem> {
        unfinished()
    }
    async fn item_progress(&self, _: &TransferItemId, _: Option<u64>, _: u64, _: &Lease) -> Result<()> {
        unfinished()
    }
    async fn access_key(&self, _: &AccessKeyId) -> Result<Option<AccessKey>> {
        unfinished()
    }
    async fn access_keys(&self) -> Result<Vec<AccessKey>> {
        unfinished()
    }
    async fn create_access_key(&self, _: &AccessKey) -> Result<()> {
        unfinished()
    }
    async fn edit_access_key(&self, _: &AccessKeyId, _: &Edit<AccessKey>) -> Result<Option<AccessKey>> {
        unfinished()
    }
}
