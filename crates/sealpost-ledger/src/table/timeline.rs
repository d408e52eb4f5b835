//! A job's append-only timeline. An item may have several entries: what one step appends.

use jiff::Timestamp;
use sealpost_core::Result;
use sealpost_core::event::{Happening, TimelineEntry};
use sealpost_core::id::JobId;

use super::{Key, SkRange, Step, TableLedger, jobs};
use crate::value::corrupt;

/// Entries of one look.
const PAGE: u32 = 500;

fn prefix() -> &'static str {
    "t#"
}

/// Appends what happened, under the next numbers. Two that append at once make the same item anew, so one of them is run
/// again: the numbers have no gaps, and no entry is ever written over.
pub(super) async fn append(step: &mut Step, job: &JobId, at: Timestamp, what: Vec<Happening>) -> Result<()> {
    let pk = jobs::partition(job);
    let first = match step.timelines.get(job) {
        Some(next) => *next,
        None => {
            let range = SkRange::Prefix(prefix().to_owned());
            let last: Vec<(String, Vec<TimelineEntry>)> = step.range(&pk, range, true, 1).await?;
            1 + last.first().and_then(|(_, entries)| entries.last()).map_or(0, |entry| entry.sequence)
        }
    };
    let entries: Vec<TimelineEntry> =
        (first..).zip(what).map(|(sequence, what)| TimelineEntry { sequence, at, what }).collect();
    step.timelines.insert(job.clone(), first + entries.len() as u64);
    step.create(&Key::new(pk, format!("{}{first:010}", prefix())), &entries)
}

/// The timeline of a job that is new: nothing is looked for.
pub(super) fn begin(step: &mut Step, job: &JobId) {
    step.timelines.insert(job.clone(), 1);
}

pub(super) async fn read(ledger: &TableLedger, job: &JobId) -> Result<Vec<TimelineEntry>> {
    let pk = jobs::partition(job);
    let mut range = SkRange::Prefix(prefix().to_owned());
    let mut timeline: Vec<TimelineEntry> = Vec::new();
    loop {
        let page: Vec<(String, Vec<TimelineEntry>)> = ledger.read_range(&pk, range, false, PAGE).await?;
        let is_last = page.len() < PAGE as usize;
        // Nothing in the partition comes after the timeline.
        let last = page.last().map(|(sk, _)| sk.clone());
        timeline.extend(page.into_iter().flat_map(|(_, entries)| entries));
        match last {
            Some(last) if !is_last => range = SkRange::After(last),
            _ => break,
        }
    }
    if (1..).zip(&timeline).any(|(expected, entry)| entry.sequence != expected) {
        return Err(corrupt(format!("the timeline of {job} has a gap")));
    }
    Ok(timeline)
}
