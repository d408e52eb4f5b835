//! Sends a stored file, by the engine that delivers reports.

use sealpost_core::error::Result;
use sealpost_core::object::ObjectPath;
use sealpost_core::port::{SealedReader, Shipment, Traces};
use sealpost_core::transfer::{ItemOutcome, TransferItem};
use sealpost_store::SealedObject;
use sha2::{Digest, Sha256};

use super::attempt::Attempt;

impl Attempt<'_> {
    pub(super) async fn send(&self, local: &ObjectPath, remote_directory: Option<&str>) -> Result<ItemOutcome> {
        let file = self.parts().store.open_object(local).await?;
        self.progress.expect(file.size());
        let engine = self.connector.engine(remote_directory)?;
        let (journal, object, id) = (self.journal(), local.to_string(), trace_id(self.item, &file));
        let receipt = self.parts().transport.send(Shipment {
            connector: &engine,
            traces: traces(self.item, local, &id),
            sha256: None,
            object: &object,
            file: &file,
            journal: &journal,
        });
        let receipt = receipt.await?;
        Ok(ItemOutcome {
            path: Some(receipt.remote_path),
            bytes: receipt.size,
            sha256: Some(receipt.sha256).filter(|digest| !digest.is_empty()),
            host_key: Some(receipt.host_key).filter(|key| !key.is_empty()),
            ..ItemOutcome::default()
        })
    }
}

/// What hidden names on the server are told apart by. An object may be replaced by another of the same key between two
/// attempts; then the later one must not continue what the earlier one began. So the object's version is part of it.
pub(super) fn trace_id(item: &TransferItem, file: &SealedObject) -> String {
    let version = hex::encode(Sha256::digest(file.version()));
    format!("{}-{}", item.id.as_str().replace('-', ""), &version[..7])
}

/// What attempts to send the object may have left on the server.
pub(super) fn traces<'a>(item: &'a TransferItem, local: &'a ObjectPath, id: &'a str) -> Traces<'a> {
    Traces {
        id,
        file_name: local.name(),
        attempts: item.attempts,
        failed_attempts: item.failed_attempts,
        // Of another version of the object it says nothing.
        intent: item.intent.as_ref().filter(|intent| intent.temporary_path.contains(id)),
    }
}
