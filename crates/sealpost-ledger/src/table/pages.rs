//! Lists by time: newest first, by a cursor that inserts don't move.

use futures::future::try_join_all;
use jiff::Timestamp;
use sealpost_core::error::{FieldError, codes};
use sealpost_core::{Error, Result};
use serde::de::DeserializeOwned;

use super::{SkRange, TableLedger, shards};

/// Items of a long list that are read at once.
const READ_AT_ONCE: u32 = 500;

/// Where something of this time and id stands in a list: as text, in the order of both.
pub(super) fn place(at: Timestamp, id: &str) -> String {
    // Moved up, so that times before 1970 have their place too.
    let nanos = u128::try_from(at.as_nanosecond() - Timestamp::MIN.as_nanosecond()).unwrap_or_default();
    format!("{nanos:024}#{id}")
}

/// A page of the entries of these partitions that are to be shown, newest first, and whether there are more.
pub(super) async fn page<T: DeserializeOwned + Send>(
    ledger: &TableLedger,
    partitions: &[String],
    after: Option<&str>,
    limit: u32,
    is_shown: &(dyn Fn(&T) -> bool + Sync),
) -> Result<(Vec<T>, bool)> {
    let most = limit.clamp(1, 100) as usize;
    // One more than asked for, to know whether there are more. Of each partition as many: it may have all of them.
    let walks = partitions.iter().map(|partition| walk(ledger, partition, after, most + 1, is_shown));
    let mut found: Vec<(String, T)> = try_join_all(walks).await?.into_iter().flatten().collect();
    found.sort_by(|(one, _), (other, _)| other.cmp(one));
    let more = found.len() > most;
    found.truncate(most);
    Ok((found.into_iter().map(|(_, entry)| entry).collect(), more))
}

async fn walk<T: DeserializeOwned + Send>(
    ledger: &TableLedger,
    partition: &str,
    after: Option<&str>,
    most: usize,
    is_shown: &(dyn Fn(&T) -> bool + Sync),
) -> Result<Vec<(String, T)>> {
    let mut from = after.map(str::to_owned);
    let mut found = Vec::new();
    let mut asked = u32::try_from(most).unwrap_or(u32::MAX).saturating_add(1);
    loop {
        // A range ends with the one that was seen last.
        let range = from.clone().map_or(SkRange::All, SkRange::UpTo);
        let batch: Vec<(String, T)> = ledger.read_range(partition, range, true, asked).await?;
        let is_last = batch.len() < asked as usize;
        let last = batch.last().map(|(place, _)| place.clone());
        found.extend(batch.into_iter().filter(|(place, entry)| Some(place) != from.as_ref() && is_shown(entry)));
        from = last;
        if is_last || found.len() >= most {
            found.truncate(most);
            return Ok(found);
        }
        // Those to be shown are rare.
        asked = asked.max(READ_AT_ONCE);
    }
}

impl TableLedger {
    /// Some of what stands in a partition, those first that begin with this.
    pub(super) async fn below<T: DeserializeOwned>(
        &self,
        partition: &str,
        prefix: &str,
        limit: u32,
    ) -> Result<Vec<(String, T)>> {
        let range = if prefix.is_empty() { SkRange::All } else { SkRange::Prefix(prefix.to_owned()) };
        self.read_range(partition, range, false, limit).await
    }

    /// Everything in a partition that begins with this, in order.
    pub(super) async fn all_below<T: DeserializeOwned>(&self, partition: &str, prefix: &str) -> Result<Vec<T>> {
        let mut batch: Vec<(String, T)> = self.below(partition, prefix, READ_AT_ONCE).await?;
        let mut found = Vec::new();
        loop {
            let is_last = batch.len() < READ_AT_ONCE as usize;
            let last = batch.last().map(|(place, _)| place.clone());
            found.extend(batch.into_iter().map(|(_, item)| item));
            let Some(last) = last.filter(|_| !is_last) else { return Ok(found) };
            // One more, for the one that was seen last may come again.
            batch = self.read_range(partition, following(prefix, &last), false, READ_AT_ONCE + 1).await?;
            batch.retain(|(place, _)| *place != last);
        }
    }

    /// Everything in a list that stands in several partitions, in no order.
    pub(super) async fn whole_list<T: DeserializeOwned>(&self, list: &str) -> Result<Vec<T>> {
        let partitions = shards::all(list);
        let parts = try_join_all(partitions.iter().map(|partition| self.all_below(partition, ""))).await?;
        Ok(parts.into_iter().flatten().collect())
    }
}

/// What follows this one of those that begin with the prefix. What begins otherwise may be of another type, and must not be
/// read with them. The one itself may come along.
fn following(prefix: &str, last: &str) -> SkRange {
    if prefix.is_empty() {
        return SkRange::After(last.to_owned());
    }
    // No place goes on with the greatest of all characters.
    SkRange::Between(last.to_owned(), format!("{prefix}\u{10FFFF}"))
}

/// The error for a cursor that is not of the list. Another partner's record is no cursor, and no different from one that
/// is not there.
pub(super) fn no_cursor(what: &str, after: &str) -> Error {
    Error::new(&codes::request::INVALID, format!("{after} is not in this list"))
        .with_fields(vec![FieldError::new("/after", format!("not the id of {what} of this list"))])
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use sealpost_core::partner::ApiKey;
    use sealpost_testkit::suite::ledger::partner;
    use sealpost_testkit::suite::ledger::records::{sample_key, sample_partner};

    use super::super::memory::MemoryTable;
    use super::super::tests::{ledger, ports};
    use super::super::{Expect, Key, MOST_WRITES, TableSettings, Write};
    use super::*;

    #[test]
    fn places_are_in_the_order_of_time_and_id() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let places = [
            place(Timestamp::MIN, "a"),
            place(at("1969-12-31T23:59:59.999999999Z"), "a"),
            place(at("1970-01-01T00:00:00Z"), "a"),
            place(at("2026-11-28T12:00:00Z"), "a"),
            place(at("2026-11-28T12:00:00Z"), "b"),
            place(at("2026-11-28T12:00:00.000000001Z"), "a"),
            place(Timestamp::MAX, "a"),
        ];
        assert!(places.is_sorted(), "{places:?}");
    }

    /// Puts numbers from 0 on into a partition, each under the prefix and itself.
    async fn fill(ledger: &TableLedger, pk: &str, prefix: &str, count: u32) {
        let numbers: Vec<u32> = (0..count).collect();
        for some in numbers.chunks(MOST_WRITES) {
            let put = |number: &u32| Write::Put {
                key: Key::new(pk, format!("{prefix}{number:05}")),
                body: number.to_string(),
                expires: None,
                expect: Expect::Absent,
            };
            ledger.table.write(some.iter().map(put).collect()).await.unwrap();
        }
    }

    #[tokio::test]
    async fn what_begins_with_a_prefix_is_read_whole_and_nothing_beside_it() {
        let ledger = ledger();
        for count in [0, 1, READ_AT_ONCE - 1, READ_AT_ONCE, READ_AT_ONCE + 1, 2 * READ_AT_ONCE, 2 * READ_AT_ONCE + 1] {
            let numbers: Vec<u32> = (0..count).collect();
            let (mixed, plain) = (format!("mixed-{count}"), format!("plain-{count}"));
            fill(&ledger, &mixed, "b#", count).await;
            for sk in ["a", "b", "c"] {
                let (key, body) = (Key::new(&*mixed, sk), "\"no number\"".to_owned());
                let other = Write::Put { key, body, expires: None, expect: Expect::Absent };
                ledger.table.write(vec![other]).await.unwrap();
            }
            let below: Vec<u32> = ledger.all_below(&mixed, "b#").await.unwrap();
            assert_eq!(below, numbers);
            fill(&ledger, &plain, "", count).await;
            let all: Vec<u32> = ledger.all_below(&plain, "").await.unwrap();
            assert_eq!(all, numbers);
        }
    }

    #[tokio::test]
    async fn what_is_rare_in_a_list_is_found_with_few_reads() {
        let table = Arc::new(MemoryTable::default());
        let settings = TableSettings { shards: 1, look_again: Duration::from_millis(20) };
        let ledger = TableLedger::new(table.clone(), settings);
        fill(&ledger, "numbers", "", 4 * READ_AT_ONCE).await;
        let partitions = ["numbers".to_owned()];
        table.reads();
        for (after, expected) in [(None, (vec![70], true)), (Some("00070"), (vec![0], false))] {
            let is_shown = |number: &u32| [0, 70].contains(number);
            assert_eq!(page(&ledger, &partitions, after, 1, &is_shown).await.unwrap(), expected);
            let reads = table.reads();
            assert!(reads < 10, "{reads} reads");
        }
    }

    /// Beside its keys stands the partner itself.
    #[tokio::test]
    async fn a_partner_with_many_keys_lists_them_and_gets_more() {
        let ports = ports(ledger());
        let records = &ports.records;
        let now = Timestamp::now();
        let key = |number: u32| sample_key("acme", &format!("key{number:09}"), now);
        records.put_partner(&sample_partner("acme")).await.unwrap();
        for number in 0..READ_AT_ONCE {
            records.put_api_key(&key(number)).await.unwrap();
        }
        for count in READ_AT_ONCE..READ_AT_ONCE + 2 {
            records.create_api_key(&key(count), 2 * READ_AT_ONCE).await.unwrap();
            let there = records.api_keys(&partner("acme")).await.unwrap();
            let expected: Vec<ApiKey> = (0..=count).rev().map(key).collect();
            assert_eq!(there, expected);
        }
    }
}
