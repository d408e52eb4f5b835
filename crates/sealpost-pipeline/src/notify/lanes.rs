//! Fairness: how many notifications are under way to each webhook in this process, so that a server that hangs holds up
//! no notification to another.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sealpost_core::id::{PartnerId, WebhookId};
use sealpost_core::webhook::Webhook;

/// At once to one webhook.
const PER_WEBHOOK: u32 = 4;
/// At once to a webhook whose last attempt failed: one that looks whether it works again.
const PER_FAILING_WEBHOOK: u32 = 1;
/// At once to all webhooks of a partner.
const PER_PARTNER: u32 = 8;
/// How long a notification that finds its webhook busy waits at least.
const SHORTEST: Duration = Duration::from_millis(200);
/// Each that waits already makes the next wait longer, so that a long line costs few looks at it …
const STEP: Duration = Duration::from_millis(20);
/// … up to this.
const LONGEST: Duration = Duration::from_secs(15);

/// What is under way.
#[derive(Default)]
pub(crate) struct Lanes(Mutex<HashMap<WebhookId, Busy>>);

struct Busy {
    partner: PartnerId,
    under_way: u32,
    /// Turned away, less those that got in since.
    waiting: u32,
    is_failing: bool,
}

/// The right to call a webhook, given back when dropped.
pub(crate) struct Lane {
    lanes: Arc<Lanes>,
    webhook: WebhookId,
    succeeded: Option<bool>,
}

impl Lane {
    /// Gives it back, and remembers how it went.
    pub(crate) fn leave(mut self, succeeded: bool) {
        self.succeeded = Some(succeeded);
    }
}

impl Lanes {
    /// Lets a notification through to its webhook, or says how long to wait before asking again.
    pub(crate) fn enter(self: &Arc<Self>, webhook: &Webhook) -> Result<Lane, Duration> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_partner: u32 =
            all.values().filter(|busy| busy.partner == webhook.partner).map(|busy| busy.under_way).sum();
        let busy = all.entry(webhook.id.clone()).or_insert_with(|| Busy {
            partner: webhook.partner.clone(),
            under_way: 0,
            waiting: 0,
            is_failing: false,
        });
        let most = if busy.is_failing { PER_FAILING_WEBHOOK } else { PER_WEBHOOK };
        if busy.under_way >= most || of_partner >= PER_PARTNER {
            let pause = (SHORTEST + STEP * busy.waiting).min(LONGEST);
            busy.waiting = busy.waiting.saturating_add(1);
            return Err(pause);
        }
        busy.under_way += 1;
        busy.waiting = busy.waiting.saturating_sub(2);
        Ok(Lane { lanes: self.clone(), webhook: webhook.id.clone(), succeeded: None })
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        let mut all = self.lanes.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(busy) = all.get_mut(&self.webhook) {
            busy.under_way -= 1;
            busy.is_failing = self.succeeded.map_or(busy.is_failing, |succeeded| !succeeded);
            if busy.under_way == 0 && !busy.is_failing {
                all.remove(&self.webhook);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn webhook(partner: &str) -> Webhook {
        Webhook {
            id: WebhookId::fresh(),
            partner: partner.parse().expect("an id"),
            url: String::new(),
            events: Vec::new(),
            label: String::new(),
            enabled: true,
            secret_version: 1,
            previous_until: None,
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_busy_webhook_lets_others_pass_and_its_line_waits_longer_and_longer() {
        let lanes = Arc::new(Lanes::default());
        let (slow, other) = (webhook("acme"), webhook("globex"));
        let held: Vec<Lane> = (0..PER_WEBHOOK).map(|_| lanes.enter(&slow).expect("room")).collect();
        let pauses: Vec<Duration> = (0..2000).map(|_| lanes.enter(&slow).err().expect("busy")).collect();
        assert!(pauses.is_sorted() && pauses[0] == SHORTEST && pauses[1999] == LONGEST);
        assert!(lanes.enter(&other).is_ok());
        drop(held);
        assert!(lanes.enter(&slow).is_ok());
    }

    #[test]
    fn a_failing_webhook_is_tried_by_one_at_a_time_until_it_works() {
        let lanes = Arc::new(Lanes::default());
        let webhook = webhook("acme");
        lanes.enter(&webhook).expect("room").leave(false);
        let one = lanes.enter(&webhook).expect("room");
        assert!(lanes.enter(&webhook).is_err());
        one.leave(true);
        let held: Vec<Lane> = (0..PER_WEBHOOK).map(|_| lanes.enter(&webhook).expect("room")).collect();
        drop(held);
        assert!(lanes.0.lock().expect("a map").is_empty());
    }

    #[test]
    fn a_partner_with_many_webhooks_has_one_share() {
        let lanes = Arc::new(Lanes::default());
        let all: Vec<Webhook> = (0..10).map(|_| webhook("acme")).collect();
        let held: Vec<Lane> = all.iter().filter_map(|webhook| lanes.enter(webhook).ok()).collect();
        assert_eq!(held.len(), PER_PARTNER as usize);
        assert!(lanes.enter(&webhook("globex")).is_ok());
    }
}
