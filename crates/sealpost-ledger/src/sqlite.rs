//! The embedded ledger: jobs, records and queue in one SQLite file.
//!
//! Several processes may share the file (`serve`, `worker`, the command line), so every decision is made inside one
//! write transaction and none rests on the memory of a process.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use sealpost_core::error::codes;
use sealpost_core::task::WorkKind;
use sealpost_core::{Error, Result};

mod admit;
mod api_keys;
mod audit;
mod challenges;
mod changes;
mod checkpoints;
mod commits;
mod connectors;
mod deliveries;
mod fault;
mod idempotency;
mod jobs;
mod lanes;
mod ledger;
mod list;
mod marks;
mod notifications;
mod open;
mod outbox;
mod pages;
mod partners;
mod queue;
mod readers;
mod records;
mod redeliver;
mod removal;
mod schema;
mod statement;
mod tasks;
mod timeline;
mod transfers;
mod turn;
mod usage;
mod wal_index;
mod webhooks;

use crate::bell::Inside;
use crate::value;
use admit::together::Admissions;
use marks::Touched;
use readers::{Reader, Readers};
use turn::{Turn, Writing};

/// A ledger in a SQLite file.
///
/// Writes take turns on one connection, reads have their own: the write-ahead log lets them see the last committed
/// state without waiting.
pub struct SqliteLedger {
    path: PathBuf,
    writing: Arc<Writing>,
    admissions: Arc<Admissions>,
    readers: Arc<Readers>,
    /// Keeps the write-ahead log open, whatever becomes of other connections.
    anchor: Mutex<Option<Connection>>,
    bells: Inside,
}

/// What a write has survived when it returns. Both survive the death of any process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Durability {
    /// A loss of power too: a 202 is a promise, so admission and every event wait for the disk (`synchronous=FULL`
    /// syncs the write-ahead log at each commit).
    Disk,
    /// Not yet a loss of power: for what is worthless then, because it speaks of a worker that lost power as well —
    /// claims, heartbeats, progress — and for counted requests, of which a few may be forgotten. No sync, so that they cost microseconds. The log keeps its order: the next write
    /// to disk takes these with it.
    Process,
}

impl SqliteLedger {
    /// Opens the file, and makes or migrates it. Missing folders are made; the file is for its owner only.
    ///
    /// # Errors
    /// `SP-LEDGER-001` where the file can't be opened, `-002` on a full disk, `-006` for a file that another program
    /// or a newer version of this one has written.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let opened = tokio::task::spawn_blocking(move || open::open(&path)).await;
        opened.map_err(|error| Error::new(&codes::ledger::UNREACHABLE, format!("opening the ledger: {error}")))?
    }

    /// Closes every connection, after which the file alone is complete (SQLite removes its write-ahead log). Not
    /// needed for safety: a process may die at any time.
    pub async fn close(&self) {
        // Without a connection the log's index is another file the next time.
        self.writing.marks.look_at(None);
        self.readers.close();
        self.writing.close().await;
        drop(self.anchor.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// A write transaction. It sees the newest state and excludes every other writer, of other processes too.
    async fn begin(&self, durability: Durability) -> Result<Turn> {
        self.writing.begin(durability).await
    }

    /// A connection to read from, for looks by a key.
    fn reader(&self) -> Result<Reader> {
        self.readers.reader()
    }

    /// A look that may go through all there is, such as a list or a count: not on the caller's thread, which has others to serve.
    async fn look<T: Send + 'static>(&self, look: impl FnOnce(&Connection) -> Result<T> + Send + 'static) -> Result<T> {
        let reader = self.reader()?;
        let looked = tokio::task::spawn_blocking(move || look(&reader)).await;
        looked.map_err(|error| Error::new(&codes::ledger::UNREACHABLE, format!("read: {error}")))?
    }

    /// Wakes this process's workers that wait for these kinds, or the next one that does.
    fn ring(&self, kinds: impl IntoIterator<Item = WorkKind>) {
        self.bells.ring(kinds);
    }
}

#[cfg(test)]
mod tests;
