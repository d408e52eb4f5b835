//! Answers given a moment ago: a report that has not changed since is not read, put together and written out again.
//!
//! Nothing here is old. The ledger's mark of a report tells whether anybody has changed it, in whatever process, and an
//! answer is only given again under the mark that was made before the report was read for it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axum::body::Bytes;
use http::HeaderValue;
use jiff::Timestamp;
use sealpost_core::id::{JobId, PartnerId};
use sealpost_core::port::Mark;

use crate::base_path::BasePath;

/// Most answers. The bound is on memory, with [`LARGEST`]: what is polled more is read more.
const MOST: usize = 4096;
/// Largest answer that is kept, in bytes. Most have one or two kilobytes, but a report may have 200 deliveries, each with the
/// words of a failure: 4,096 of those would be a gigabyte and more. They are simply read each time.
const LARGEST: usize = 16 * 1024;

/// What is said about a report as long as it does not change, all but the time.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// Its entity tag.
    pub(crate) tag: HeaderValue,
    /// The report as JSON.
    pub(crate) body: Bytes,
    /// What its links begin with.
    pub(crate) base: BasePath,
    /// When the report was asked for.
    pub(crate) created_at: Timestamp,
    /// Whether nothing more happens to it.
    pub(crate) is_done: bool,
}

/// Answers by report.
#[derive(Default)]
pub(crate) struct Recent(Mutex<HashMap<JobId, Kept>>);

struct Kept {
    mark: Mark,
    /// Whose report it is: nobody else is given the answer.
    partner: PartnerId,
    answer: Answer,
}

impl Recent {
    /// The answer about this partner's report, if it was kept under this mark, with links that begin so.
    pub(crate) fn get(&self, partner: &PartnerId, report: &JobId, mark: Mark, base: &BasePath) -> Option<Answer> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.get(report).filter(|kept| kept.mark == mark && kept.partner == *partner)?;
        (found.answer.base == *base).then(|| found.answer.clone())
    }

    /// Keeps an answer for which the report was read after the mark was made, unless it is large.
    pub(crate) fn keep(&self, partner: &PartnerId, report: &JobId, mark: Mark, answer: Answer) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if answer.body.len() > LARGEST {
            // What the report was before is good for nothing.
            kept.remove(report);
            return;
        }
        if kept.len() >= MOST {
            // Those of before the last change of anything are good for nothing. Where all are good, begin anew.
            kept.retain(|_, one| one.mark.epoch == mark.epoch);
            if kept.len() >= MOST {
                kept.clear();
            }
        }
        kept.insert(report.clone(), Kept { mark, partner: partner.clone(), answer });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &'static str) -> Answer {
        let (tag, body) = (HeaderValue::from_static(text), Bytes::from_static(text.as_bytes()));
        Answer { tag, body, base: BasePath::NONE, created_at: Timestamp::UNIX_EPOCH, is_done: false }
    }

    #[test]
    fn an_answer_is_its_partners_own_and_of_one_mark() {
        let (recent, report) = (Recent::default(), JobId::fresh());
        let (acme, globex) = ("acme".parse().expect("an id"), "globex".parse().expect("an id"));
        let mark = Mark { epoch: 1, changes: 0 };
        recent.keep(&acme, &report, mark, answer("one"));
        let get = |partner: &PartnerId, report: &JobId, mark: Mark| recent.get(partner, report, mark, &BasePath::NONE);
        assert_eq!(get(&acme, &report, mark).expect("kept").tag, "one");
        assert!(get(&globex, &report, mark).is_none());
        assert!(get(&acme, &JobId::fresh(), mark).is_none());
        let elsewhere = BasePath::of_gateway("/live").expect("a base path");
        assert!(recent.get(&acme, &report, mark, &elsewhere).is_none(), "its links lead elsewhere");
        for other in [Mark { epoch: 2, ..mark }, Mark { changes: 1, ..mark }] {
            assert!(get(&acme, &report, other).is_none(), "{other:?}");
        }
        recent.keep(&acme, &report, Mark { epoch: 2, ..mark }, answer("two"));
        assert!(get(&acme, &report, mark).is_none());
    }

    #[test]
    fn memory_is_bounded() {
        let (recent, acme) = (Recent::default(), "acme".parse().expect("an id"));
        let bytes = Bytes::from(vec![b' '; 100 * LARGEST]);
        for number in 0..3 * MOST {
            let mark = Mark { epoch: u64::try_from(number / 1000).expect("small"), changes: 0 };
            let body = if number % 3 == 0 { bytes.clone() } else { bytes.slice(..LARGEST) };
            recent.keep(&acme, &JobId::fresh(), mark, Answer { body, ..answer("one") });
        }
        let kept = recent.0.lock().expect("whole");
        assert!((1..=MOST).contains(&kept.len()));
        assert!(kept.values().map(|one| one.answer.body.len()).sum::<usize>() <= MOST * LARGEST);
    }

    #[test]
    fn a_report_that_has_become_large_is_read_each_time() {
        let (recent, report, acme) = (Recent::default(), JobId::fresh(), "acme".parse().expect("an id"));
        let mark = Mark { epoch: 1, changes: 0 };
        let sized = |size: usize| Answer { body: Bytes::from(vec![b' '; size]), ..answer("one") };
        recent.keep(&acme, &report, mark, sized(LARGEST));
        assert!(recent.get(&acme, &report, mark, &BasePath::NONE).is_some());
        recent.keep(&acme, &report, mark, sized(LARGEST + 1));
        assert!(recent.0.lock().expect("whole").is_empty());
    }
}
