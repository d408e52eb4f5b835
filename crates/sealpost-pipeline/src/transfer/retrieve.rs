//! Retrieves a remote file into the store, as it comes or sealed; then sees to the remote file.
//!
//! The order is what makes it safe: first the object is durable and visible, then the ledger says so, then the remote
//! file is removed or moved. After a crash in between the next attempt goes on at the step that is missing.

use sealpost_core::error::{Error, Result, codes};
use sealpost_core::object::ObjectPath;
use sealpost_core::port::{Retrieval, Retrieved};
use sealpost_core::transfer::{ItemEvent, ItemOutcome, Landed};

use super::attempt::Attempt;
use super::landing::{self, Meter};
use super::sealing;

impl Attempt<'_> {
    pub(super) async fn retrieve(&self, remote: &str, local_directory: &ObjectPath) -> Result<ItemOutcome> {
        if let Some(outcome) = self.item.outcome.clone().filter(|_| self.item.stored) {
            self.after_retrieve(remote, &outcome, true).await?;
            return Ok(outcome);
        }
        let outcome = self.fetch(remote, local_directory).await?;
        self.record(&ItemEvent::Stored { outcome: outcome.clone() }).await?;
        self.after_retrieve(remote, &outcome, false).await?;
        Ok(outcome)
    }

    /// The remote file into the store; complete and visible when this returns.
    async fn fetch(&self, remote: &str, local_directory: &ObjectPath) -> Result<ItemOutcome> {
        let name = base_name(remote);
        let engine = self.engine()?;
        let meter = |storable: u64| Meter {
            progress: &self.progress,
            passage: &self.passage,
            largest: self.parts().settings.transfer.largest_file,
            storable,
            size: None,
            taken: 0,
        };
        let (retrieved, stored) = match self.connector.landed {
            Landed::AsReceived => {
                let upload = self.parts().store.put_object(&local_directory.join(name)?).await?;
                let mut landing = landing::AsReceived { meter: meter(upload.largest()), upload };
                let retrieval = Retrieval { connector: &engine, path: remote, landing: &mut landing };
                let retrieved = self.parts().transport.retrieve(retrieval).await?;
                landing.meter.check(&retrieved)?;
                (retrieved, landing.upload.finish().await?)
            }
            Landed::Sealed => {
                let target = local_directory.join(&format!("{name}.pgp"))?;
                let plan = sealing::Plan::new(self.parts(), name)?;
                let upload = self.parts().store.put_object(&target).await?;
                let meter = meter(sealing::largest_inside(upload.largest()));
                let (landing, sealing) = sealing::begin(plan, upload, meter);
                let fetching = async move {
                    // Its own: the sealer hears that nothing more comes when this ends, however it ends.
                    let mut landing = landing;
                    let retrieval = Retrieval { connector: &engine, path: remote, landing: &mut landing };
                    let retrieved = self.parts().transport.retrieve(retrieval).await?;
                    landing.meter.check(&retrieved)?;
                    landing.end().await?;
                    Ok(retrieved)
                };
                sealing.with(fetching).await?
            }
        };
        let Retrieved { size, modified, host_key, .. } = retrieved;
        Ok(ItemOutcome {
            path: Some(stored.path.to_string()),
            bytes: size,
            sha256: Some(stored.sha256),
            host_key: Some(host_key).filter(|key| !key.is_empty()),
            remote_modified: modified,
            ..ItemOutcome::default()
        })
    }
}

/// The last part of a remote path. What can't be a name in the store is refused where it is joined to the folder.
pub(super) fn base_name(remote: &str) -> &str {
    remote.rsplit('/').next().unwrap_or(remote)
}

impl Meter<'_> {
    /// Whether what has landed is what the server had.
    pub(super) fn check(&self, retrieved: &Retrieved) -> Result<()> {
        if self.taken == retrieved.size {
            return Ok(());
        }
        let detail = format!("{} of {} bytes of the file arrived", self.taken, retrieved.size);
        Err(Error::new(&codes::deliver::CHANGED, detail))
    }
}
