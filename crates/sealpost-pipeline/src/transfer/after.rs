//! What happens to a remote file once it is stored: it stays, or is removed or moved.

use async_trait::async_trait;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::{EntrySink, RemoteEntry};
use sealpost_core::transfer::{AfterRetrieve, ItemOutcome, TransferKind};

use super::attempt::Attempt;
use super::retrieve::base_name;
use crate::log;

impl Attempt<'_> {
    /// Sees to the remote file. `is_resumed`: it was stored by an earlier attempt, which may also have done this.
    pub(super) async fn after_retrieve(&self, remote: &str, outcome: &ItemOutcome, is_resumed: bool) -> Result<()> {
        let (kind, done) = match &self.connector.after_retrieve {
            AfterRetrieve::Keep => return Ok(()),
            AfterRetrieve::Delete => (TransferKind::Delete, "removed"),
            AfterRetrieve::Move(_) => (TransferKind::Move, "moved"),
        };
        self.step.get_or_init(|| kind);
        let stored = outcome.path.as_deref().unwrap_or_default();
        self.see_to(remote, outcome, is_resumed)
            .await
            .map_err(|error| error.context(format!("the file is stored at {stored}; on the server it was not {done}")))
    }

    async fn see_to(&self, remote: &str, outcome: &ItemOutcome, is_resumed: bool) -> Result<()> {
        if is_resumed && self.is_another(remote, outcome).await? {
            log::transfer::not_the_same_file(self.item, remote);
            return Ok(());
        }
        let (engine, transport) = (self.engine()?, &self.parts().transport);
        match &self.connector.after_retrieve {
            AfterRetrieve::Keep => Ok(()),
            AfterRetrieve::Delete => transport.remove(&engine, remote, is_resumed).await,
            AfterRetrieve::Move(directory) => {
                let target = format!("{}/{}", directory.trim_end_matches('/'), base_name(remote));
                transport.rename(&engine, remote, &target, is_resumed).await
            }
        }
    }

    /// Whether there is a file of the name that is not the one that was stored: the partner has written a new one since
    /// the interruption, and nobody has retrieved it.
    async fn is_another(&self, remote: &str, outcome: &ItemOutcome) -> Result<bool> {
        let mut look = Look { name: base_name(remote), found: None };
        let directory = match remote.rsplit_once('/') {
            Some(("", _)) => "/",
            Some((directory, _)) => directory,
            None => ".",
        };
        match self.parts().transport.list(&self.engine()?, directory, u64::MAX, &mut look).await {
            Ok(_) => {}
            Err(_) if look.found.is_some() => {}
            Err(error) => return Err(error),
        }
        let Some(found) = look.found else { return Ok(false) };
        let is_other_time = match (found.modified, outcome.remote_modified) {
            // Times of listings may be without fractions.
            (Some(now), Some(then)) => now.as_second() != then.as_second(),
            _ => false,
        };
        Ok(found.size.is_some_and(|size| size != outcome.bytes) || is_other_time)
    }
}

/// Looks for one entry.
struct Look<'a> {
    name: &'a str,
    found: Option<RemoteEntry>,
}

#[async_trait]
impl EntrySink for Look<'_> {
    async fn entry(&mut self, entry: RemoteEntry) -> Result<()> {
        if base_name(&entry.path) != self.name {
            return Ok(());
        }
        self.found = Some(entry);
        // The rest of the directory does not matter, however long it is.
        Err(Error::new(&codes::store::ABORTED, "found"))
    }
}
