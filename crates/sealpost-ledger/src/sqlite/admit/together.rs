//! Admissions that come at the same time share one transaction: a sync of the disk takes much longer than all the rest,
//! and as long for one as for a hundred.
//!
//! Nobody waits for others to come. While one transaction waits for the disk those that come meanwhile gather, and are the
//! next one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use sealpost_core::error::codes;
use sealpost_core::port::{Admission, Admitted};
use sealpost_core::{Error, Result};
use tokio::sync::oneshot;

use super::super::commits::Asked;
use super::super::turn::{Turn, Writing};
use super::super::{Durability, Touched};
use super::admit;

/// Most admissions of one transaction, so that other writes come to their turns.
const MOST: usize = 256;

/// Those that wait for the next transaction.
#[derive(Default)]
pub(in super::super) struct Admissions(Mutex<Vec<Waiting>>);

struct Waiting {
    /// It moves from list to list.
    admission: Box<Admission>,
    told: oneshot::Sender<Result<Admitted>>,
}

impl Admissions {
    /// Admits with the next transaction. Who is gone before that begins is not admitted.
    pub(in super::super) async fn admit(
        self: &Arc<Self>,
        writing: &Arc<Writing>,
        admission: Admission,
    ) -> Result<Admitted> {
        let (told, outcome) = oneshot::channel();
        let is_first = {
            let mut waiting = self.lock();
            waiting.push(Waiting { admission: Box::new(admission), told });
            waiting.len() == 1
        };
        // Not by this caller: the others must not depend on whether it stays.
        if is_first && !writing.ask(Asked::Admit(self.clone(), writing.clone())) {
            // Who waits hears of it.
            self.lock().clear();
        }
        let gone = |_| Error::new(&codes::ledger::UNREACHABLE, "the admission was broken off");
        outcome.await.map_err(gone)?
    }

    /// Admits those who wait, in one transaction, and has itself asked again where there are more of them: behind what else the
    /// thread was asked for.
    pub(in super::super) fn admit_some(self: Arc<Self>, writing: Arc<Writing>) {
        let begun = writing.begin_here(Durability::Disk);
        let (batch, is_last) = self.next();
        match begun {
            // A panic takes this batch with it, whose callers hear of it, and not those who wait behind it, nor the thread.
            Ok(turn) => drop(catch_unwind(AssertUnwindSafe(|| admit_batch(turn, batch, &writing)))),
            Err(error) => batch.into_iter().for_each(|one| tell(one.told, Err(error.clone()))),
        }
        if !is_last {
            let next = Asked::Admit(self, writing.clone());
            writing.ask(next);
        }
    }

    /// The next ones whose callers are still there, and whether nobody waits behind them.
    fn next(&self) -> (Vec<Waiting>, bool) {
        let mut waiting = self.lock();
        let count = waiting.len().min(MOST);
        let batch = waiting.drain(..count).filter(|one| !one.told.is_closed()).collect();
        (batch, waiting.is_empty())
    }

    /// How many wait.
    #[cfg(test)]
    pub(in super::super) fn waiting(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Waiting>> {
        // Every critical section leaves the list whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn admit_batch(turn: Turn, batch: Vec<Waiting>, writing: &Writing) {
    let (asked, told): (Vec<_>, Vec<_>) = batch.into_iter().map(|one| (one.admission, one.told)).unzip();
    let outcome = admit(turn.connection(), &asked);
    match turn.end_here(outcome, touched) {
        Ok(outcomes) => told.into_iter().zip(outcomes).for_each(|(told, outcome)| tell(told, outcome)),
        // What can't be stored of one must not be the others' loss.
        Err(_) if asked.len() > 1 => {
            for (admission, told) in asked.into_iter().zip(told) {
                tell(told, alone(writing, admission));
            }
        }
        Err(error) => told.into_iter().for_each(|told| tell(told, Err(error.clone()))),
    }
}

fn alone(writing: &Writing, admission: Box<Admission>) -> Result<Admitted> {
    let turn = writing.begin_here(Durability::Disk)?;
    let outcome = admit(turn.connection(), &[admission]);
    let gone = || Error::new(&codes::ledger::UNREACHABLE, "the admission has no outcome");
    turn.end_here(outcome, touched)?.pop().ok_or_else(gone)?
}

/// New reports are nobody's that was read before; without one, nothing may have been written.
#[expect(clippy::ptr_arg, reason = "the outcome of a turn")]
fn touched(outcomes: &Vec<Result<Admitted>>) -> Touched {
    let is_new = |outcome: &Result<Admitted>| matches!(outcome, Ok(Admitted::New(_)));
    if outcomes.iter().any(is_new) { Touched::NoReport } else { Touched::Anything }
}

fn tell(told: oneshot::Sender<Result<Admitted>>, outcome: Result<Admitted>) {
    // Who is gone finds the report in the list, as after a lost answer.
    drop(told.send(outcome));
}
