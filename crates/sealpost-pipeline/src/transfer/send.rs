//! Sends a stored file, by the engine that delivers reports.

use std::pin::pin;

use futures::StreamExt as _;
use sealpost_core::connector::Connector;
use sealpost_core::error::Result;
use sealpost_core::object::ObjectPath;
use sealpost_core::port::{Journal, SealedReader, Shipment, Traces};
use sealpost_core::transfer::{ItemOutcome, TransferItem};
use sealpost_store::SealedObject;
use sha2::{Digest, Sha256};

use super::attempt::Attempt;
use crate::log;

impl Attempt<'_> {
    pub(super) async fn send(&self, local: &ObjectPath, remote_directory: Option<&str>) -> Result<ItemOutcome> {
        let file = match &self.opened {
            Some(opened) => opened.clone()?,
            None => self.parts().store.open_object(local).await?,
        };
        self.progress.expect(file.size());
        let engine = self.connector.engine(remote_directory)?;
        let sha256 = if engine.settings.checksum_file { Some(digest(&file).await?) } else { None };
        let (journal, object, id) = (self.journal(), local.to_string(), trace_id(self.item, &file));
        self.discard_others(&engine, local, &id).await?;
        let receipt = self.parts().transport.send(Shipment {
            connector: &engine,
            traces: traces(self.item, local, &id),
            sha256: sha256.as_deref(),
            sealed: false,
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

    /// Removes what earlier attempts left of other versions of the object: under this one's names nobody looks for it. What they
    /// moved aside gets its name back before this one takes it.
    async fn discard_others(&self, engine: &Connector, local: &ObjectPath, id: &str) -> Result<()> {
        for other in self.item.traces.iter().filter(|trace| *trace != id) {
            // A hidden file that is gone, and that an intent names, was renamed. So the intent goes first.
            if traces(self.item, local, other).intent.is_some() {
                self.journal().withdraw().await?;
            }
            if let Err(error) = self.parts().transport.discard(engine, traces(self.item, local, other)).await {
                log::transfer::item_leftover(self.item, &error);
            }
        }
        Ok(())
    }
}

/// SHA-256 of a stored file, lower-case hexadecimal.
async fn digest(file: &SealedObject) -> Result<String> {
    let mut pieces = pin!(file.stream(0..file.size()));
    let mut digest = Sha256::new();
    while let Some(piece) = pieces.next().await {
        digest.update(piece?);
    }
    Ok(hex::encode(digest.finalize()))
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
