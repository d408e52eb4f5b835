//! Sends a stored file, by the engine that delivers reports.

use sealpost_core::error::Result;
use sealpost_core::object::ObjectPath;
use sealpost_core::port::{SealedReader, Shipment, Traces};
use sealpost_core::transfer::ItemOutcome;

use super::attempt::Attempt;

impl Attempt<'_> {
    pub(super) async fn send(&self, local: &ObjectPath, remote_directory: Option<&str>) -> Result<ItemOutcome> {
        let file = self.parts().store.open_object(local).await?;
        self.progress.expect(file.size());
        let engine = self.connector.engine(remote_directory)?;
        let (journal, object) = (self.journal(), local.to_string());
        let receipt = self.parts().transport.send(Shipment {
            connector: &engine,
            traces: Traces {
                id: self.item.id.as_str(),
                file_name: local.name(),
                attempts: self.item.attempts,
                failed_attempts: self.item.failed_attempts,
                intent: self.item.intent.as_ref(),
            },
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
