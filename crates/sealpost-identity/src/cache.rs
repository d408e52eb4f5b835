//! The keys of one issuer: kept, renewed before they are stale, fetched once however many ask.
//!
//! Verifications with a key that is here read behind a lock that is held for a pointer's copy, and never wait. A fetch is
//! a task of its own, which all who need it wait for together; who goes away meanwhile does not end it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use sealpost_core::error::{Error, Result};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::discovery::{Found, fetch_keys};
use crate::fetch::Fetcher;
use crate::header::Header;
use crate::keys::{Choice, KeySet};
use crate::refusal::unavailable;
use crate::settings::KeySource;
use crate::timing::Timing;
use crate::unknown::UnknownKeys;

/// While an issuer is down, each eighth attempt gets its full time: one that is only slow comes out of this again.
const PATIENT_ATTEMPT: u32 = 8;

/// Keys that were fetched.
pub(crate) struct Cached {
    pub(crate) keys: KeySet,
    /// Where they are from.
    pub(crate) url: Url,
    /// How long they are fresh.
    pub(crate) age: Duration,
    /// When to renew them: a little before they are stale.
    due: End,
    /// When they stop being used if the issuer never answers again.
    end: End,
}

/// The end of a time, by whichever clock gets there first: while a function is frozen between two events, the monotonic one
/// may stand still.
struct End {
    at: Instant,
    wall: SystemTime,
}

impl End {
    fn of(time: Duration) -> Self {
        Self { at: Instant::now() + time, wall: SystemTime::now() + time }
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.at || SystemTime::now() >= self.wall
    }
}

type Outcome = Result<(), String>;

/// The keys of one issuer.
pub(crate) struct KeyCache {
    /// The issuer's name in the configuration.
    name: String,
    issuer: String,
    source: KeySource,
    fetcher: Arc<Fetcher>,
    timing: Timing,
    current: RwLock<Option<Arc<Cached>>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    flight: Option<watch::Receiver<Option<Outcome>>>,
    attempted: Option<Instant>,
    /// How many fetches failed in a row, and why the last one did.
    failures: Option<(u32, String)>,
    unknown: UnknownKeys,
}

impl State {
    /// The fetch that is under way.
    fn flight(&self) -> Option<watch::Receiver<Option<Outcome>>> {
        // Neither landed nor given up. One that has landed knows nothing of keys that came since.
        let flying =
            |flight: &&watch::Receiver<Option<Outcome>>| flight.borrow().is_none() && flight.has_changed().is_ok();
        self.flight.as_ref().filter(flying).cloned()
    }

    /// When the next attempt is allowed after a failure; at once after none.
    fn retry_at(&self, timing: &Timing) -> Option<Instant> {
        let (count, _) = self.failures.as_ref()?;
        Some(self.attempted? + timing.retry(*count))
    }

    /// Whether the issuer is not worth waiting for: the last fetch failed.
    fn is_down(&self) -> bool {
        self.failures.as_ref().is_some_and(|(count, _)| !count.is_multiple_of(PATIENT_ATTEMPT))
    }
}

impl KeyCache {
    pub(crate) fn new(name: &str, issuer: &str, source: KeySource, fetcher: Arc<Fetcher>, timing: Timing) -> Arc<Self> {
        let (name, issuer) = (name.to_owned(), issuer.to_owned());
        Arc::new(Self { name, issuer, source, fetcher, timing, current: RwLock::default(), state: Mutex::default() })
    }

    /// The keys for a token with this header. They may lack the key that it needs: then the issuer was asked, or was
    /// asked not long ago.
    ///
    /// # Errors
    /// `SP-REQUEST-031` where there are no keys, or where the key is unknown and the issuer does not answer.
    pub(crate) async fn for_token(self: &Arc<Self>, header: &Header) -> Result<Arc<Cached>> {
        let Some(cached) = self.usable() else {
            return self.first().await;
        };
        if cached.due.is_over() {
            self.renew_in_passing();
        }
        if matches!(cached.keys.choose(header), Choice::Unknown) {
            return self.newer(cached, header).await;
        }
        Ok(cached)
    }

    /// Fetches the keys anew, together with everyone who does so at the same time.
    ///
    /// # Errors
    /// `SP-REQUEST-031` with the reason.
    pub(crate) async fn refresh(self: &Arc<Self>) -> Result<Arc<Cached>> {
        let flight = {
            let mut state = self.state();
            state.flight().unwrap_or_else(|| self.start(&mut state))
        };
        self.landed(flight).await
    }

    /// Keeps the keys fresh until shutdown: fetches them now, and again before they are stale.
    pub(crate) async fn keep_fresh(self: &Arc<Self>, shutdown: &CancellationToken) {
        loop {
            let due = self.due();
            let renew = async {
                tokio::time::sleep_until(due.into()).await;
                // A verification may have renewed them meanwhile.
                if self.due() <= Instant::now() {
                    // What failed is logged where it is recorded.
                    drop(self.refresh().await);
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = renew => {}
            }
        }
    }

    /// Waits for new keys if those that are here are stale or missing; after a fetch that failed, for so long only.
    ///
    /// A process that is stopped between two requests loses what it does meanwhile: nobody but a request that waits gets the keys of
    /// an issuer that is slow.
    pub(crate) async fn refresh_if_due(self: &Arc<Self>, patience: Duration) {
        if self.due() > Instant::now() {
            return;
        }
        let is_down = self.state().is_down();
        if is_down {
            // A fetch that nobody waits for any more goes on by itself.
            drop(tokio::time::timeout(patience, self.refresh()).await);
        } else {
            drop(self.refresh().await);
        }
    }

    async fn first(self: &Arc<Self>) -> Result<Arc<Cached>> {
        let flight = {
            let mut state = self.state();
            match state.flight() {
                Some(flight) => flight,
                None if state.retry_at(&self.timing).is_none_or(|at| at <= Instant::now()) => self.start(&mut state),
                None => return Err(self.unavailable(&state)),
            }
        };
        self.landed(flight).await
    }

    /// Keys that may be newer than these, for a token that none of these is for, or has signed: the same where the issuer was
    /// asked not long ago.
    ///
    /// # Errors
    /// `SP-REQUEST-031` where the issuer does not answer.
    pub(crate) async fn newer(self: &Arc<Self>, cached: Arc<Cached>, header: &Header) -> Result<Arc<Cached>> {
        let id = header.key_id.as_deref();
        let flight = {
            let mut state = self.state();
            match state.flight() {
                Some(flight) => flight,
                None if state.unknown.may_ask(id, Instant::now(), &self.timing) => self.start(&mut state),
                None if state.failures.is_some() => return Err(self.unavailable(&state)),
                None => return Ok(cached),
            }
        };
        let cached = self.landed(flight).await?;
        // That there is none for tokens without an id is not remembered: a forged one would keep the right ones out.
        if let (Some(id), Choice::Unknown) = (id, cached.keys.choose(header)) {
            self.state().unknown.remember(id, Instant::now());
        }
        Ok(cached)
    }

    fn renew_in_passing(self: &Arc<Self>) {
        let mut state = self.state();
        if state.flight().is_none() && state.retry_at(&self.timing).is_none_or(|at| at <= Instant::now()) {
            self.start(&mut state);
        }
    }

    fn start(self: &Arc<Self>, state: &mut State) -> watch::Receiver<Option<Outcome>> {
        let (landed, flight) = watch::channel(None);
        state.flight = Some(flight.clone());
        state.attempted = Some(Instant::now());
        let cache = Arc::clone(self);
        tokio::spawn(async move {
            let outcome = cache.fetch().await;
            landed.send_replace(Some(outcome));
        });
        flight
    }

    async fn landed(&self, mut flight: watch::Receiver<Option<Outcome>>) -> Result<Arc<Cached>> {
        let outcome = match flight.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or(Ok(())),
            Err(_) => Err("the fetch of its keys was ended".to_owned()),
        };
        outcome.map_err(|why| unavailable(&self.name, &why))?;
        self.usable().ok_or_else(|| unavailable(&self.name, "its keys are too old"))
    }

    async fn fetch(&self) -> Outcome {
        match fetch_keys(&self.fetcher, &self.issuer, &self.source).await {
            Ok(found) => {
                self.keep(found);
                Ok(())
            }
            Err(why) => {
                let mut state = self.state();
                let count = state.failures.as_ref().map_or(0, |(count, _)| *count).saturating_add(1);
                state.failures = Some((count, why.clone()));
                // The pause begins with the failure: what was long in coming is not asked for again by whoever has just waited.
                state.attempted = Some(Instant::now());
                drop(state);
                tracing::warn!(issuer = self.name, failures = count, "keys of the issuer can't be fetched: {why}");
                Err(why)
            }
        }
    }

    fn keep(&self, found: Found) {
        let Found { keys, url, max_age } = found;
        let age = self.timing.age(max_age);
        if keys.is_empty() {
            // No failure: an issuer that withdraws all its keys means it.
            tracing::warn!(issuer = self.name, keys = keys.describe(), "the issuer has no key that can be used");
        } else {
            tracing::debug!(issuer = self.name, keys = keys.describe(), "keys of the issuer are renewed");
        }
        let (due, end) = (End::of(age.mul_f32(0.9)), End::of(age + self.timing.without_issuer));
        let cached = Cached { keys, url, age, due, end };
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(cached));
        self.state().failures = None;
    }

    /// The keys that are here, unless they are too old.
    fn usable(&self) -> Option<Arc<Cached>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        current.filter(|cached| !cached.end.is_over())
    }

    /// When to fetch next.
    fn due(&self) -> Instant {
        let cached = self.usable();
        let retry_at = self.state().retry_at(&self.timing);
        let due = cached.filter(|cached| !cached.due.is_over()).map(|cached| cached.due.at);
        retry_at.or(due).unwrap_or_else(Instant::now)
    }

    fn unavailable(&self, state: &State) -> Error {
        let why = state.failures.as_ref().map_or("its keys are not here yet", |(_, why)| why);
        unavailable(&self.name, why)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
