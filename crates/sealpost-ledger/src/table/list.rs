//! Lists of jobs: newest first, by a cursor that inserts don't move.
//!
//! Two entries lead to a job: one of its partner, one of all. Those of all are spread over partitions by day and shard, so
//! that admissions don't meet; a list walks the days backwards. The entries never change. Where a filter asks for more
//! than the time, jobs are read and left out until the page is full, many at once: it may be none of thousands.

use futures::future::try_join_all;
use jiff::Timestamp;
use sealpost_core::error::{FieldError, codes};
use sealpost_core::id::{JobId, ReportTypeId};
use sealpost_core::job::Job;
use sealpost_core::port::{JobFilter, JobPage};
use sealpost_core::{Error, Result};

use super::tasks::{read_time, shard_of, time};
use super::{Key, SkRange, Step, TableLedger, jobs};
use crate::value::{corrupt, instant, nanos};

/// Jobs that are read at once where the first look has left some out.
const READ_AT_ONCE: usize = 100;
/// The days that have jobs.
const DAYS: &str = "job-days";

fn of_partner(partner: &str) -> String {
    format!("jobs#{partner}")
}

fn of_day(day: &str, shard: u32) -> String {
    format!("jobs-of#{day}#{shard}")
}

/// The day, in UTC: `2026-02-28`.
pub(super) fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

fn order(created_at: Timestamp, id: &JobId) -> String {
    format!("{}#{id}", time(nanos(created_at)))
}

/// Where the mark of a day is.
pub(super) fn day_key(day: &str) -> Key {
    Key::new(DAYS, day)
}

/// Lets lists find a new job.
pub(super) fn insert(step: &mut Step, job: &Job, day_is_known: bool) -> Result<()> {
    let (sk, day) = (order(job.created_at, &job.id), day(job.created_at));
    let shard = shard_of(job.id.as_str(), step.settings.shards);
    step.put(&Key::new(of_partner(job.request.partner.as_str()), &*sk), &job.request.report_type)?;
    step.put(&Key::new(of_day(&day, shard), sk), &job.request.report_type)?;
    if !day_is_known {
        step.put(&day_key(&day), &())?;
    }
    Ok(())
}

pub(super) async fn page(ledger: &TableLedger, filter: &JobFilter) -> Result<JobPage> {
    let limit = filter.limit.clamp(1, 100) as usize;
    let mut walk = Walk::begin(ledger, filter).await?;
    let mut jobs = Vec::new();
    // One more than asked for, to know whether there are more.
    let mut at_once = limit + 1;
    while jobs.len() <= limit {
        let entries = walk.next(at_once).await?;
        if entries.is_empty() {
            break;
        }
        if !filter.statuses.is_empty() || filter.report_type.is_some() {
            at_once = at_once.max(READ_AT_ONCE);
        }
        let ids: Vec<JobId> = entries
            .into_iter()
            .filter(|(_, report_type)| filter.report_type.as_ref().is_none_or(|wanted| wanted == report_type))
            .map(|(sk, _)| id(&sk))
            .collect::<Result<_>>()?;
        let found = jobs::find_all(ledger, &ids).await?;
        for (id, found) in ids.iter().zip(found) {
            let job = found.ok_or_else(|| corrupt(format!("the list names {id}, which is gone")))?.job;
            if filter.statuses.is_empty() || filter.statuses.contains(&job.status) {
                jobs.push(job);
            }
        }
    }
    let more = jobs.len() > limit;
    jobs.truncate(limit);
    Ok(JobPage { jobs, more })
}

fn id(sk: &str) -> Result<JobId> {
    let id = sk.split_once('#').map(|(_, id)| id).unwrap_or_default();
    id.parse().map_err(|_| corrupt(format!("`{sk}` names no report")))
}

type Entries = Vec<(String, ReportTypeId)>;

/// A walk from the newest entry that the filter's times and cursor allow to the oldest.
struct Walk<'a> {
    ledger: &'a TableLedger,
    filter: &'a JobFilter,
    /// The bounds, both included: as parts of keys.
    oldest: String,
    newest: String,
    first_day: String,
    /// The days to come, where it walks over all partners' jobs.
    day: Option<String>,
    is_over: bool,
}

impl<'a> Walk<'a> {
    async fn begin(ledger: &'a TableLedger, filter: &'a JobFilter) -> Result<Self> {
        let cursor = match &filter.after {
            Some(after) => Some(cursor(ledger, filter, after).await?),
            None => None,
        };
        let end = [cursor, filter.created_to.map(|to| time(nanos(to)))].into_iter().flatten().min();
        let from = filter.created_from.map_or(Timestamp::UNIX_EPOCH, |from| from.max(Timestamp::UNIX_EPOCH));
        let mut walk = Self {
            ledger,
            filter,
            oldest: time(nanos(from)),
            newest: end.as_deref().map_or_else(|| "~".to_owned(), before),
            first_day: day(from),
            day: None,
            is_over: false,
        };
        if filter.partner.is_none() {
            let last_day = end.map(|end| read_time(&end).map(|at| day(instant(at)))).transpose()?;
            walk.next_day(last_day.map_or(SkRange::All, SkRange::UpTo)).await?;
        }
        Ok(walk)
    }

    /// Goes to the newest of these days that has jobs.
    async fn next_day(&mut self, range: SkRange) -> Result<()> {
        let days: Vec<(String, ())> = self.ledger.read_range(DAYS, range, true, 1).await?;
        self.day = days.into_iter().next().map(|(day, ())| day).filter(|day| *day >= self.first_day);
        Ok(())
    }

    /// The next entries, at least one unless it is over.
    async fn next(&mut self, limit: usize) -> Result<Entries> {
        let most = u32::try_from(limit).unwrap_or(u32::MAX);
        while !self.is_over && self.oldest <= self.newest {
            let (partitions, is_last) = match (&self.filter.partner, &self.day) {
                (Some(partner), _) => (vec![of_partner(partner.as_str())], true),
                (None, Some(day)) => {
                    ((0..self.ledger.settings.shards).map(|shard| of_day(day, shard)).collect(), false)
                }
                (None, None) => break,
            };
            let range = SkRange::Between(self.oldest.clone(), self.newest.clone());
            let found =
                partitions.iter().map(|pk| self.ledger.read_range::<ReportTypeId>(pk, range.clone(), true, most));
            let mut entries: Entries = try_join_all(found).await?.into_iter().flatten().collect();
            entries.sort_by(|(one, _), (other, _)| other.cmp(one));
            entries.truncate(limit);
            if entries.len() < limit {
                match self.day.take() {
                    Some(day) if !is_last => self.next_day(SkRange::UpTo(before(&day))).await?,
                    _ => self.is_over = true,
                }
            } else if let Some((last, _)) = entries.last() {
                self.newest = before(last);
            }
            if !entries.is_empty() {
                return Ok(entries);
            }
        }
        Ok(Vec::new())
    }
}

/// The greatest key before this one, among those that there are: the last byte one less, and what is behind every id.
fn before(key: &str) -> String {
    let mut text = key.to_owned();
    let last = text.pop().map_or(0, |last| u32::from(last).saturating_sub(1));
    text.extend(char::from_u32(last));
    text.push('~');
    text
}

/// Where the cursor's job stands. Another partner's job is no cursor, and no different from one that is not there.
async fn cursor(ledger: &TableLedger, filter: &JobFilter, after: &JobId) -> Result<String> {
    let found = jobs::find(ledger, after).await?.map(|record| record.job);
    let is_theirs = |job: &Job| filter.partner.as_ref().is_none_or(|partner| *partner == job.request.partner);
    let job = found.filter(is_theirs).ok_or_else(|| {
        Error::new(&codes::request::INVALID, format!("there is no report {after} to continue after"))
            .with_fields(vec![FieldError::new("/after", "not the id of a report of this list")])
    })?;
    Ok(order(job.created_at, &job.id))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;
    use std::time::Duration;

    use sealpost_core::job::{JobEvent, JobStatus};
    use sealpost_core::port::{Admission, Ledger};
    use sealpost_testkit::suite::ledger::{admission, failure, partner};

    use super::super::TableSettings;
    use super::super::memory::MemoryTable;
    use super::*;

    #[test]
    fn what_is_before_a_key_is_before_it_and_after_all_that_are() {
        let id = JobId::fresh();
        let (one, two) = (
            order(Timestamp::from_nanosecond(1000).unwrap(), &id),
            order(Timestamp::from_nanosecond(1001).unwrap(), &id),
        );
        assert!(before(&two) < two && before(&two) > one);
        assert!(before(&time(1001)) > one && before(&time(1001)) < two);
        assert_eq!(read_time(&one).unwrap(), 1000);
        assert!(*before("2026-03-01") > *"2026-02-28" && *before("2026-03-01") < *"2026-03-01");
    }

    /// They stand where the number of their time has put them.
    #[tokio::test]
    async fn reports_outlive_a_higher_number_of_shards() {
        let table = Arc::new(MemoryTable::default());
        let sharded = |shards: u32| {
            TableLedger::new(table.clone(), TableSettings { shards, look_again: Duration::from_millis(20) })
        };
        let mut admitted = BTreeSet::new();
        for shards in [4, 8] {
            let ledger = sharded(shards);
            for _ in 0..20 {
                let admission = admission("acme");
                admitted.insert(admission.id.clone());
                ledger.admit(admission).await.unwrap();
            }
        }
        let filter = JobFilter { limit: 100, ..JobFilter::default() };
        let found = page(&sharded(8), &filter).await.unwrap();
        assert_eq!(found.jobs.into_iter().map(|job| job.id).collect::<BTreeSet<JobId>>(), admitted);
    }

    #[tokio::test]
    async fn what_is_rare_is_found_with_few_reads() {
        let table = Arc::new(MemoryTable::default());
        let settings = TableSettings { shards: 1, look_again: Duration::from_millis(20) };
        let ledger = TableLedger::new(table.clone(), settings);
        let mut admitted = Vec::new();
        for _ in 0..1000 {
            let admission = Admission { active_limit: 2000, ..admission("acme") };
            admitted.push(admission.id.clone());
            ledger.admit(admission).await.unwrap();
        }
        let now = Timestamp::now();
        // The oldest, and one in between.
        for id in [&admitted[0], &admitted[400]] {
            let started = JobEvent::Started { attempt: 1, worker: "w".to_owned() };
            ledger.apply(id, &started, None, now).await.unwrap();
            ledger.apply(id, &JobEvent::Failed { failure: failure() }, None, now).await.unwrap();
        }
        for partner in [Some(partner("acme")), None] {
            let mut filter = JobFilter { partner, statuses: vec![JobStatus::Failed], limit: 1, ..JobFilter::default() };
            table.reads();
            for (expected, more) in [(&admitted[400], true), (&admitted[0], false)] {
                let found = page(&ledger, &filter).await.unwrap();
                assert_eq!(found.jobs.iter().map(|job| &job.id).collect::<Vec<_>>(), [expected]);
                assert_eq!(found.more, more);
                let reads = table.reads();
                assert!(reads < 50, "{reads} reads");
                filter.after = Some(expected.clone());
            }
            let common = JobFilter { statuses: vec![JobStatus::Queued], after: None, ..filter };
            assert_eq!(page(&ledger, &common).await.unwrap().jobs[0].id, admitted[999]);
            let reads = table.reads();
            assert!(reads < 10, "{reads} reads");
        }
    }
}
