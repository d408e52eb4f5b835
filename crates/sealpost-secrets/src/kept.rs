//! Values of remote stores, kept for a while; each is asked for once however many want it.
//!
//! ```text
//!   fresh ──[ttl]──▶ asked again ──answer──▶ fresh
//!                        │ no answer: what is kept serves on, until its limit; then the store's error
//!   stale ───────────────┘ no answer: the store's error at once, because the value was refused somewhere
//! ```
//!
//! That it does not give us the secret (any more) is an answer: what was kept serves nobody from then on.
//!
//! A secret is asked for at most once a second, whatever callers do: those that come together wait for one answer. That a
//! secret is not there, and that the store does not answer, is remembered for a few seconds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sealpost_core::error::codes;
use sealpost_core::secret::Secret;
use sealpost_core::{Error, Result};
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::{Instant, sleep_until, timeout};

use crate::settings::SecretsSettings;

/// The least time between two questions for one secret.
const BETWEEN: Duration = Duration::from_secs(1);
/// How long a failure is repeated without asking.
const FAILURE: Duration = Duration::from_secs(5);
/// How long the store may take while there is a value that can serve instead.
const PATIENCE: Duration = Duration::from_secs(3);
/// With so many places, those that hold nothing are cleared away.
const MANY: usize = 256;

/// A secret and one of its stages.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) stage: String,
}

/// How long values are kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Until it is asked for again.
    pub(crate) ttl: Duration,
    /// Since it was given, while the store does not answer.
    pub(crate) stale: Duration,
}

impl Limits {
    pub(crate) fn of(settings: &SecretsSettings) -> Self {
        Self {
            ttl: Duration::from_secs(settings.cache_s),
            stale: Duration::from_secs(settings.stale_limit_s.max(settings.cache_s)),
        }
    }
}

/// What a store gave.
pub(crate) struct Given {
    /// The value; `None` where the lease of the one that is kept goes on.
    pub(crate) value: Option<Secret>,
    /// For how long it may be counted on, where the store says so: then it is kept no longer than that, but as long as half
    /// of it without asking.
    pub(crate) lease: Option<Lease>,
    /// How soon it is asked for again at the latest, where that is sooner than usual.
    pub(crate) soon: Option<Duration>,
}

impl Given {
    /// A value like any other.
    pub(crate) fn value(value: Secret) -> Self {
        Self { value: Some(value), lease: None, soon: None }
    }
}

/// A value that ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lease {
    /// By which the store knows it.
    pub(crate) id: String,
    /// When it was new.
    pub(crate) whole: Duration,
    /// From now.
    pub(crate) left: Duration,
    /// For how long it may be counted on, from now: it may end before its time, with the login that it was taken with.
    pub(crate) counted: Duration,
    /// The login that it was taken with.
    pub(crate) login: u64,
    /// Whether it may be renewed.
    pub(crate) renewable: bool,
}

/// What is kept.
pub(crate) struct Kept {
    limits: Limits,
    places: Mutex<HashMap<Key, Arc<Place>>>,
}

#[derive(Default)]
struct Place {
    /// Whoever holds it asks the store; the others wait for what comes.
    held: AsyncMutex<Held>,
    marks: Mutex<Marks>,
}

#[derive(Default)]
struct Marks {
    /// When someone said last that the value does not work.
    stale: Option<Instant>,
    /// When someone wanted it last.
    wanted: Option<Instant>,
    /// The lease that someone tends.
    tended: Option<String>,
}

impl Marks {
    /// Whoever tended the lease does so no more.
    fn leave(&mut self, lease: &str) {
        if self.tended.as_deref() == Some(lease) {
            self.tended = None;
        }
    }

    /// Whoever tended one lease tends the other from now on. `false` where it is tended by somebody else by now.
    fn hand_over(&mut self, old: &str, new: &str) -> bool {
        let is_ours = self.tended.as_deref() == Some(old);
        if is_ours {
            self.tended = Some(new.to_owned());
        }
        is_ours
    }
}

#[derive(Default)]
struct Held {
    value: Option<Value>,
    /// When the store was asked last.
    asked: Option<Instant>,
    /// What it said, where that was no value.
    failure: Option<Error>,
}

struct Value {
    secret: Arc<Secret>,
    /// When the store was asked for it, or confirmed it.
    since: Instant,
    fresh_until: Instant,
    serves_until: Instant,
    lease: Option<Lease>,
}

impl Value {
    /// The lease as it is at a time, unless it has run out by itself.
    fn lease_at(&self, now: Instant) -> Option<Lease> {
        let lease = self.lease.as_ref()?;
        let left = (self.since + lease.left).saturating_duration_since(now);
        let counted = self.serves_until.saturating_duration_since(now);
        (!left.is_zero()).then(|| Lease { left, counted, ..lease.clone() })
    }
}

impl Kept {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, places: Mutex::default() }
    }

    /// The kept value, or what `fetch` brings. It is given the lease of a value that may go on instead.
    pub(crate) async fn get<F>(&self, key: &Key, fetch: impl FnOnce(Option<Lease>) -> F) -> Result<Arc<Secret>>
    where
        F: Future<Output = Result<Given>>,
    {
        let place = self.place(key);
        place.marks().wanted = Some(Instant::now());
        self.look(&place, fetch).await
    }

    /// Whether nobody tends this lease yet: then the caller does so from now on, with [`tend`](Self::tend).
    pub(crate) fn claim(&self, key: &Key, lease: &str) -> bool {
        let place = self.place(key);
        let mut marks = place.marks();
        let is_free = marks.tended.as_deref() != Some(lease);
        if is_free {
            marks.tended = Some(lease.to_owned());
        }
        is_free
    }

    /// As [`get`](Self::get) for a value that is kept, by nobody's wish: its lease must not run out. Gives the time until the
    /// next look, and in `lease` the one that took its place; `None` where the lease is not kept any more, or was not wanted
    /// for so long: then it may be claimed again.
    pub(crate) async fn tend<F>(
        &self,
        key: &Key,
        lease: &mut String,
        unwanted: Duration,
        fetch: impl FnOnce(Option<Lease>) -> F,
    ) -> Option<Duration>
    where
        F: Future<Output = Result<Given>>,
    {
        let place = self.places().get(key).cloned()?;
        {
            let mut marks = place.marks();
            if marks.wanted.is_none_or(|wanted| wanted.elapsed() > unwanted) {
                // While nobody can begin to want it: whoever does so next finds that it is not tended.
                marks.leave(lease);
                return None;
            }
        }
        let (id, _) = place.tended(lease).await?;
        if id != *lease {
            // Somebody else's, who tends it.
            return None;
        }
        // What went wrong is told to whoever wants the value; here it is tried again.
        let _looked: Result<_> = self.look(&place, fetch).await;
        let (id, next) = place.tended(lease).await?;
        if !place.marks().hand_over(lease, &id) {
            return None;
        }
        *lease = id;
        Some(next.saturating_duration_since(Instant::now()).max(FAILURE))
    }

    async fn look<F>(&self, place: &Place, fetch: impl FnOnce(Option<Lease>) -> F) -> Result<Arc<Secret>>
    where
        F: Future<Output = Result<Given>>,
    {
        let mut held = place.held.lock().await;
        let now = Instant::now();
        let is_refused = |since: Instant| place.marks().stale.is_some_and(|stale| stale >= since);
        let refused = held.value.as_ref().is_some_and(|value| is_refused(value.since));
        if let Some(value) = held.value.as_ref().filter(|value| !refused && now < value.fresh_until) {
            return Ok(value.secret.clone());
        }
        let can_serve = held.value.as_ref().is_some_and(|value| !refused && now < value.serves_until);
        if let (Some(asked), Some(failure)) = (held.asked, &held.failure)
            && asked.elapsed() < FAILURE
            && !is_refused(asked)
        {
            return match &held.value {
                Some(value) if can_serve && is_away(failure) => Ok(value.secret.clone()),
                _ => Err(failure.clone()),
            };
        }
        if let Some(asked) = held.asked {
            sleep_until(asked + BETWEEN).await;
        }
        let asked = Instant::now();
        held.asked = Some(asked);
        let answer = fetch(held.value.as_ref().filter(|_| !refused).and_then(|value| value.lease_at(asked)));
        let answer = if can_serve {
            timeout(PATIENCE, answer).await.unwrap_or_else(|_| Err(crate::unreachable("no answer in time")))
        } else {
            answer.await
        };
        match answer {
            Ok(given) => {
                held.failure = None;
                self.take(&mut held, given, asked)
            }
            Err(error) => {
                let outcome = match &held.value {
                    Some(value) if can_serve && is_away(&error) => {
                        tracing::warn!(%error, "a secret store does not answer: the kept value serves on");
                        Ok(value.secret.clone())
                    }
                    Some(value) if is_away(&error) && !refused => {
                        let kept = value.since.elapsed().as_secs();
                        Err(error.clone().context(format!("the kept value is {kept} s old, past its limit")))
                    }
                    _ => Err(error.clone()),
                };
                if !is_away(&error) {
                    held.value = None;
                }
                held.failure = Some(error);
                outcome
            }
        }
    }

    fn take(&self, held: &mut Held, given: Given, asked: Instant) -> Result<Arc<Secret>> {
        let secret = match (given.value, held.value.take()) {
            (Some(value), _) => Arc::new(value),
            (None, Some(value)) => value.secret,
            (None, None) => return Err(crate::unreachable("a lease goes on that is not kept")),
        };
        let (fresh, serves) = match &given.lease {
            Some(lease) => (lease.counted / 2, lease.counted),
            None => (self.limits.ttl, self.limits.stale),
        };
        let fresh = given.soon.map_or(fresh, |soon| soon.min(fresh));
        held.value = Some(Value {
            secret: secret.clone(),
            since: asked,
            fresh_until: asked + fresh,
            serves_until: asked + serves,
            lease: given.lease,
        });
        Ok(secret)
    }

    /// Told that a value of the secret did not work, in any stage. Who waits for an answer that is under way still gets it,
    /// and the next one asks again.
    pub(crate) fn stale(&self, id: &str) {
        let now = Instant::now();
        for (_, place) in self.places().iter().filter(|(key, _)| key.id == id) {
            place.marks().stale = Some(now);
        }
    }

    fn place(&self, key: &Key) -> Arc<Place> {
        let mut places = self.places();
        if let Some(place) = places.get(key) {
            return place.clone();
        }
        if places.len() >= MANY {
            let now = Instant::now();
            places.retain(|_, place| {
                Arc::strong_count(place) > 1
                    || place.held.try_lock().is_ok_and(|held| {
                        let serves = held.value.as_ref().is_some_and(|value| now < value.serves_until);
                        serves || held.asked.is_some_and(|asked| now < asked + FAILURE)
                    })
            });
        }
        places.entry(key.clone()).or_default().clone()
    }

    fn places(&self) -> MutexGuard<'_, HashMap<Key, Arc<Place>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the store gave no answer, rather than one that is no value.
fn is_away(error: &Error) -> bool {
    error.is(&codes::secrets::UNREACHABLE) || error.is(&codes::secrets::SEALED)
}

impl Place {
    /// The lease that is kept, and until when its value is fresh. Where there is none, the one that the caller tends is left.
    async fn tended(&self, lease: &str) -> Option<(String, Instant)> {
        let held = self.held.lock().await;
        let kept = held.value.as_ref().filter(|value| value.serves_until > Instant::now()).and_then(|value| {
            let lease = value.lease.as_ref().filter(|lease| lease.renewable)?;
            Some((lease.id.clone(), value.fresh_until))
        });
        if kept.is_none() {
            // While nobody can bring it back: whoever does so next finds that it is not tended.
            self.marks().leave(lease);
        }
        kept
    }

    fn marks(&self) -> MutexGuard<'_, Marks> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
