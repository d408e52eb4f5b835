//! Quotas: requests of a calendar period, reserved from the ledger in blocks (ADR 0011).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::id::PartnerId;
use sealpost_core::port::UsageMeter;
use sealpost_core::usage::{Quota, UsageWindow};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// Most requests that a process reserves at once for a partner that asks seldom.
const SMALL_BLOCK: u64 = 64;
/// Most requests that a process reserves at once. Blocks grow while each lasts less than [`SOON`], so that the number of
/// reservations does not grow with that of requests: what a crash loses is what the partner asks for in a second or two.
const LARGEST_BLOCK: u64 = 4096;
/// A block that is used up within this time is followed by one of twice the size.
const SOON: Duration = Duration::from_secs(1);
/// A block is this part of what is left, so that near the limit processes reserve single requests.
const SHARE: u64 = 20;
/// How long a used up quota is taken as such before the ledger is asked again: another process may have given back.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// How long a block lies unused before it is given back, for other processes to use.
const IDLE: Duration = Duration::from_secs(10);
/// How long counts of windows that have ended are kept.
const KEPT: SignedDuration = SignedDuration::from_hours(62 * 24);

/// How a partner stands with its quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaStanding {
    /// The quota.
    pub quota: Quota,
    /// The period that counts now.
    pub window: UsageWindow,
    /// Requests counted so far. What other processes have reserved counts as used.
    pub used: u64,
}

impl QuotaStanding {
    /// Requests that are left.
    #[must_use]
    pub fn remaining(&self) -> u64 {
        self.quota.limit.saturating_sub(self.used)
    }
}

/// Whether a request was within the quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// It was, and is counted.
    pub allowed: bool,
    /// How the partner stands after it.
    pub standing: QuotaStanding,
}

/// The process's side of the meter.
pub struct Quotas {
    meter: Arc<dyn UsageMeter>,
    partners: Mutex<HashMap<PartnerId, Arc<AsyncMutex<Held>>>>,
    /// Whether the sweeper runs; it needs a runtime, which there is when the first request comes.
    sweeping: std::sync::Once,
}

/// What this process holds for a partner.
#[derive(Default)]
struct Held {
    /// Of which window and limit.
    of: Option<(UsageWindow, u64)>,
    /// Reserved and not used.
    left: u64,
    /// The last block that was reserved, and when.
    block: Option<(u64, Instant)>,
    /// Reserved by all processes, as of the last reservation.
    total: Option<u64>,
    /// When the ledger last had nothing more.
    empty_since: Option<Instant>,
    used_at: Option<Instant>,
}

impl Held {
    /// The window that something may be held of, where it is that of now and of this quota.
    fn window(&self, quota: Quota, now: Timestamp) -> Option<UsageWindow> {
        let (window, limit) = self.of?;
        let is_same =
            window.period == quota.period && limit == quota.limit && (window.start..window.end).contains(&now);
        is_same.then_some(window)
    }

    /// Whether the ledger has to be asked for the next request.
    fn is_to_ask(&self) -> bool {
        self.left == 0 && self.empty_since.is_none_or(|since| since.elapsed() >= ASK_AGAIN)
    }

    /// Takes a request out of what is reserved, if there is one.
    fn give(&mut self, quota: Quota, window: UsageWindow) -> Taken {
        let allowed = self.left > 0;
        if allowed {
            self.left -= 1;
            self.used_at = Some(Instant::now());
        }
        let used = self.total.unwrap_or(0).saturating_sub(self.left);
        Taken { allowed, standing: QuotaStanding { quota, window, used } }
    }

    /// How many requests the next block may have.
    fn most(&self) -> u64 {
        match self.block {
            Some((last, at)) if at.elapsed() < SOON => (last * 2).clamp(SMALL_BLOCK, LARGEST_BLOCK),
            _ => SMALL_BLOCK,
        }
    }
}

impl Quotas {
    pub(crate) fn new(meter: Arc<dyn UsageMeter>) -> Self {
        Self { meter, partners: Mutex::default(), sweeping: std::sync::Once::new() }
    }

    /// Counts a request, if the quota allows it.
    ///
    /// # Errors
    /// `SP-LEDGER-001`: a request that can't be counted is not allowed.
    pub async fn take(self: &Arc<Self>, partner: &PartnerId, quota: Quota, now: Timestamp) -> Result<Taken> {
        self.sweep_from_now_on();
        // Held across the reservation: requests that come meanwhile need its outcome too.
        let held = self.held(partner).lock_owned().await;
        let (mut held, window) = match held.window(quota, now) {
            Some(window) if !held.is_to_ask() => (held, window),
            _ => {
                // Not by this caller, who may go away: what is granted meanwhile is this process's nevertheless.
                let (quotas, partner) = (self.clone(), partner.clone());
                let reserving = tokio::spawn(async move { quotas.reserve(&partner, held, quota, now).await });
                let broken = |error| Error::new(&codes::ledger::UNREACHABLE, format!("a quota: {error}"));
                reserving.await.map_err(broken)??
            }
        };
        Ok(held.give(quota, window))
    }

    /// What is held after the window has turned, if it has to, and a block was reserved, if there is need of one.
    async fn reserve(
        &self,
        partner: &PartnerId,
        mut held: OwnedMutexGuard<Held>,
        quota: Quota,
        now: Timestamp,
    ) -> Result<(OwnedMutexGuard<Held>, UsageWindow)> {
        let window = self.turn(partner, &mut held, quota, now).await;
        if held.is_to_ask() {
            // Of a limit that nobody has looked at yet one request is reserved, which tells how much is left.
            let room = held.total.map_or(0, |total| quota.limit.saturating_sub(total));
            let block = (room / SHARE).clamp(1, held.most());
            held.block = Some((block, Instant::now()));
            let reserved = self.meter.reserve(partner, &window, block, quota.limit).await?;
            held.left = reserved.granted;
            held.total = Some(reserved.total);
            held.empty_since = (reserved.granted == 0).then(Instant::now);
        }
        Ok((held, window))
    }

    /// [`take`](Self::take) where nothing has to be asked for it: requests are reserved for this window and limit, and nobody
    /// else is at it.
    #[must_use]
    pub fn take_at_once(&self, partner: &PartnerId, quota: Quota, now: Timestamp) -> Option<Taken> {
        let held = self.lock().get(partner)?.clone();
        let mut held = held.try_lock().ok()?;
        let window = held.window(quota, now)?;
        (held.left > 0).then(|| held.give(quota, window))
    }

    /// How a partner stands, without counting anything.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    pub async fn standing(&self, partner: &PartnerId, quota: Quota, now: Timestamp) -> Result<QuotaStanding> {
        let held = self.held(partner);
        let mut held = held.lock().await;
        let window = self.turn(partner, &mut held, quota, now).await;
        let total = self.meter.reserved(partner, &window).await?;
        held.total = Some(total);
        Ok(QuotaStanding { quota, window, used: total.saturating_sub(held.left) })
    }

    /// Gives back everything that is reserved and not used. To be called when no requests come any more.
    pub async fn give_back(&self) {
        let all: Vec<_> = self.lock().drain().collect();
        for (partner, held) in all {
            self.release(&partner, &mut *held.lock().await).await;
        }
    }

    /// Forgets counts of windows that ended long ago.
    pub(crate) async fn forget_old(&self) -> Result<()> {
        self.meter.forget_before(Timestamp::now() - KEPT).await
    }

    /// The window of now. What is held of another one, or of another limit, is given back.
    async fn turn(&self, partner: &PartnerId, held: &mut Held, quota: Quota, now: Timestamp) -> UsageWindow {
        // The calendar is asked once for each window.
        let same = held.of.map(|(window, _)| window).filter(|window| window.period == quota.period);
        let window = same.filter(|window| (window.start..window.end).contains(&now));
        let window = window.unwrap_or_else(|| quota.period.window(now));
        if held.of != Some((window, quota.limit)) {
            self.release(partner, held).await;
            *held = Held { of: Some((window, quota.limit)), ..Held::default() };
        }
        window
    }

    async fn release(&self, partner: &PartnerId, held: &mut Held) {
        // Taken first: whoever waits for this may go away, and given back twice they would be somebody else's.
        let left = std::mem::take(&mut held.left);
        let Some((window, _)) = held.of.filter(|_| left > 0) else { return };
        match self.meter.give_back(partner, &window, left).await {
            Ok(()) => held.total = held.total.map(|total| total.saturating_sub(left)),
            // Lost to the partner until the window ends, as if this process had died.
            Err(error) => {
                tracing::warn!(target: "sealpost::usage", %partner, requests = left, %error, "reserved requests were not given back");
            }
        }
    }

    fn held(&self, partner: &PartnerId) -> Arc<AsyncMutex<Held>> {
        let mut partners = self.lock();
        if let Some(held) = partners.get(partner) {
            return held.clone();
        }
        partners.entry(partner.clone()).or_default().clone()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PartnerId, Arc<AsyncMutex<Held>>>> {
        // Every critical section leaves the map whole.
        self.partners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sweep_from_now_on(self: &Arc<Self>) {
        self.sweeping.call_once(|| {
            let quotas = Arc::downgrade(self);
            tokio::spawn(async move {
                let mut forgot: Option<Instant> = None;
                loop {
                    tokio::time::sleep(IDLE / 2).await;
                    let Some(quotas) = quotas.upgrade() else { return };
                    quotas.sweep(IDLE).await;
                    if forgot.is_none_or(|at| at.elapsed() > Duration::from_secs(3600)) {
                        forgot = Some(Instant::now());
                        if let Err(error) = quotas.forget_old().await {
                            tracing::debug!(target: "sealpost::usage", %error, "old windows were not forgotten");
                        }
                    }
                }
            });
        });
    }

    /// Gives back what lies unused, and forgets partners that ask for nothing.
    async fn sweep(&self, idle: Duration) {
        let all: Vec<_> = self.lock().iter().map(|(partner, held)| (partner.clone(), held.clone())).collect();
        for (partner, held) in all {
            {
                let mut held = held.lock().await;
                // A large block of a partner that has become slow is of use to other processes too.
                let is_long = held.left > SMALL_BLOCK && held.block.is_some_and(|(_, at)| at.elapsed() >= idle);
                if held.used_at.is_some_and(|at| at.elapsed() < idle) && !is_long {
                    continue;
                }
                self.release(&partner, &mut held).await;
            }
            // Ours, the map's: nobody else has it, and under the map's lock nobody can get it.
            let mut partners = self.lock();
            if Arc::strong_count(&held) == 2 && held.try_lock().is_ok_and(|held| held.left == 0) {
                partners.remove(&partner);
            }
        }
    }
}

#[cfg(test)]
mod tests;
