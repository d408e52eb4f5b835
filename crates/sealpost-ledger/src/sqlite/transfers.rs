//! The port `Transfers`: each method is one turn or one read.

use async_trait::async_trait;
use jiff::Timestamp;
use sealpost_core::Result;
use sealpost_core::access_key::AccessKey;
use sealpost_core::id::{AccessKeyId, ConnectorId, TransferId, TransferItemId};
use sealpost_core::port::{Edit, Transfers};
use sealpost_core::task::{Lease, WorkKind};
use sealpost_core::transfer::{ItemEvent, NewTransfer, StartedTransfer, Transfer, TransferConnector, TransferItem};

use super::{Durability, SqliteLedger};

mod access_keys;
mod connectors;
mod items;
mod start;

#[async_trait]
impl Transfers for SqliteLedger {
    async fn transfer_connector(&self, id: &ConnectorId) -> Result<Option<TransferConnector>> {
        let reader = self.reader()?;
        connectors::find(&reader, id)
    }

    async fn transfer_connectors(&self, after: Option<&ConnectorId>, limit: u32) -> Result<Vec<TransferConnector>> {
        let after = after.cloned();
        self.look(move |connection| connectors::page(connection, after.as_ref(), limit)).await
    }

    async fn create_transfer_connector(&self, connector: &TransferConnector, most: u32) -> Result<()> {
        let turn = self.begin(Durability::Disk).await?;
        let outcome = connectors::create(turn.connection(), connector, most);
        turn.end(outcome).await
    }

    async fn edit_transfer_connector(
        &self,
        id: &ConnectorId,
        edit: &Edit<TransferConnector>,
    ) -> Result<Option<TransferConnector>> {
        let turn = self.begin(Durability::Disk).await?;
        let outcome = connectors::edit(turn.connection(), id, edit);
        let edited = turn.end(outcome).await?;
        // Its lane may have more room now.
        self.ring([WorkKind::Transfer]);
        Ok(edited)
    }

    async fn remove_transfer_connector(&self, id: &ConnectorId) -> Result<bool> {
        let turn = self.begin(Durability::Disk).await?;
        let outcome = connectors::remove(turn.connection(), id);
        turn.end(outcome).await
    }

    async fn start_transfer(&self, new: &NewTransfer) -> Result<StartedTransfer> {
        let turn = self.begin(Durability::Disk).await?;
        let outcome = start::start(turn.connection(), new);
        let started = turn.end(outcome).await?;
        if matches!(started, StartedTransfer::New(_)) {
            self.ring([WorkKind::Transfer]);
        }
        Ok(started)
    }

    async fn started_before(&self, caller: &AccessKeyId, token: &str, sha256: &str) -> Result<Option<Transfer>> {
        let reader = self.reader()?;
        start::before(&reader, caller, (token, sha256), Timestamp::now())
    }

    async fn transfer(&self, id: &TransferId) -> Result<Option<Transfer>> {
        let reader = self.reader()?;
        start::find(&reader, id)
    }

    async fn transfer_items(&self, id: &TransferId, from: u32, limit: u32) -> Result<Vec<TransferItem>> {
        let reader = self.reader()?;
        items::of_transfer(&reader, id, from, limit)
    }

    async fn transfer_item(&self, id: &TransferItemId) -> Result<Option<TransferItem>> {
        let reader = self.reader()?;
        items::find(&reader, id)
    }

    async fn apply_item(
        &self,
        id: &TransferItemId,
        event: &ItemEvent,
        lease: Option<&Lease>,
        now: Timestamp,
    ) -> Result<TransferItem> {
        let turn = self.begin(Durability::Disk).await?;
        let outcome = items::apply(turn.connection(), id, event, lease, now);
        let (item, announced) = turn.end(outcome).await?;
        if announced {
            self.ring([WorkKind::Announce, WorkKind::AnnounceTransfer]);
        }
        Ok(item)
    }

    async fn item_progress(&self, id: &TransferItemId, size: Option<u64>, bytes: u64, lease: &Lease) -> Result<()> {
        let turn = self.begin(Durability::Process).await?;
        let outcome = items::progress(turn.connection(), id, size, bytes, lease, Timestamp::now());
        turn.end(outcome).await
    }

    async fn access_key(&self, id: &AccessKeyId) -> Result<Option<AccessKey>> {
        let reader = self.reader()?;
        access_keys::find(&reader, id)
    }

    async fn access_keys(&self) -> Result<Vec<AccessKey>> {
        self.look(access_keys::all).await
    }

    async fn create_access_key(&self, key: &AccessKey) -> Result<()> {
        let turn = self.begin(Durability::Disk).await?;
        let outcome = access_keys::create(turn.connection(), key);
        turn.end(outcome).await
    }

    async fn edit_access_key(&self, id: &AccessKeyId, edit: &Edit<AccessKey>) -> Result<Option<AccessKey>> {
        let turn = self.begin(Durability::Disk).await?;
        let outcome = access_keys::edit(turn.connection(), id, edit);
        turn.end(outcome).await
    }
}
