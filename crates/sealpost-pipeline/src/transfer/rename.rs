//! Moves a file or directory on the server. What is there already is never replaced.

use sealpost_core::error::Result;
use sealpost_core::transfer::ItemOutcome;

use super::attempt::Attempt;

impl Attempt<'_> {
    pub(super) async fn rename(&self, source: &str, target: &str) -> Result<ItemOutcome> {
        self.parts().transport.rename(&self.engine()?, source, target, self.is_repeated()).await?;
        Ok(ItemOutcome { path: Some(target.to_owned()), ..ItemOutcome::default() })
    }
}
