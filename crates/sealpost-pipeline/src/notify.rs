//! Notifications to webhooks, by the Standard Webhooks scheme (<https://www.standardwebhooks.com>).

use std::time::Duration;

use sealpost_core::error::Result;
use sealpost_core::id::NotificationId;
use sealpost_core::task::Lease;

use crate::Pipeline;
use crate::worker::Outcome;

/// Pauses between attempts in seconds, unless configured: 11 attempts in nearly three days.
pub const PAUSES_S: [u64; 10] = [5, 30, 120, 600, 3_600, 10_800, 21_600, 43_200, 86_400, 86_400];

impl Pipeline {
    /// Posts a notification to its webhook.
    pub(crate) async fn notify(&self, _id: &NotificationId, _lease: &Lease) -> Result<Outcome> {
        Ok(Outcome::Again(Duration::from_secs(60)))
    }
}
