//! Notifications to webhooks, by the Standard Webhooks scheme (<https://www.standardwebhooks.com>): signed, tried again
//! with growing pauses, then kept as dead letters.
//!
//! At least once, and in no particular order: a server tells duplicates by `webhook-id`, and older news by the
//! `timestamp` of the payload.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sealpost_core::error::{Error, Failure, Result, Side, codes};
use sealpost_core::id::NotificationId;
use sealpost_core::notification::{Notification, NotificationEvent, NotificationStatus};
use sealpost_core::port::{Answer, Post};
use sealpost_core::task::Lease;
use sealpost_core::webhook::{EventKind, Webhook};

use crate::audit::Author;
use crate::telemetry::Stopwatch;
use crate::worker::{Beat, Outcome};
use crate::{Pipeline, log, telemetry};

mod lanes;
mod signature;

pub(crate) use lanes::Lanes;

/// Pauses between attempts in seconds, unless configured: 11 attempts in nearly three days.
pub const PAUSES_S: [u64; 10] = [5, 30, 120, 600, 3_600, 10_800, 21_600, 43_200, 86_400, 86_400];

/// A pause is made longer by up to this part of it, so that what failed together does not come back together.
const SPREAD: f64 = 0.2;
/// What a server may ask for with `Retry-After`; it is not ours to wait for longer.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(86_400);
/// The pause where our own side is at fault for now: no attempt is lost by it.
const OUR_PAUSE: Duration = Duration::from_secs(60);
/// HTTP: the server wants no more of this (RFC 9110, section 15.5.11).
const GONE: u16 = 410;

/// An attempt that failed.
struct Miss {
    error: Error,
    answer: Option<u16>,
    retry_after: Option<Duration>,
}

impl From<Error> for Miss {
    fn from(error: Error) -> Self {
        Self { error, answer: None, retry_after: None }
    }
}

impl Pipeline {
    /// Posts a notification to its webhook, once.
    pub(crate) async fn notify(&self, id: &NotificationId, lease: &mut Lease) -> Result<Outcome> {
        let outbox = &self.parts.outbox;
        let Some(notification) = outbox.notification(id).await? else { return Ok(Outcome::Done) };
        if notification.status != NotificationStatus::Pending {
            return Ok(Outcome::Done);
        }
        let webhook = outbox.webhook(&notification.partner, &notification.webhook).await?;
        // A ping is asked for by name: whoever disabled a webhook can see whether it works again.
        let wanted = webhook.filter(|webhook| webhook.enabled || notification.event == EventKind::Ping);
        let Some(webhook) = wanted else {
            let error = Error::new(&codes::notify::WEBHOOK_GONE, format!("webhook {}", notification.webhook));
            return self.give_up_notification(&notification, error.into(), lease).await;
        };
        let partner = self.parts.records.partner(&notification.partner).await?;
        if partner.is_none_or(|partner| !partner.enabled) {
            let error = Error::new(&codes::request::PARTNER_DISABLED, format!("partner {}", notification.partner));
            return self.give_up_notification(&notification, error.into(), lease).await;
        }
        let lane = match self.lanes.enter(&webhook, id) {
            Ok(lane) => lane,
            Err(pause) => return Ok(Outcome::Again(pause)),
        };
        let now = Timestamp::now();
        let headers = match self.signed_headers(&webhook, &notification, now).await {
            Ok(headers) => headers,
            Err(error) => return self.not_notified(&notification, error.into(), lease).await,
        };
        let started = NotificationEvent::Started { attempt: notification.attempts + 1 };
        let notification = outbox.apply_notification(id, &started, Some(lease), now).await?;
        let stopwatch = Stopwatch::start();
        let post = Post { url: &webhook.url, headers: &headers, body: &notification.payload };
        let answered = self.while_leased(lease, Beat::LeaseOnly, self.parts.notifier.post(post)).await;
        lane.leave(matches!(answered, Ok(Answer { status: 200..=299, .. })));
        match answered {
            Ok(Answer { status: answer @ 200..=299, .. }) => {
                let event = NotificationEvent::Delivered { answer };
                let delivered = outbox.apply_notification(id, &event, Some(lease), Timestamp::now()).await?;
                telemetry::notified(stopwatch);
                log::notified(&delivered, stopwatch);
                Ok(Outcome::Done)
            }
            Ok(Answer { status: GONE, .. }) => {
                self.disable_gone(&webhook).await?;
                let error = Error::new(&codes::notify::GONE, format!("webhook {}", webhook.id));
                let miss = Miss { error, answer: Some(GONE), retry_after: None };
                self.give_up_notification(&notification, miss, lease).await
            }
            Ok(answer) => self.not_notified(&notification, refused(answer), lease).await,
            Err(error) => self.not_notified(&notification, error.into(), lease).await,
        }
    }

    async fn not_notified(&self, notification: &Notification, miss: Miss, lease: &Lease) -> Result<Outcome> {
        let error = &miss.error;
        if error.is(&codes::ledger::LEASE_LOST) {
            return Err(miss.error);
        }
        // What is ours and final does not pass by itself: without a setting there are no webhooks.
        let ours = error.code().side == Side::Operator && error.is_retried();
        let pause = if ours {
            Some(OUR_PAUSE)
        } else {
            pause_after(&self.parts.settings.notify_pauses, notification.attempts, rand::random())
        };
        let Some(pause) = pause.filter(|_| ours || error.is_retried()) else {
            let used_up = error.is_retried().then(|| {
                let detail = format!("{} attempts; the last: {error}", notification.attempts);
                Error::new(&codes::notify::ATTEMPTS, detail)
            });
            let miss = Miss { error: used_up.unwrap_or_else(|| error.clone()), ..miss };
            return self.give_up_notification(notification, miss, lease).await;
        };
        let pause = pause.max(miss.retry_after.unwrap_or_default().min(LONGEST_RETRY_AFTER));
        let now = Timestamp::now();
        let retry_at = now + SignedDuration::try_from(pause).unwrap_or_default();
        let event = NotificationEvent::AttemptFailed { failure: Failure::from(error), answer: miss.answer, retry_at };
        let failed = self.parts.outbox.apply_notification(&notification.id, &event, Some(lease), now).await?;
        telemetry::notification_attempt_failed(error);
        log::notification_attempt_failed(&failed, error, pause);
        Ok(Outcome::Again(pause))
    }

    async fn give_up_notification(&self, notification: &Notification, miss: Miss, lease: &Lease) -> Result<Outcome> {
        let event = NotificationEvent::Failed { failure: Failure::from(&miss.error), answer: miss.answer };
        let failed =
            self.parts.outbox.apply_notification(&notification.id, &event, Some(lease), Timestamp::now()).await?;
        telemetry::notification_failed(&miss.error);
        log::notification_failed(&failed, &miss.error);
        Ok(Outcome::Done)
    }

    /// Disables a webhook whose server said that it is gone, unless its address was changed meanwhile.
    async fn disable_gone(&self, webhook: &Webhook) -> Result<()> {
        let url = webhook.url.clone();
        let disable = move |found: Webhook| {
            let is_same = found.url == url;
            Ok(Webhook { enabled: found.enabled && !is_same, ..found })
        };
        let after = self.parts.outbox.edit_webhook(&webhook.partner, &webhook.id, &disable).await?;
        if webhook.enabled && after.is_some_and(|after| !after.enabled) {
            let detail = "its server answered 410 (gone)";
            self.note(&Author::sealpost(), &webhook.partner, "webhook.disable", webhook.id.as_str(), detail).await?;
        }
        Ok(())
    }
}

fn refused(answer: Answer) -> Miss {
    let Answer { status, retry_after } = answer;
    let detail = match status {
        300..=399 => format!("it answered {status}: redirects are not followed"),
        _ => format!("it answered {status}"),
    };
    // RFC 9110 and RFC 6585 give the header a meaning for these two.
    let retry_after = retry_after.filter(|_| matches!(status, 429 | 503));
    Miss { error: Error::new(&codes::notify::REFUSED, detail), answer: Some(status), retry_after }
}

/// The pause after `attempt` (from 1) failed; `None` when no attempt is left. `random` in `[0, 1)` spreads it.
fn pause_after(pauses: &[Duration], attempt: u32, random: f64) -> Option<Duration> {
    let index = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
    pauses.get(index).map(|pause| pause.mul_f64(1.0 + SPREAD * random.clamp(0.0, 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let pauses = PAUSES_S.map(Duration::from_secs);
        assert_eq!(pause_after(&pauses, 1, 0.0), Some(Duration::from_secs(5)));
        assert_eq!(pause_after(&pauses, 1, 1.0), Some(Duration::from_secs(6)));
        assert_eq!(pause_after(&pauses, 10, 0.0), Some(Duration::from_secs(86_400)));
        assert_eq!(pause_after(&pauses, 11, 0.0), None);
        assert!(PAUSES_S.is_sorted());
        assert!((2 * 86_400..3 * 86_400).contains(&PAUSES_S.iter().sum::<u64>()));
    }

    #[test]
    fn a_server_is_left_alone_as_long_as_it_asks_only_where_that_has_a_meaning() {
        let asks = Some(Duration::from_secs(90));
        assert_eq!(refused(Answer { status: 503, retry_after: asks }).retry_after, asks);
        assert_eq!(refused(Answer { status: 429, retry_after: asks }).retry_after, asks);
        assert_eq!(refused(Answer { status: 500, retry_after: asks }).retry_after, None);
        assert!(refused(Answer { status: 302, retry_after: None }).error.detail().contains("redirects"));
    }
}
