//! Marks: whether a report is still as it was, told without reading it.
//!
//! The header of the write-ahead log's index changes with every transaction, of every process, so equal headers mean that
//! nothing at all has changed. That alone would do little where a process itself writes all the time: counted requests,
//! claims, other reports. What our own transactions touch we know, and a transaction of our own is told from others by
//! the number that each counts up, looked at while the file is locked for us.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sealpost_core::id::JobId;
use sealpost_core::port::Mark;

use super::wal_index::{Header, WalIndex};

/// Reports whose changes are told apart; with more of them everything counts as changed.
const MOST: usize = 10_000;

/// What a transaction of ours changes of reports and their deliveries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Touched {
    /// Perhaps all of them; or perhaps it writes nothing at all, which must not be taken for anything else.
    Anything,
    /// None that anybody may have read before. It certainly writes something else.
    NoReport,
    /// This report or its deliveries. It certainly writes.
    Report(JobId),
}

/// What is known about changes of reports.
#[derive(Default)]
pub(super) struct Marks(Mutex<State>);

#[derive(Default)]
struct State {
    index: Option<WalIndex>,
    /// Up to which transaction all of this is known.
    header: Option<Header>,
    /// Counts up whenever any report may have changed.
    epoch: u64,
    /// How often each report was changed by us in this epoch.
    reports: HashMap<JobId, u64>,
    /// A transaction of ours is on its way to being seen by others.
    committing: bool,
    /// A transaction of ours was seen in the header as one should be. The format is no interface that SQLite promises
    /// to keep, so it is not believed before.
    proven: bool,
}

impl Marks {
    /// From now on looks at this index.
    pub(super) fn look_at(&self, index: Option<WalIndex>) {
        *self.lock() = State { index, ..State::default() };
    }

    /// See [`sealpost_core::port::Ledger::mark`].
    pub(super) fn mark(&self, report: &JobId) -> Option<Mark> {
        let mut state = self.lock();
        let header = state.index.filter(|_| state.proven)?.header()?;
        if state.header != Some(header) {
            if state.committing {
                // It may be our transaction, or another one. Soon we know.
                return None;
            }
            state.all_may_have_changed(header);
        }
        Some(Mark { epoch: state.epoch, changes: state.reports.get(report).copied().unwrap_or(0) })
    }

    /// To be called while the file is locked for us, before the commit of what touches these.
    pub(super) fn before_commit(self: &Arc<Self>, touched: Vec<Touched>) -> Option<Committing> {
        if touched.is_empty() || touched.contains(&Touched::Anything) {
            return None;
        }
        let mut state = self.lock();
        let before = state.index?.header()?;
        state.committing = true;
        drop(state);
        Some(Committing { marks: self.clone(), before, touched })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every critical section leaves it whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn all_may_have_changed(&mut self, header: Header) {
        self.header = Some(header);
        self.epoch += 1;
        self.reports.clear();
    }
}

/// A transaction of ours that is being committed. Dropped, nothing is known about it.
pub(super) struct Committing {
    marks: Arc<Marks>,
    before: Header,
    touched: Vec<Touched>,
}

impl Committing {
    /// It was committed.
    pub(super) fn done(self) {
        let mut state = self.marks.lock();
        let Some(after) = state.index.and_then(WalIndex::header) else { return };
        // Ours was the first after `before`, since it held the lock then; so if there was one, it was ours.
        if !after.is_next_after(&self.before) {
            return;
        }
        state.proven = true;
        if state.header != Some(self.before) || state.reports.len() >= MOST {
            return state.all_may_have_changed(after);
        }
        state.header = Some(after);
        for touched in &self.touched {
            if let Touched::Report(report) = touched {
                *state.reports.entry(report.clone()).or_default() += 1;
            }
        }
    }
}

impl Drop for Committing {
    fn drop(&mut self) {
        self.marks.lock().committing = false;
    }
}
