//! Notifications: what is announced to a partner's webhooks.

use sealpost_core::Result;
use sealpost_core::notification::Announcement;

use super::Step;

/// Makes a notification with its task for each webhook of the partner that wants it; whether there was one.
pub(super) async fn announce(_step: &mut Step, _announcement: &Announcement) -> Result<bool> {
    Ok(false)
}
