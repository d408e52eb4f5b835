//! A ledger over a keyed table: every port written once, over a table that knows nothing of ledgers.
//!
//! The [`Table`] keeps items under two keys, as DynamoDB does: `pk` says which partition, `sk` orders the items within it. It
//! reads what was last written, ranges within a partition, and writes several items at once under conditions, or none.
//! A [`Step`] makes a transaction of that: it remembers the version of what it has read, and its one write
//! holds only if nothing of it has changed; else it is run again.
//!
//! Whatever is searched by is an item of its own, written in the same step as what it leads to: no index lags behind.
//!
//! | `pk` | `sk` | what |
//! | --- | --- | --- |
//! | `job#<job>` | `job`, `progress`, `t#<number>` | a job, how far it is, its timeline |
//! | `delivery#<delivery>` | `delivery`, `progress` | a delivery, how far it is |
//! | `jobs#<partner>` | `<created>#<job>` | the jobs of a partner by time |
//! | `jobs-of#<day>#<shard>` | `<created>#<job>` | all jobs by time; `job-days` has the days |
//! | `load#<partner>` | `load` | how many jobs and deliveries of a partner are under way |
//! | `sequence#<partner>` | `<report type>` | the last number of a report type |
//! | `key#<partner>` | `<idempotency key>` | what was done under it |
//! | `work#<kind>#<subject>` | `<task>` | a task; a dead one too |
//! | `ready#<kind>#<shard>` | `<ready at>#<place>#<task>` | tasks without a lane by the time from which they may be claimed |
//! | `lane#<connector>` | `lane`, `<kind>#<ready at>#…` | a lane, and its tasks by that time |
//! | `turn` | `<served>#<connector>` | lanes from which something may be claimed, the one served longest ago first |
//! | `rest` | `<from>#<connector>` | lanes from which nothing may be claimed until a time |
//! | `run#<subject>` | `run`, `<chunk>` | many tasks of one lane in one entry |
//! | `partner#<partner>` | `record`, `webhooks`, `pending`, `connectors`, `api-keys`, `key#…`, `challenge#…`, `usage#…` | a partner and what is its own |
//! | `partners#<shard>` | `<partner>` | all partners |
//! | `identity#<hash>` | `owner` | whose an identity is |
//! | `connector#<connector>` | `record` | a connector; `connectors#<shard>` has all by partner and name |
//! | `api-key#<key>` | `record` | an API key |
//! | `notification#<notification>` | `record` | a notification |
//! | `notifications-to#<webhook>` | `<created>#<notification>` | those of a webhook; `notifications#<shard>` has all |
//! | `webhook#<webhook>` | `ping` | the last ping to it |
//! | `change#<change>` | `record` | a change; `changes-of#<partner>` has those of a partner, `changes#<shard>` all, by time |
//! | `audit-of#<partner>` | `<at>#<entry>` | the audit trail; `audit#<shard>` has all, `audit-entry#<entry>` leads to one by its id |
//! | `usage-ends#<shard>` | `<end>#<partner>#…` | counters by the end of their window |
//! | `removals` | `partner#…`, `webhook#…` | what was removed and has left something to be removed |
//! | `transfer#<transfer>` | `record`, `item#<index>` | a transfer and its items; `transfer-item#<item>` leads to one by its id |
//! | `transfer-token#<caller>` | `t#<token>` | what was started under it |
//! | `transfers-ended` | `<end>#<transfer>` | transfers that have ended by that time; `transfers-staged` those not there yet |
//! | `transfer-connectors#<shard>` | `<connector>` | connectors of the transfer API |
//! | `access-keys#<shard>` | `<key>` | access keys |
//! | `count`, `items-ended` | | how many transfer connectors, and items, there are |
//! | `dead` | `<buried at>#<task>` | dead letters; `dead-task#<task>` leads to one by its id |

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use sealpost_core::Result;
use serde::de::DeserializeOwned;

use crate::bell::Bells;
use crate::value::decode;

mod admit;
mod api_keys;
mod audit;
mod challenges;
mod changes;
mod claim;
mod connectors;
mod dead;
mod deliveries;
mod depth;
pub(crate) mod dynamodb;
mod forgotten;
mod idempotency;
mod jobs;
mod lanes;
mod ledger;
mod list;
mod load;
#[cfg(test)]
mod memory;
pub(crate) mod mysql;
mod notifications;
mod outbox;
mod pages;
mod partners;
mod queue;
mod records;
mod redeliver;
mod removal;
mod retry;
mod runs;
mod shards;
mod step;
#[cfg(test)]
mod suite;
mod tasks;
#[cfg(test)]
pub(crate) mod tests;
mod timeline;
mod transfers;
mod usage;
mod webhooks;

pub(crate) use crate::bell::Ring;
pub(crate) use step::Step;

/// Most writes and checks of one [`Table::write`]: DynamoDB's limit for `TransactWriteItems`.
pub(crate) const MOST_WRITES: usize = 100;

/// The place of an item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    /// The partition. At most 1,024 bytes.
    pub(crate) pk: String,
    /// Its place in the partition. At most 1,024 bytes, at least one.
    pub(crate) sk: String,
}

impl Key {
    /// The key of these two parts.
    pub(crate) fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }
}

/// An item as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    /// Its place.
    pub(crate) key: Key,
    /// Another one after each write, also after it was deleted and made anew.
    pub(crate) version: u64,
    /// JSON.
    pub(crate) body: String,
}

/// Which items of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SkRange {
    /// All.
    All,
    /// Those that begin with this.
    Prefix(String),
    /// This one and those before it.
    UpTo(String),
    /// Those after this one.
    After(String),
    /// From one to the other, both included.
    Between(String, String),
}

/// What an item must be for a write to hold. One that has expired is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expect {
    /// Whatever it is.
    Anything,
    /// Not there.
    Absent,
    /// There, as read.
    Version(u64),
}

/// One of the writes that hold together. No two of them have the same key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Write {
    /// Makes or replaces an item.
    Put {
        /// Its place.
        key: Key,
        /// JSON.
        body: String,
        /// From when it is no longer seen and may be removed: seconds since 1970.
        expires: Option<i64>,
        /// What it must have been.
        expect: Expect,
    },
    /// Removes one, if it is there.
    Delete {
        /// Its place.
        key: Key,
        /// What it must have been.
        expect: Expect,
    },
    /// Changes nothing.
    Check {
        /// Its place.
        key: Key,
        /// What it must be.
        expect: Expect,
    },
}

impl Write {
    /// The item's key, and what it must be.
    pub(crate) fn parts(&self) -> (&Key, Expect) {
        match self {
            Self::Put { key, expect, .. } | Self::Delete { key, expect } | Self::Check { key, expect } => {
                (key, *expect)
            }
        }
    }
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// All of it was done.
    Done,
    /// Nothing was: an item is not what it had to be, or someone else was writing it.
    Conflict,
}

/// Items by key. Reads see every write that was answered before they began.
#[async_trait]
pub(crate) trait Table: Send + Sync {
    /// The items of these keys, in their order, each as it was at some time during the call.
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Item>>>;

    /// The first items of a range in one partition, by `sk` as bytes, or the last ones backwards.
    async fn query(&self, pk: &str, range: SkRange, newest_first: bool, limit: u32) -> Result<Vec<Item>>;

    /// All or nothing, durable when it returns. At most [`MOST_WRITES`].
    ///
    /// # Errors
    /// After an error it may have been done or not. `SP-LEDGER-011` for an item that is too large.
    async fn write(&self, writes: Vec<Write>) -> Result<Written>;

    /// Where it is, for errors.
    fn place(&self) -> String;
}

/// A ledger in a [`Table`]. A clone is the same one, for what goes on after its caller.
#[derive(Clone)]
pub(crate) struct TableLedger {
    table: Arc<dyn Table>,
    bells: Arc<Bells>,
    settings: TableSettings,
    /// How long whoever comes by goes on with removals.
    removing_for: Duration,
    /// Days that are known to have jobs.
    days: Arc<Mutex<BTreeSet<String>>>,
    /// For the steps of this process that have met another one.
    retrying: Arc<tokio::sync::Mutex<()>>,
    /// For the claims of this process: two at once would reach for the same task.
    claiming: Arc<tokio::sync::Mutex<()>>,
    /// For those of this process who go on with removals: two at once would go on with the same one.
    removing: Arc<tokio::sync::Mutex<()>>,
}

/// How a ledger uses its table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TableSettings {
    /// In how many partitions the tasks of one kind, and the jobs of one day, are kept: as many as are written at once. All
    /// processes should say the same: those with a lower number don't see all.
    pub(crate) shards: u32,
    /// The longest pause between two looks at the queue by a worker that waits.
    pub(crate) look_again: Duration,
}

impl TableLedger {
    /// A ledger in this table.
    pub(crate) fn new(table: Arc<dyn Table>, settings: TableSettings) -> Self {
        Self {
            table,
            bells: Arc::default(),
            settings,
            removing_for: removal::LONGEST,
            days: Arc::default(),
            retrying: Arc::default(),
            claiming: Arc::default(),
            removing: Arc::default(),
        }
    }

    /// Whom it tells that there is work.
    pub(crate) fn bells(&self) -> Arc<Bells> {
        self.bells.clone()
    }

    /// The value of an item.
    pub(crate) async fn read<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>> {
        Ok(self.read_all(std::slice::from_ref(key)).await?.into_iter().next().flatten())
    }

    /// The values of items, in the order of the keys.
    pub(crate) async fn read_all<T: DeserializeOwned>(&self, keys: &[Key]) -> Result<Vec<Option<T>>> {
        let items = self.table.get(keys).await?;
        items.into_iter().map(|item| item.map(|item| value(&item)).transpose()).collect()
    }

    /// The values of a range with their `sk`.
    pub(crate) async fn read_range<T: DeserializeOwned>(
        &self,
        pk: &str,
        range: SkRange,
        newest_first: bool,
        limit: u32,
    ) -> Result<Vec<(String, T)>> {
        let items = self.table.query(pk, range, newest_first, limit).await?;
        items.into_iter().map(|item| Ok((item.key.sk.clone(), value(&item)?))).collect()
    }

    /// Tells who waits that something may be claimed, after the step that made it so.
    async fn ring(&self, rings: &[Ring]) {
        self.bells.ring(rings).await;
    }
}

/// The value of an item. An error names its place.
fn value<T: DeserializeOwned>(item: &Item) -> Result<T> {
    decode(&format!("{} {}", item.key.pk, item.key.sk), &item.body)
}
