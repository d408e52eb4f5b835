//! An optimistic transaction: reads remember versions, writes are kept back, and one conditional write ends it.

use std::collections::BTreeMap;
use std::sync::Arc;

use sealpost_core::error::codes;
use sealpost_core::id::{ConnectorId, JobId};
use sealpost_core::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::MutexGuard;

use super::lanes::Lane;
use super::retry::Conflicts;
use super::{Expect, Item, Key, MOST_WRITES, Ring, SkRange, Table, TableLedger, TableSettings, Write, Written, value};
use crate::value::{decode, encode};

/// Most bytes of a value: DynamoDB's limit for an item is 400 KB with its keys.
const LARGEST: usize = 390_000;
/// Most bytes of all values of a step: its limit for a transaction is 4 MB.
const LARGEST_STEP: usize = 3_900_000;

/// What a step has read and is going to write.
pub(crate) struct Step {
    pub(super) table: Arc<dyn Table>,
    pub(super) settings: TableSettings,
    /// What was read under guard.
    seen: BTreeMap<Key, Option<Item>>,
    /// What was read ahead without guard.
    ahead: BTreeMap<Key, Option<Item>>,
    changes: BTreeMap<Key, Change>,
    rings: Vec<Ring>,
    /// Lanes as they are going to be.
    pub(super) lanes: BTreeMap<ConnectorId, Lane>,
    /// The timelines that were added to, with the number of their next entry.
    pub(super) timelines: BTreeMap<JobId, u64>,
}

/// What is going to be written to a key.
enum Change {
    Put { body: String, expires: Option<i64>, is_new: bool },
    Delete,
}

/// Runs a step on a ledger: `step!(self, |step| admit(step, &admission).await)`. The body is the inside of an async block
/// that gives a `Result`; the whole is one too.
///
/// What the body has written by the step is committed: all of it, or, where the body fails, nothing. It is run again where
/// something that it had read under guard was changed meanwhile, so it must do nothing but by the step. An error of the
/// body counts only if what it rests on still holds; else it is run again as well.
///
/// Errors are the body's; `SP-LEDGER-010` after too many conflicts; what the table says.
//
// A macro, because a function would need the body's futures to be `Send` for every lifetime, which a bound can't say.
macro_rules! step {
    ($ledger:expr, |$step:ident| $body:expr) => {{
        let mut tries = $crate::table::step::Tries::of($ledger);
        loop {
            let mut begun = tries.begin();
            let outcome: sealpost_core::Result<_> = {
                let $step = &mut begun;
                async { $body }.await
            };
            match tries.end(begun, outcome).await {
                Ok(Some(made)) => break Ok(made),
                Ok(None) => {}
                Err(error) => break Err(error),
            }
        }
    }};
}
pub(super) use step;

/// The tries of one step.
pub(super) struct Tries<'a> {
    ledger: &'a TableLedger,
    conflicts: Conflicts,
    /// Those of one process who have met somebody take turns from then on, rather than meeting again and again.
    turn: Option<MutexGuard<'a, ()>>,
}

impl<'a> Tries<'a> {
    pub(super) fn of(ledger: &'a TableLedger) -> Self {
        Self { ledger, conflicts: Conflicts::default(), turn: None }
    }

    /// How many tries failed before this one.
    pub(super) fn failed(&self) -> u32 {
        self.conflicts.count()
    }

    /// Counts a try that came to nothing, and pauses.
    pub(super) async fn again(&mut self) -> Result<()> {
        self.conflicts.pause().await?;
        if self.turn.is_none() {
            self.turn = Some(self.ledger.retrying.lock().await);
        }
        Ok(())
    }

    pub(super) fn begin(&self) -> Step {
        Step::new(self.ledger)
    }

    /// Ends a try by what its body gave. `None` where it has to be run again.
    pub(super) async fn end<T>(&mut self, step: Step, outcome: Result<T>) -> Result<Option<T>> {
        match outcome {
            Ok(made) => {
                if let Some(rings) = step.commit().await? {
                    self.ledger.ring(&rings).await;
                    return Ok(Some(made));
                }
            }
            Err(error) => {
                if step.holds().await? {
                    return Err(error);
                }
            }
        }
        self.again().await?;
        Ok(None)
    }
}

impl Step {
    pub(super) fn new(ledger: &TableLedger) -> Self {
        Self {
            table: ledger.table.clone(),
            settings: ledger.settings,
            seen: BTreeMap::new(),
            ahead: BTreeMap::new(),
            changes: BTreeMap::new(),
            rings: Vec::new(),
            lanes: BTreeMap::new(),
            timelines: BTreeMap::new(),
        }
    }

    /// An item under guard: the step holds only if it is still the same, or still absent, at its end. What the step itself
    /// has written is seen.
    pub(crate) async fn get<T: DeserializeOwned>(&mut self, key: &Key) -> Result<Option<T>> {
        self.fetch(std::slice::from_ref(key)).await?;
        if let Some(written) = self.written(key) {
            return written;
        }
        self.seen.get(key).and_then(Option::as_ref).map(value).transpose()
    }

    /// Reads items under guard in one round trip, so that [`get`](Self::get) has them already.
    pub(crate) async fn fetch(&mut self, keys: &[Key]) -> Result<()> {
        self.fetch_with(keys, &[]).await
    }

    /// As [`fetch`](Self::fetch), and further ones without guard for [`peek`](Self::peek).
    pub(crate) async fn fetch_with(&mut self, keys: &[Key], loose: &[Key]) -> Result<()> {
        let missing: Vec<Key> = keys
            .iter()
            .filter(|key| !self.seen.contains_key(*key) && !self.changes.contains_key(*key))
            .cloned()
            .collect();
        let wanted: Vec<Key> = missing.iter().chain(loose).cloned().collect();
        if !wanted.is_empty() {
            let mut items = self.table.get(&wanted).await?.into_iter();
            self.seen.extend(missing.into_iter().zip(items.by_ref()));
            self.ahead.extend(loose.iter().cloned().zip(items));
        }
        Ok(())
    }

    /// An item without guard, for what never changes or does not matter. What the step itself has written is seen.
    pub(crate) async fn peek<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>> {
        if let Some(written) = self.written(key) {
            return written;
        }
        if let Some(seen) = self.seen.get(key).or_else(|| self.ahead.get(key)) {
            return seen.as_ref().map(value).transpose();
        }
        let found = self.table.get(std::slice::from_ref(key)).await?.into_iter().next().flatten();
        found.as_ref().map(value).transpose()
    }

    /// Items without guard, in the order of the keys and in one round trip. What the step has written is not seen.
    pub(crate) async fn peek_all<T: DeserializeOwned>(&self, keys: &[Key]) -> Result<Vec<Option<T>>> {
        let items = self.table.get(keys).await?;
        items.into_iter().map(|item| item.as_ref().map(value).transpose()).collect()
    }

    /// The values of a range with their `sk`, without guard: neither what is there nor what is not. Where that matters,
    /// those who write into the range must also write an item that this step gets. What the step has written is not seen.
    pub(crate) async fn range<T: DeserializeOwned>(
        &self,
        pk: &str,
        range: SkRange,
        newest_first: bool,
        limit: u32,
    ) -> Result<Vec<(String, T)>> {
        let items = self.table.query(pk, range, newest_first, limit).await?;
        items.into_iter().map(|item| Ok((item.key.sk.clone(), value(&item)?))).collect()
    }

    fn written<T: DeserializeOwned>(&self, key: &Key) -> Option<Result<Option<T>>> {
        Some(match self.changes.get(key)? {
            Change::Put { body, .. } => decode(&format!("{} {}", key.pk, key.sk), body).map(Some),
            Change::Delete => Ok(None),
        })
    }

    /// Makes or replaces an item. Without a [`get`](Self::get) before, whatever was there.
    pub(crate) fn put<T: Serialize>(&mut self, key: &Key, value: &T) -> Result<()> {
        self.keep(key, value, None, false)
    }

    /// As [`put`](Self::put), for an item that grows later: with room for so many bytes more.
    pub(crate) fn put_with_room<T: Serialize>(&mut self, key: &Key, value: &T, room: usize) -> Result<()> {
        let body = encode(&key.pk, value)?;
        check_size(key, &body, LARGEST.saturating_sub(room))?;
        self.set(key, body, None, false);
        Ok(())
    }

    /// As [`put`](Self::put), for an item that is no longer seen after some time, and removed some time after that. Seconds
    /// since 1970.
    pub(crate) fn put_until<T: Serialize>(&mut self, key: &Key, value: &T, expires: i64) -> Result<()> {
        self.keep(key, value, Some(expires), false)
    }

    /// Makes an item that is not there. Where it is, the step is run again: so the key is one that nobody else has, or the
    /// next run finds another one.
    pub(crate) fn create<T: Serialize>(&mut self, key: &Key, value: &T) -> Result<()> {
        self.keep(key, value, None, true)
    }

    fn keep<T: Serialize>(&mut self, key: &Key, value: &T, expires: Option<i64>, is_new: bool) -> Result<()> {
        let body = encode(&key.pk, value)?;
        check_size(key, &body, LARGEST)?;
        self.set(key, body, expires, is_new);
        Ok(())
    }

    fn set(&mut self, key: &Key, body: String, expires: Option<i64>, is_new: bool) {
        // What this step has made anew and changes again is still new.
        let was_new = matches!(self.changes.get(key), Some(Change::Put { is_new: true, .. }));
        self.changes.insert(key.clone(), Change::Put { body, expires, is_new: is_new || was_new });
    }

    /// Removes an item, if it is there.
    pub(crate) fn delete(&mut self, key: &Key) {
        self.changes.insert(key.clone(), Change::Delete);
    }

    /// Has somebody who waits told, once the step is done, that something may be claimed. Once for each task: who hears a
    /// bell may take one only.
    pub(crate) fn ring(&mut self, ring: Ring) {
        self.rings.push(ring);
    }

    /// Writes. The bells to ring, or nothing where it has to be run again.
    pub(super) async fn commit(mut self) -> Result<Option<Vec<Ring>>> {
        self.settle_lanes()?;
        if self.changes.is_empty() {
            return Ok(Some(self.rings));
        }
        let (mut writes, mut bytes) = (Vec::new(), 0);
        for (key, change) in self.changes {
            let guard = self.seen.remove(&key).map(|item| expected(item.as_ref()));
            writes.push(match change {
                Change::Put { body, expires, is_new } => {
                    bytes += body.len();
                    let otherwise = if is_new { Expect::Absent } else { Expect::Anything };
                    Write::Put { key, body, expires, expect: guard.unwrap_or(otherwise) }
                }
                Change::Delete => Write::Delete { key, expect: guard.unwrap_or(Expect::Anything) },
            });
        }
        writes.extend(self.seen.into_iter().map(|(key, item)| Write::Check { key, expect: expected(item.as_ref()) }));
        if writes.len() > MOST_WRITES || bytes > LARGEST_STEP {
            let detail =
                format!("a step of {} writes, {bytes} bytes; {MOST_WRITES}, {LARGEST_STEP} are the most", writes.len());
            return Err(Error::new(&codes::ledger::TOO_LARGE, detail));
        }
        match self.table.write(writes).await? {
            Written::Done => Ok(Some(self.rings)),
            Written::Conflict => Ok(None),
        }
    }

    /// Whether everything that was read under guard is still as it was.
    async fn holds(&self) -> Result<bool> {
        let keys: Vec<Key> = self.seen.keys().cloned().collect();
        if keys.is_empty() {
            return Ok(true);
        }
        let now = self.table.get(&keys).await?;
        Ok(now.iter().zip(self.seen.values()).all(|(now, seen)| expected(now.as_ref()) == expected(seen.as_ref())))
    }
}

/// The error for a value of more bytes than this.
fn check_size(key: &Key, body: &str, most: usize) -> Result<()> {
    if body.len() <= most {
        return Ok(());
    }
    let detail = format!("{} {} has {} bytes; {most} is the most", key.pk, key.sk, body.len());
    Err(Error::new(&codes::ledger::TOO_LARGE, detail))
}

/// What must still be so.
fn expected(item: Option<&Item>) -> Expect {
    item.map_or(Expect::Absent, |item| Expect::Version(item.version))
}
