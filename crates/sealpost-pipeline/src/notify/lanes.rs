//! Fairness: how many notifications are under way to each webhook in this process, so that a server that hangs holds up
//! no notification to another.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sealpost_core::id::{NotificationId, PartnerId, WebhookId};
use sealpost_core::webhook::Webhook;

/// At once to one webhook.
const PER_WEBHOOK: u32 = 4;
/// At once to a webhook whose last attempt failed: one that looks whether it works again.
const PER_FAILING_WEBHOOK: u32 = 1;
/// At once to all webhooks of a partner.
const PER_PARTNER: u32 = 8;
/// How long a notification that finds its webhook busy waits at least.
const SHORTEST: Duration = Duration::from_millis(200);
/// Each that waits already makes the next wait longer: a look costs two turns of the ledger's one writer, and so a line
/// costs 50 looks a second however long it is …
const STEP: Duration = Duration::from_millis(20);
/// … until the wait is this long.
const LONGEST: Duration = Duration::from_secs(900);
/// Who has not come back so long after its time does not wait here any more: another process has posted it, or it is
/// gone. The line is looked through for these as often.
const MISSED: Duration = Duration::from_secs(60);
/// A webhook that was idle for so long is forgotten.
const IDLE: Duration = Duration::from_secs(3600);

/// What is under way.
#[derive(Default)]
pub(crate) struct Lanes(Mutex<HashMap<WebhookId, Busy>>);

struct Busy {
    partner: PartnerId,
    under_way: u32,
    waiting: Line,
    is_failing: bool,
    used_at: Instant,
}

/// Who was turned away and has not got in since, with the time of its next look.
struct Line {
    due: HashMap<NotificationId, Instant>,
    looked_through_at: Instant,
}

impl Line {
    /// How long one that is turned away waits.
    fn turn_away(&mut self, id: &NotificationId, now: Instant) -> Duration {
        self.due.remove(id);
        if now.saturating_duration_since(self.looked_through_at) > MISSED {
            self.due.retain(|_, due| *due + MISSED > now);
            self.looked_through_at = now;
        }
        let before = u32::try_from(self.due.len()).unwrap_or(u32::MAX);
        let pause = SHORTEST.saturating_add(STEP.saturating_mul(before)).min(LONGEST);
        self.due.insert(id.clone(), now + pause);
        pause
    }
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
    pub(crate) fn enter(self: &Arc<Self>, webhook: &Webhook, id: &NotificationId) -> Result<Lane, Duration> {
        let now = Instant::now();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, busy| !busy.is_idle(now));
        let of_partner: u32 =
            all.values().filter(|busy| busy.partner == webhook.partner).map(|busy| busy.under_way).sum();
        let busy = all.entry(webhook.id.clone()).or_insert_with(|| Busy {
            partner: webhook.partner.clone(),
            under_way: 0,
            waiting: Line { due: HashMap::new(), looked_through_at: now },
            is_failing: false,
            used_at: now,
        });
        busy.used_at = now;
        let most = if busy.is_failing { PER_FAILING_WEBHOOK } else { PER_WEBHOOK };
        if busy.under_way >= most || of_partner >= PER_PARTNER {
            return Err(busy.waiting.turn_away(id, now));
        }
        busy.under_way += 1;
        busy.waiting.due.remove(id);
        Ok(Lane { lanes: self.clone(), webhook: webhook.id.clone(), succeeded: None })
    }
}

impl Busy {
    fn is_idle(&self, now: Instant) -> bool {
        self.under_way == 0 && now.saturating_duration_since(self.used_at) > IDLE
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        let mut all = self.lanes.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(busy) = all.get_mut(&self.webhook) {
            busy.under_way -= 1;
            busy.is_failing = self.succeeded.map_or(busy.is_failing, |succeeded| !succeeded);
            busy.used_at = Instant::now();
            if busy.under_way == 0 && !busy.is_failing && busy.waiting.due.is_empty() {
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

    fn enter(lanes: &Arc<Lanes>, webhook: &Webhook) -> Result<Lane, Duration> {
        lanes.enter(webhook, &NotificationId::fresh())
    }

    #[test]
    fn a_busy_webhook_lets_others_pass_and_its_line_waits_longer_and_longer() {
        let lanes = Arc::new(Lanes::default());
        let (slow, other) = (webhook("acme"), webhook("globex"));
        let held: Vec<Lane> = (0..PER_WEBHOOK).map(|_| enter(&lanes, &slow).expect("room")).collect();
        let line: Vec<NotificationId> = (0..50_000).map(|_| NotificationId::fresh()).collect();
        let look = |id| lanes.enter(&slow, id).err().expect("busy");
        let pauses: Vec<Duration> = line.iter().map(look).collect();
        assert!(pauses.is_sorted() && pauses[0] == SHORTEST && pauses[49_999] == LONGEST);
        assert_eq!(pauses[1000], SHORTEST + STEP * 1000);
        // Who looks again has its place already.
        assert_eq!(look(&line[0]), LONGEST);
        assert_eq!(lanes.0.lock().expect("a map")[&slow.id].waiting.due.len(), line.len());
        assert!(enter(&lanes, &other).is_ok());
        drop(held);
        for id in &line {
            assert!(lanes.enter(&slow, id).is_ok());
        }
        assert!(lanes.0.lock().expect("a map").is_empty());
    }

    #[test]
    fn one_that_waits_alone_does_not_wait_longer_and_longer() {
        let (lanes, webhook, id) = (Arc::new(Lanes::default()), webhook("acme"), NotificationId::fresh());
        let _held: Vec<Lane> = (0..PER_WEBHOOK).map(|_| enter(&lanes, &webhook).expect("room")).collect();
        for _ in 0..100 {
            assert_eq!(lanes.enter(&webhook, &id).err(), Some(SHORTEST));
        }
    }

    #[test]
    fn who_does_not_come_back_is_forgotten() {
        let now = Instant::now();
        let mut line = Line { due: HashMap::new(), looked_through_at: now };
        for _ in 0..10 {
            line.turn_away(&NotificationId::fresh(), now);
        }
        assert_eq!(line.turn_away(&NotificationId::fresh(), now + IDLE), SHORTEST);
        let lanes = Arc::new(Lanes::default());
        enter(&lanes, &webhook("acme")).expect("room").leave(false);
        let mut all = lanes.0.lock().expect("a map");
        assert_eq!(all.len(), 1, "it is known to fail");
        all.retain(|_, busy| !busy.is_idle(Instant::now() + IDLE * 2));
        assert!(all.is_empty());
    }

    #[test]
    fn a_failing_webhook_is_tried_by_one_at_a_time_until_it_works() {
        let lanes = Arc::new(Lanes::default());
        let webhook = webhook("acme");
        enter(&lanes, &webhook).expect("room").leave(false);
        let one = enter(&lanes, &webhook).expect("room");
        let waiting = NotificationId::fresh();
        assert!(lanes.enter(&webhook, &waiting).is_err());
        one.leave(true);
        let mut held: Vec<Lane> = (1..PER_WEBHOOK).map(|_| enter(&lanes, &webhook).expect("room")).collect();
        let Ok(last) = lanes.enter(&webhook, &waiting) else { panic!("there is room for one more") };
        held.push(last);
        drop(held);
        assert!(lanes.0.lock().expect("a map").is_empty());
    }

    #[test]
    fn a_partner_with_many_webhooks_has_one_share() {
        let lanes = Arc::new(Lanes::default());
        let all: Vec<Webhook> = (0..10).map(|_| webhook("acme")).collect();
        let held: Vec<Lane> = all.iter().filter_map(|webhook| enter(&lanes, webhook).ok()).collect();
        assert_eq!(held.len(), PER_PARTNER as usize);
        assert!(enter(&lanes, &webhook("globex")).is_ok());
    }
}
