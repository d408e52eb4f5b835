//! The thread that waits for the disk: it commits, admits, and takes a long log into the file.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};

use tokio::sync::Mutex;

use super::admit::together::Admissions;
use super::open::Opening;
use super::statement::query_scalar;
use super::turn::{Writer, Writing};
use super::wal_index::WalIndex;

/// Frames of the log from which on it is taken into the file, where no turn that waits for the disk has done so before.
const LONG: u32 = 8_000;
/// So many more, and it is tried again: somebody may have been reading what the log had to keep.
const LONGER: u32 = 1_000;

/// What the thread is asked for.
pub(super) enum Asked {
    /// To commit when it has the lock, behind those who wait for their turns already.
    Commit(Arc<Mutex<Writer>>),
    /// To admit those who wait, in a transaction that it commits by itself. A task of the runtime would be woken, and wait behind
    /// others of the runtime, between any two of its transactions; all that time nobody would write.
    Admit(Arc<Admissions>, Arc<Writing>),
    /// To take the log into the file. Nobody waits for it, and nobody is kept from writing meanwhile.
    Checkpoint,
}

/// Starts the thread. It ends when nobody can ask any more.
pub(super) fn start(opening: Opening) -> std::io::Result<mpsc::Sender<Asked>> {
    let (sender, asked) = mpsc::channel();
    let thread = std::thread::Builder::new().name("ledger-commit".to_owned());
    thread.spawn(move || {
        for asked in asked {
            // A panic ends what was asked for, whose callers hear of it, and not the thread, for which others wait.
            drop(catch_unwind(AssertUnwindSafe(|| match asked {
                Asked::Commit(writer) => writer.blocking_lock().commit(),
                Asked::Admit(admissions, writing) => admissions.admit_some(writing),
                Asked::Checkpoint => checkpoint(&opening),
            })));
        }
    })?;
    Ok(sender)
}

fn checkpoint(opening: &Opening) {
    // PASSIVE waits for nobody and keeps nobody out: <https://www.sqlite.org/pragma.html#pragma_wal_checkpoint>.
    let checkpoint = query_scalar::<i64>("PRAGMA wal_checkpoint(PASSIVE)");
    if let Err(error) = opening.connect().and_then(|connection| checkpoint.fetch_one(&connection)) {
        // The log grows, and the next turn that waits for the disk does it.
        tracing::debug!(%error, "the log was not taken into the ledger's file");
    }
}

/// How long the log is, for those who write to it without waiting for the disk.
#[derive(Default)]
pub(super) struct Log {
    index: Option<WalIndex>,
    /// At which length it was last asked to be taken into the file.
    asked: u32,
}

impl Log {
    pub(super) fn of(index: Option<WalIndex>) -> Self {
        Self { index, asked: 0 }
    }

    /// Whether it is to be taken into the file now.
    pub(super) fn is_long(&mut self) -> bool {
        let Some(frames) = self.index.and_then(|index| index.header()).map(|header| header.frames()) else {
            return false;
        };
        if frames < self.asked {
            // It has begun again.
            self.asked = 0;
        }
        let is_long = frames >= LONG && (self.asked == 0 || frames >= self.asked + LONGER);
        if is_long {
            self.asked = frames;
        }
        is_long
    }
}
