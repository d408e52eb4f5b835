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
    loop {
        // A range ends with the one that was seen last.
        let range = from.clone().map_or(SkRange::All, SkRange::UpTo);
        let asked = u32::try_from(most).unwrap_or(u32::MAX).saturating_add(1);
        let batch: Vec<(String, T)> = ledger.read_range(partition, range, true, asked).await?;
        let is_last = batch.len() < asked as usize;
        let last = batch.last().map(|(place, _)| place.clone());
        found.extend(batch.into_iter().filter(|(place, entry)| Some(place) != from.as_ref() && is_shown(entry)));
        from = last;
        if is_last || found.len() >= most {
            found.truncate(most);
            return Ok(found);
        }
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
            let last = batch.last().map(|(place, _)| place.clone());
            let is_last = batch.len() < READ_AT_ONCE as usize;
            found.extend(batch.into_iter().filter(|(place, _)| place.starts_with(prefix)).map(|(_, item)| item));
            match last {
                Some(last) if !is_last && last.starts_with(prefix) => {
                    batch = self.read_range(partition, SkRange::After(last), false, READ_AT_ONCE).await?;
                }
                _ => return Ok(found),
            }
        }
    }

    /// Everything in a list that stands in several partitions, in no order.
    pub(super) async fn whole_list<T: DeserializeOwned>(&self, list: &str) -> Result<Vec<T>> {
        let partitions = shards::all(list);
        let parts = try_join_all(partitions.iter().map(|partition| self.all_below(partition, ""))).await?;
        Ok(parts.into_iter().flatten().collect())
    }
}

/// The error for a cursor that is not of the list. Another partner's record is no cursor, and no different from one that
/// is not there.
pub(super) fn no_cursor(what: &str, after: &str) -> Error {
    Error::new(&codes::request::INVALID, format!("{after} is not in this list"))
        .with_fields(vec![FieldError::new("/after", format!("not the id of {what} of this list"))])
}

#[cfg(test)]
mod tests {
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
}
