//! The port `Transfers`: each method is one step or one read, but for transfers of many files.

use async_trait::async_trait;
use jiff::Timestamp;
use sealpost_core::Result;
use sealpost_core::access_key::AccessKey;
use sealpost_core::id::{AccessKeyId, ConnectorId, TransferId, TransferItemId};
use sealpost_core::port::{Edit, Transfers};
use sealpost_core::task::Lease;
use sealpost_core::transfer::{ItemEvent, NewTransfer, StartedTransfer, Transfer, TransferConnector, TransferItem};

use super::TableLedger;
use super::step::step;

mod access_keys;
mod connectors;
mod count;
mod forget;
mod items;
mod staged;
mod start;
#[cfg(test)]
mod tests;
mod token;

#[async_trait]
impl Transfers for TableLedger {
    async fn transfer_connector(&self, id: &ConnectorId) -> Result<Option<TransferConnector>> {
        self.read(&connectors::record(id)).await
    }

    async fn transfer_connectors(&self, after: Option<&ConnectorId>, limit: u32) -> Result<Vec<TransferConnector>> {
        connectors::page(self, after, limit).await
    }

    async fn create_transfer_connector(&self, connector: &TransferConnector, most: u32) -> Result<()> {
        step!(self, |step| connectors::create(step, connector, most).await)
    }

    async fn edit_transfer_connector(
        &self,
        id: &ConnectorId,
        edit: &Edit<TransferConnector>,
    ) -> Result<Option<TransferConnector>> {
        step!(self, |step| connectors::edit(step, id, edit).await)
    }

    async fn remove_transfer_connector(&self, id: &ConnectorId) -> Result<bool> {
        step!(self, |step| connectors::remove(step, id).await)
    }

    async fn start_transfer(&self, new: &NewTransfer) -> Result<StartedTransfer> {
        let started = start::start(self, new).await?;
        if matches!(started, StartedTransfer::New(_)) {
            forget::some(self, new.transfer.created_at).await;
        }
        Ok(started)
    }

    async fn started_before(&self, caller: &AccessKeyId, token: &str, sha256: &str) -> Result<Option<Transfer>> {
        let now = Timestamp::now();
        step!(self, |step| token::before(step, caller, (token, sha256), now).await)
    }

    async fn transfer(&self, id: &TransferId) -> Result<Option<Transfer>> {
        self.read(&start::record(id)).await
    }

    async fn transfer_items(&self, id: &TransferId, from: u32, limit: u32) -> Result<Vec<TransferItem>> {
        items::of_transfer(self, id, from, limit).await
    }

    async fn transfer_item(&self, id: &TransferItemId) -> Result<Option<TransferItem>> {
        items::find(self, id).await
    }

    async fn apply_item(
        &self,
        id: &TransferItemId,
        event: &ItemEvent,
        lease: Option<&Lease>,
        now: Timestamp,
    ) -> Result<TransferItem> {
        step!(self, |step| items::apply(step, id, event, lease, now).await)
    }

    async fn item_progress(&self, id: &TransferItemId, size: Option<u64>, bytes: u64, lease: &Lease) -> Result<()> {
        let now = Timestamp::now();
        step!(self, |step| items::progress(step, id, size, bytes, lease, now).await)
    }

    async fn access_key(&self, id: &AccessKeyId) -> Result<Option<AccessKey>> {
        self.read(&access_keys::record(id)).await
    }

    async fn access_keys(&self) -> Result<Vec<AccessKey>> {
        access_keys::all(self).await
    }

    async fn create_access_key(&self, key: &AccessKey) -> Result<()> {
        step!(self, |step| access_keys::create(step, key).await)
    }

    async fn edit_access_key(&self, id: &AccessKeyId, edit: &Edit<AccessKey>) -> Result<Option<AccessKey>> {
        step!(self, |step| access_keys::edit(step, id, edit).await)
    }
}
