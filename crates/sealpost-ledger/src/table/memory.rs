//! A table in memory, for tests of what is written over it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use jiff::Timestamp;
use sealpost_core::Result;
use tokio::sync::Mutex;

use super::{Expect, Item, Key, SkRange, Table, Write, Written};

#[derive(Default)]
pub(super) struct MemoryTable {
    items: Mutex<BTreeMap<Key, (Item, Option<i64>)>>,
    reads: AtomicU32,
}

impl MemoryTable {
    /// How often it was read since this was asked before.
    pub(super) fn reads(&self) -> u32 {
        self.reads.swap(0, Ordering::Relaxed)
    }
}

fn alive(entry: Option<&(Item, Option<i64>)>) -> Option<&Item> {
    let now = Timestamp::now().as_second();
    entry.filter(|(_, expires)| expires.is_none_or(|expires| expires > now)).map(|(item, _)| item)
}

fn within(sk: &str, range: &SkRange) -> bool {
    match range {
        SkRange::All => true,
        SkRange::Prefix(prefix) => sk.starts_with(prefix),
        SkRange::UpTo(end) => sk <= end.as_str(),
        SkRange::After(start) => sk > start.as_str(),
        SkRange::Between(start, end) => sk >= start.as_str() && sk <= end.as_str(),
    }
}

#[async_trait]
impl Table for MemoryTable {
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Item>>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
        let items = self.items.lock().await;
        Ok(keys.iter().map(|key| alive(items.get(key)).cloned()).collect())
    }

    async fn query(&self, pk: &str, range: SkRange, newest_first: bool, limit: u32) -> Result<Vec<Item>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
        let items = self.items.lock().await;
        let all = items.range(Key::new(pk, "")..).take_while(|(key, _)| key.pk == pk);
        let mut found: Vec<Item> = all
            .filter(|(key, _)| within(&key.sk, &range))
            .filter_map(|(_, entry)| alive(Some(entry)).cloned())
            .collect();
        if newest_first {
            found.reverse();
        }
        found.truncate(limit as usize);
        Ok(found)
    }

    async fn write(&self, writes: Vec<Write>) -> Result<Written> {
        tokio::task::yield_now().await;
        let mut items = self.items.lock().await;
        for write in &writes {
            let (key, expect) = write.parts();
            let found = alive(items.get(key)).map(|item| item.version);
            let holds = match expect {
                Expect::Anything => true,
                Expect::Absent => found.is_none(),
                Expect::Version(version) => found == Some(version),
            };
            if !holds {
                return Ok(Written::Conflict);
            }
        }
        for write in writes {
            match write {
                Write::Put { key, body, expires, .. } => {
                    let item = Item { key: key.clone(), version: rand::random(), body };
                    items.insert(key, (item, expires));
                }
                Write::Delete { key, .. } => drop(items.remove(&key)),
                Write::Check { .. } => {}
            }
        }
        Ok(Written::Done)
    }

    fn place(&self) -> String {
        "memory".to_owned()
    }
}
