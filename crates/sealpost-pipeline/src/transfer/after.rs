//! What happens to a remote file once it is stored: it stays, or is removed or moved.

use sealpost_core::error::Result;
use sealpost_core::port::RemoteEntry;
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
        let (engine, transport) = (self.engine()?, &self.parts().transport);
        // The protocol removes and renames by name, whatever has the name by then: a look right before keeps the time in
        // which the partner's next file could be taken for the retrieved one as short as one round trip.
        let found = transport.look(&engine, remote).await?;
        if found.is_some_and(|found| !is_same(&found, outcome)) {
            log::transfer::not_the_same_file(self.item, remote);
            return Ok(());
        }
        match &self.connector.after_retrieve {
            AfterRetrieve::Keep => Ok(()),
            AfterRetrieve::Delete => transport.remove(&engine, remote, is_resumed).await,
            AfterRetrieve::Move(directory) => {
                let target = format!("{}/{}", directory.trim_end_matches('/'), base_name(remote));
                transport.rename(&engine, remote, &target, is_resumed).await
            }
        }
    }
}

/// Whether this is the file that was retrieved, as far as it can be told: by its size, and by its time where it had one.
fn is_same(found: &RemoteEntry, outcome: &ItemOutcome) -> bool {
    let is_of_its_time = match (outcome.remote_modified, found.modified) {
        (None, _) => true,
        (Some(_), None) => false,
        // Version 3 of the protocol has whole seconds.
        (Some(then), Some(now)) => then.as_second() == now.as_second(),
    };
    found.size == Some(outcome.bytes) && is_of_its_time && !found.is_directory
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn what_can_not_be_told_to_be_the_same_is_another_file() {
        let time = |second| Some(Timestamp::from_second(second).expect("a time"));
        let retrieved = |remote_modified| ItemOutcome { bytes: 5, remote_modified, ..ItemOutcome::default() };
        let found = |size, modified| RemoteEntry { path: "/a".to_owned(), is_directory: false, size, modified };
        assert!(is_same(&found(Some(5), time(7)), &retrieved(time(7))));
        assert!(!is_same(&found(Some(5), time(8)), &retrieved(time(7))), "another time");
        assert!(!is_same(&found(Some(6), time(7)), &retrieved(time(7))), "another size");
        assert!(!is_same(&found(None, time(7)), &retrieved(time(7))), "no size any more");
        assert!(!is_same(&found(Some(5), None), &retrieved(time(7))), "no time any more");
        assert!(is_same(&found(Some(5), None), &retrieved(None)), "a server without times");
        assert!(!is_same(&found(Some(6), None), &retrieved(None)), "a server without times, another size");
        assert!(!is_same(&RemoteEntry { is_directory: true, ..found(Some(5), None) }, &retrieved(None)));
    }
}
