//! Notifications to webhooks, by the Standard Webhooks scheme (<https://www.standardwebhooks.com>).

use std::time::Duration;

use sealpost_core::error::Result;
use sealpost_core::id::NotificationId;
use sealpost_core::task::Lease;

use crate::Pipeline;
use crate::worker::Outcome;

impl Pipeline {
    /// Posts a notification to its webhook.
    pub(crate) async fn notify(&self, _id: &NotificationId, _lease: &Lease) -> Result<Outcome> {
        Ok(Outcome::Again(Duration::from_secs(60)))
    }
}
