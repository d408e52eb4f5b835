//! Who was looked up a moment ago: at a thousand requests per second the same few records would be read and parsed a
//! thousand times.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use sealpost_core::id::{ApiKeyId, PartnerId};
use sealpost_core::identity::Identity;
use sealpost_core::partner::{ApiKey, Partner};

use super::Found;

/// How long a record is believed without asking again: what another process changes is seen after this time.
const FRESH: Duration = Duration::from_secs(1);
/// Most entries. Only callers that exist get one, so that nobody can fill it with made-up names.
const MOST: usize = 10_000;

/// What a record is looked up by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Name {
    Partner(PartnerId),
    ApiKey(ApiKeyId),
    Identity(Identity),
}

/// A point between two changes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    change: u64,
    /// By the wall clock: the other one may stand still while a function is frozen between two events.
    at: SystemTime,
}

/// The records of the last second.
#[derive(Default)]
pub(super) struct Known {
    /// Grows with each change that this process makes.
    changes: Arc<AtomicU64>,
    found: Mutex<HashMap<Name, Found>>,
}

impl Known {
    /// Forgets all whenever the number changes.
    pub(super) fn following(changes: Arc<AtomicU64>) -> Self {
        Self { changes, ..Self::default() }
    }

    /// The present moment; anything looked up from now on is at least this new.
    pub(super) fn now(&self) -> Moment {
        Moment { change: self.changes.load(Ordering::Acquire), at: SystemTime::now() }
    }

    pub(super) fn get(&self, name: &Name) -> Option<(Arc<Partner>, Option<Arc<ApiKey>>)> {
        let now = self.now();
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = found.get(name).filter(|found| found.seen.is_fresh(now))?;
        Some((fresh.partner.clone(), fresh.key.clone()))
    }

    /// Keeps what was found, and gives it back.
    pub(super) fn keep(&self, name: Name, new: Found) -> (Arc<Partner>, Option<Arc<ApiKey>>) {
        let outcome = (new.partner.clone(), new.key.clone());
        let now = self.now();
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if found.len() >= MOST {
            found.retain(|_, found| found.seen.is_fresh(now));
        }
        if found.len() < MOST {
            found.insert(name, new);
        }
        outcome
    }
}

impl Moment {
    fn is_fresh(self, now: Self) -> bool {
        // A clock that was set back makes it old.
        self.change == now.change && now.at.duration_since(self.at).is_ok_and(|age| age < FRESH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(known: &Known) -> Found {
        let document = serde_json::json!({"id": "acme", "name": "Acme", "scope": "1"});
        let partner = serde_json::from_value(document).expect("a partner");
        Found { partner: Arc::new(partner), key: None, seen: known.now() }
    }

    fn name(subject: usize) -> Name {
        Name::Identity(Identity { issuer: "test".to_owned(), subject: subject.to_string() })
    }

    #[test]
    fn a_change_makes_everything_old_even_what_was_being_looked_up() {
        let changes = Arc::new(AtomicU64::new(0));
        let known = Known::following(changes.clone());
        let before = found(&known);
        known.keep(name(1), found(&known));
        assert!(known.get(&name(1)).is_some() && known.get(&name(2)).is_none());
        changes.fetch_add(1, Ordering::Release);
        assert!(known.get(&name(1)).is_none());
        known.keep(name(1), before);
        assert!(known.get(&name(1)).is_none());
    }

    #[test]
    fn it_is_bounded_and_old_entries_make_room() {
        let changes = Arc::new(AtomicU64::new(0));
        let known = Known::following(changes.clone());
        for subject in 0..MOST + 10 {
            known.keep(name(subject), found(&known));
        }
        assert_eq!(known.found.lock().expect("a lock").len(), MOST);
        assert!(known.get(&name(MOST + 1)).is_none());
        changes.fetch_add(1, Ordering::Release);
        known.keep(name(MOST + 1), found(&known));
        assert!(known.get(&name(MOST + 1)).is_some());
    }
}
