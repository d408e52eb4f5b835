//! Lists a remote directory into a JSON file in the store, in constant memory.

use sealpost_core::error::Result;
use sealpost_core::object::ObjectPath;
use sealpost_core::transfer::ItemOutcome;

use super::attempt::Attempt;
use super::entries::{self, ListingFile};

impl Attempt<'_> {
    pub(super) async fn list(
        &self,
        remote_directory: &str,
        max_items: u32,
        output_directory: &ObjectPath,
    ) -> Result<ItemOutcome> {
        let name = format!("{}-{}.json", self.item.connector, self.item.transfer);
        let upload = self.parts().store.put_object(&output_directory.join(&name)?).await?;
        let most = self.parts().settings.transfer.largest_file.min(entries::LARGEST);
        let mut file = ListingFile::new(upload, &self.passage, &self.progress, most);
        let engine = self.engine()?;
        let listed = self.parts().transport.list(&engine, remote_directory, u64::from(max_items), &mut file).await?;
        let stored = file.finish(listed.truncated).await?;
        Ok(ItemOutcome {
            path: Some(stored.path.to_string()),
            bytes: stored.size,
            item_count: Some(listed.entries),
            truncated: Some(listed.truncated),
            sha256: Some(stored.sha256),
            ..ItemOutcome::default()
        })
    }
}
