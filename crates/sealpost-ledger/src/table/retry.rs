//! How often a step that met another one is run again.

use std::time::Duration;

use sealpost_core::error::codes;
use sealpost_core::{Error, Result};

/// After so many conflicts, somebody else's steps keep coming first and the caller is told.
const MOST: u32 = 80;
/// The longest pause; the first is a hundredth of it.
const LONGEST: Duration = Duration::from_millis(400);

/// Counts the conflicts of one step.
#[derive(Debug, Default)]
pub(super) struct Conflicts(u32);

impl Conflicts {
    /// How many there were.
    pub(super) fn count(&self) -> u32 {
        self.0
    }

    /// Pauses before the next try, the longer the more there were, each for a random time so that those who met don't
    /// meet again.
    ///
    /// # Errors
    /// `SP-LEDGER-010` after too many.
    pub(super) async fn pause(&mut self) -> Result<()> {
        self.0 += 1;
        if self.0 >= MOST {
            return Err(Error::new(&codes::ledger::CONTENDED, format!("{MOST} tries met another writer")));
        }
        let most = (LONGEST / 100).saturating_mul(1 << (self.0 / 2).min(7)).min(LONGEST);
        tokio::time::sleep(most.mul_f64(rand::random::<f64>())).await;
        Ok(())
    }
}
