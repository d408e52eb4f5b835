//! How much of a partner is under way: one item, which every admission and every end of a job or delivery writes.

use sealpost_core::Result;
use sealpost_core::id::PartnerId;
use serde::{Deserialize, Serialize};

use super::{Key, Step};

/// What is under way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Load {
    /// Jobs queued or running.
    pub(crate) jobs: u64,
    /// Deliveries pending or sending.
    pub(crate) deliveries: u64,
}

/// Where it is.
pub(crate) fn key(partner: &PartnerId) -> Key {
    Key::new(format!("load#{partner}"), "load")
}

impl Step {
    /// What of a partner is under way, under guard: nothing joins it before the step's end.
    pub(crate) async fn load(&mut self, partner: &PartnerId) -> Result<Load> {
        Ok(self.get(&key(partner)).await?.unwrap_or_default())
    }

    /// As [`load`](Self::load): jobs, deliveries.
    pub(crate) async fn under_way(&mut self, partner: &PartnerId) -> Result<(u64, u64)> {
        let load = self.load(partner).await?;
        Ok((load.jobs, load.deliveries))
    }

    /// Counts jobs and deliveries that begin or, with a negative number, end.
    pub(super) async fn count(&mut self, partner: &PartnerId, jobs: i64, deliveries: i64) -> Result<()> {
        if (jobs, deliveries) == (0, 0) {
            return Ok(());
        }
        let before = self.load(partner).await?;
        let after = Load {
            jobs: before.jobs.saturating_add_signed(jobs),
            deliveries: before.deliveries.saturating_add_signed(deliveries),
        };
        self.put(&key(partner), &after)
    }
}
