//! Values that are kept for a while, each asked for once however many want it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sealpost_core::Result;
use sealpost_core::secret::Secret;
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;

/// How long a value is kept. A rotated secret works for longer than that: its previous version stays valid.
const LONGEST: Duration = Duration::from_secs(60);
/// With so many places, those that hold nothing are cleared away.
const MANY: usize = 256;

/// A secret and one of its stages.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) id: String,
    pub(super) stage: String,
}

/// What is kept.
#[derive(Default)]
pub(super) struct Kept(Mutex<HashMap<Key, Arc<Place>>>);

/// Whoever holds it asks the service; the others wait for what comes.
type Place = AsyncMutex<Option<(Instant, Arc<Secret>)>>;

impl Kept {
    /// The kept value, or what `fetch` brings. Failures are not kept.
    pub(super) async fn get<F>(&self, key: Key, fetch: impl FnOnce() -> F) -> Result<Arc<Secret>>
    where
        F: Future<Output = Result<Secret>>,
    {
        let place = self.place(key);
        let mut held = place.lock().await;
        if let Some((since, value)) = &*held
            && since.elapsed() < LONGEST
        {
            return Ok(value.clone());
        }
        *held = None;
        let value = Arc::new(fetch().await?);
        *held = Some((Instant::now(), value.clone()));
        Ok(value)
    }

    /// Drops every stage of a secret. Who waits for an answer that is under way still gets it; it is not kept then.
    pub(super) fn forget(&self, id: &str) {
        self.places().retain(|key, _| key.id != id);
    }

    fn place(&self, key: Key) -> Arc<Place> {
        let mut places = self.places();
        if places.len() >= MANY {
            places.retain(|_, place| {
                Arc::strong_count(place) > 1
                    || place
                        .try_lock()
                        .is_ok_and(|held| held.as_ref().is_some_and(|(since, _)| since.elapsed() < LONGEST))
            });
        }
        places.entry(key).or_default().clone()
    }

    fn places(&self) -> MutexGuard<'_, HashMap<Key, Arc<Place>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use sealpost_core::Error;
    use sealpost_core::error::codes;

    use super::*;

    fn key(id: &str) -> Key {
        Key { id: id.to_owned(), stage: "AWSCURRENT".to_owned() }
    }

    /// Gives a value that says how often it was asked for.
    async fn ask(kept: &Kept, id: &str, asked: &AtomicUsize) -> String {
        let fetch = || async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(Secret::new((asked.fetch_add(1, Ordering::SeqCst) + 1).to_string().into_bytes()))
        };
        kept.get(key(id), fetch).await.unwrap().expose_text().unwrap().to_owned()
    }

    #[tokio::test(start_paused = true)]
    async fn one_call_serves_all_for_a_minute() {
        let (kept, asked) = (Kept::default(), AtomicUsize::new(0));
        let all = futures::future::join_all((0..50).map(|_| ask(&kept, "a", &asked))).await;
        assert!(all.iter().all(|value| value == "1"), "{all:?}");
        tokio::time::advance(LONGEST - Duration::from_secs(1)).await;
        assert_eq!(ask(&kept, "a", &asked).await, "1");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(ask(&kept, "a", &asked).await, "2");
        kept.forget("b");
        assert_eq!(ask(&kept, "a", &asked).await, "2");
        kept.forget("a");
        assert_eq!(ask(&kept, "a", &asked).await, "3");
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_on_its_way_when_it_was_dropped_is_not_kept() {
        let (kept, asked) = (Kept::default(), AtomicUsize::new(0));
        let (early, ()) = tokio::join!(ask(&kept, "a", &asked), async { kept.forget("a") });
        assert_eq!(early, "1");
        assert_eq!(ask(&kept, "a", &asked).await, "2");
    }

    #[tokio::test(start_paused = true)]
    async fn failures_are_not_kept_and_places_are_cleared() {
        let (kept, asked) = (Kept::default(), AtomicUsize::new(0));
        let fails = || async { Err(Error::new(&codes::secrets::MISSING, "no")) };
        for number in 0..MANY {
            assert!(kept.get(key(&number.to_string()), fails).await.is_err());
        }
        assert_eq!(ask(&kept, "0", &asked).await, "1");
        assert!(kept.places().len() <= 1);
    }
}
