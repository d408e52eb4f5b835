//! Removes a file or an empty directory on the server.

use sealpost_core::error::Result;
use sealpost_core::transfer::ItemOutcome;

use super::attempt::Attempt;

impl Attempt<'_> {
    pub(super) async fn delete(&self, path: &str) -> Result<ItemOutcome> {
        self.parts().transport.remove(&self.engine()?, path, self.is_repeated()).await?;
        Ok(ItemOutcome { path: Some(path.to_owned()), ..ItemOutcome::default() })
    }
}
