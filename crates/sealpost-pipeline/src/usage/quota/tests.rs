use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use sealpost_core::port::Reserved;
use sealpost_core::usage::Period;

use super::*;

/// What the port promises, in memory. (The ledger's own meter is proved by its suite; the API's tests use that one.)
#[derive(Default)]
struct Meter {
    counts: Mutex<HashMap<(PartnerId, UsageWindow), u64>>,
    asked: AtomicU64,
}

#[async_trait]
impl UsageMeter for Meter {
    async fn reserve(&self, partner: &PartnerId, window: &UsageWindow, amount: u64, limit: u64) -> Result<Reserved> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
        let mut counts = self.counts.lock().expect("counts");
        let total = counts.entry((partner.clone(), *window)).or_default();
        let granted = amount.min(limit.saturating_sub(*total));
        *total += granted;
        Ok(Reserved { granted, total: *total })
    }

    async fn give_back(&self, partner: &PartnerId, window: &UsageWindow, amount: u64) -> Result<()> {
        let mut counts = self.counts.lock().expect("counts");
        *counts.entry((partner.clone(), *window)).or_default() -= amount;
        Ok(())
    }

    async fn reserved(&self, partner: &PartnerId, window: &UsageWindow) -> Result<u64> {
        Ok(self.counts.lock().expect("counts").get(&(partner.clone(), *window)).copied().unwrap_or(0))
    }

    async fn forget_before(&self, _time: Timestamp) -> Result<()> {
        Ok(())
    }
}

fn acme() -> PartnerId {
    "acme".parse().expect("an id")
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

const DAY: Quota = Quota { limit: 1_000, period: Period::Day };

#[tokio::test]
async fn several_processes_share_a_quota_to_the_last_request() {
    let meter = Arc::new(Meter::default());
    let processes: Vec<_> = (0..3).map(|_| Arc::new(Quotas::new(meter.clone()))).collect();
    let now = at("2026-01-31T12:00:00Z");
    let mut allowed = 0;
    for round in 0..600 {
        for process in &processes {
            let taken = process.take(&acme(), DAY, now).await.expect("a count");
            allowed += u64::from(taken.allowed);
            assert!(taken.standing.used <= DAY.limit, "round {round}");
        }
    }
    assert_eq!(allowed, DAY.limit);
    assert!(meter.asked.load(Ordering::Relaxed) < 200, "not every request writes: {:?}", meter.asked);
}

#[tokio::test]
async fn requests_at_the_same_time_are_counted_once_each() {
    let quotas = Arc::new(Quotas::new(Arc::new(Meter::default())));
    let now = at("2026-01-31T12:00:00Z");
    let takes = (0..1_500).map(|_| {
        let quotas = quotas.clone();
        tokio::spawn(async move { quotas.take(&acme(), DAY, now).await.expect("a count").allowed })
    });
    let taken = futures::future::join_all(takes).await;
    assert_eq!(taken.into_iter().filter(|taken| *taken.as_ref().expect("no panic")).count(), 1_000);
}

#[tokio::test]
async fn a_new_window_begins_anew_and_the_old_one_gets_back_what_was_not_used() {
    let meter = Arc::new(Meter::default());
    let quotas = Arc::new(Quotas::new(meter.clone()));
    let quota = Quota { limit: 3, period: Period::Day };
    let (today, tomorrow) = (at("2026-01-31T23:59:59Z"), at("2026-02-01T00:00:00Z"));
    for expected in [true, true, true, false, false] {
        assert_eq!(quotas.take(&acme(), quota, today).await.expect("a count").allowed, expected);
    }
    let taken = quotas.take(&acme(), quota, tomorrow).await.expect("a count");
    assert!(taken.allowed);
    assert_eq!((taken.standing.used, taken.standing.remaining()), (1, 2));
    assert_eq!(taken.standing.window.end, at("2026-02-02T00:00:00Z"));

    for _ in 0..2 {
        quotas.take(&acme(), DAY, today).await.expect("a count");
    }
    quotas.take(&acme(), DAY, tomorrow).await.expect("a count");
    let yesterday = meter.reserved(&acme(), &Period::Day.window(today)).await.expect("a count");
    assert_eq!(yesterday, 3 + 2, "the rest of the block came back");
}

#[tokio::test]
async fn what_is_not_used_is_given_back_when_idle_and_when_it_stops() {
    let meter = Arc::new(Meter::default());
    let now = at("2026-01-31T12:00:00Z");
    let window = Period::Day.window(now);
    for stop in [true, false] {
        let quotas = Arc::new(Quotas::new(meter.clone()));
        let before = meter.reserved(&acme(), &window).await.expect("a count");
        for _ in 0..2 {
            quotas.take(&acme(), DAY, now).await.expect("a count");
        }
        assert!(meter.reserved(&acme(), &window).await.expect("a count") > before + 2, "a block is held");
        if stop {
            quotas.give_back().await;
        } else {
            quotas.sweep(Duration::from_secs(60)).await;
            assert!(!quotas.lock().is_empty(), "it was used just now");
            quotas.sweep(Duration::ZERO).await;
        }
        assert_eq!(meter.reserved(&acme(), &window).await.expect("a count"), before + 2);
        assert!(quotas.lock().is_empty(), "a partner that asks for nothing takes no memory");
    }
}

#[tokio::test]
async fn a_lower_limit_holds_at_once() {
    let quotas = Arc::new(Quotas::new(Arc::new(Meter::default())));
    let now = at("2026-01-31T12:00:00Z");
    for _ in 0..10 {
        assert!(quotas.take(&acme(), DAY, now).await.expect("a count").allowed);
    }
    let lower = Quota { limit: 5, period: Period::Day };
    assert!(!quotas.take(&acme(), lower, now).await.expect("a count").allowed);
    assert_eq!(quotas.standing(&acme(), lower, now).await.expect("a count").remaining(), 0);
    assert!(quotas.take(&acme(), DAY, now).await.expect("a count").allowed);
}

#[tokio::test]
async fn blocks_grow_with_the_rate_and_no_further_than_a_share_of_what_is_left() {
    let meter = Arc::new(Meter::default());
    let quotas = Arc::new(Quotas::new(meter.clone()));
    let (now, quota) = (at("2026-01-31T12:00:00Z"), Quota { limit: 1_000_000, period: Period::Day });
    for _ in 0..100_000 {
        assert!(quotas.take(&acme(), quota, now).await.expect("a count").allowed);
    }
    let held = quotas.held(&acme());
    let held = held.lock().await;
    assert!(held.left < LARGEST_BLOCK, "{} are held", held.left);
    let asked = meter.asked.load(Ordering::Relaxed);
    assert!(asked < 100_000 / SMALL_BLOCK, "{asked} reservations");

    // Used up at once, and long ago.
    let block = |last, at| Held { block: Some((last, at)), ..Held::default() }.most();
    let long_ago = Instant::now().checked_sub(SOON * 2).expect("the machine is on for some seconds");
    assert_eq!([64, 1_000, 4_096].map(|last| block(last, Instant::now())), [128, 2_000, LARGEST_BLOCK]);
    assert_eq!(block(4_096, long_ago), SMALL_BLOCK);
    assert_eq!(Held::default().most(), SMALL_BLOCK);
}

#[tokio::test]
async fn what_is_reserved_is_given_at_once_for_its_own_window_and_limit_only() {
    let meter = Arc::new(Meter::default());
    let quotas = Arc::new(Quotas::new(meter.clone()));
    let (now, tomorrow) = (at("2026-01-31T12:00:00Z"), at("2026-02-01T00:00:00Z"));
    assert_eq!(quotas.take_at_once(&acme(), DAY, now), None, "nothing is reserved");
    for _ in 0..2 {
        quotas.take(&acme(), DAY, now).await.expect("a count");
    }
    let taken = quotas.take_at_once(&acme(), DAY, now).expect("a block is held");
    assert_eq!((taken.allowed, taken.standing.used), (true, 3));
    for (quota, now) in
        [(Quota { limit: 999, ..DAY }, now), (Quota { period: Period::Month, ..DAY }, now), (DAY, tomorrow)]
    {
        assert_eq!(quotas.take_at_once(&acme(), quota, now), None, "{quota:?} {now}");
    }
    assert_eq!(quotas.take_at_once(&"globex".parse().expect("an id"), DAY, now), None);
    let mut given = 3;
    while quotas.take_at_once(&acme(), DAY, now).is_some() {
        given += 1;
    }
    assert_eq!(
        meter.reserved(&acme(), &Period::Day.window(now)).await.expect("a count"),
        given,
        "no more than reserved"
    );
}

/// Does what it is asked for, and tells nobody before the gate is opened.
#[derive(Default)]
struct Silent {
    meter: Meter,
    gate: tokio::sync::Notify,
    is_silent: std::sync::atomic::AtomicBool,
    done: AtomicU64,
}

impl Silent {
    async fn tell(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
        if self.is_silent.load(Ordering::Relaxed) {
            self.gate.notified().await;
        }
    }

    /// Waits until it has done so much.
    async fn has_done(&self, count: u64) {
        while self.done.load(Ordering::Relaxed) < count {
            tokio::task::yield_now().await;
        }
    }

    fn counted(&self) -> u64 {
        self.meter.counts.lock().expect("counts").values().sum()
    }
}

#[async_trait]
impl UsageMeter for Silent {
    async fn reserve(&self, partner: &PartnerId, window: &UsageWindow, amount: u64, limit: u64) -> Result<Reserved> {
        let reserved = self.meter.reserve(partner, window, amount, limit).await;
        self.tell().await;
        reserved
    }

    async fn give_back(&self, partner: &PartnerId, window: &UsageWindow, amount: u64) -> Result<()> {
        let given = self.meter.give_back(partner, window, amount).await;
        self.tell().await;
        given
    }

    async fn reserved(&self, partner: &PartnerId, window: &UsageWindow) -> Result<u64> {
        self.meter.reserved(partner, window).await
    }

    async fn forget_before(&self, time: Timestamp) -> Result<()> {
        self.meter.forget_before(time).await
    }
}

/// A caller that goes away while the ledger is asked takes nothing with it.
#[tokio::test]
async fn what_was_granted_to_a_caller_that_went_away_is_used_by_the_next() {
    let meter = Arc::new(Silent::default());
    let quotas = Arc::new(Quotas::new(meter.clone()));
    let now = at("2026-01-31T12:00:00Z");
    meter.is_silent.store(true, Ordering::Relaxed);
    let gone = tokio::spawn({
        let quotas = quotas.clone();
        async move { quotas.take(&acme(), DAY, now).await }
    });
    meter.has_done(1).await;
    gone.abort();
    gone.await.expect_err("it went away");
    meter.is_silent.store(false, Ordering::Relaxed);
    meter.gate.notify_one();
    let taken = quotas.take(&acme(), DAY, now).await.expect("a count");
    assert!(taken.allowed);
    assert_eq!((taken.standing.used, meter.counted()), (1, 1));
}

#[tokio::test]
async fn what_is_given_back_for_a_caller_that_went_away_is_not_given_back_again() {
    let meter = Arc::new(Silent::default());
    let quotas = Arc::new(Quotas::new(meter.clone()));
    let now = at("2026-01-31T12:00:00Z");
    for _ in 0..2 {
        assert!(quotas.take(&acme(), DAY, now).await.expect("a count").allowed);
    }
    assert!(meter.counted() > 2, "a block is held");
    let done = meter.done.load(Ordering::Relaxed);
    meter.is_silent.store(true, Ordering::Relaxed);
    // Of another limit, so that what is held goes back.
    let gone = tokio::spawn({
        let quotas = quotas.clone();
        async move { quotas.standing(&acme(), Quota { limit: 900, ..DAY }, now).await }
    });
    meter.has_done(done + 1).await;
    gone.abort();
    gone.await.expect_err("it went away");
    meter.is_silent.store(false, Ordering::Relaxed);
    quotas.give_back().await;
    assert_eq!(meter.counted(), 2);
}
