//! A write transaction: taking turns, and what becomes of a connection when one ends badly.

use std::sync::Arc;

use sealpost_core::Result;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::marks::{Marks, Touched};
use super::{Durability, fault};

/// What writing needs. Shared, so that a write can go on when whoever asked for it is gone.
pub(super) struct Writing {
    pub(super) options: SqliteConnectOptions,
    pub(super) writers: Arc<Mutex<Writers>>,
    pub(super) marks: Arc<Marks>,
}

impl Writing {
    pub(super) fn new(options: SqliteConnectOptions) -> Self {
        Self { options, writers: Arc::default(), marks: Arc::default() }
    }

    /// A write transaction. It sees the newest state and excludes every other writer, of other processes too.
    pub(super) async fn begin(&self, durability: Durability) -> Result<Turn> {
        let writers = self.writers.clone().lock_owned().await;
        Turn::begin(writers, &self.options, self.marks.clone(), durability).await
    }
}

/// The connection that writes, and the durability that it has now. One for both: what another connection writes makes the pages
/// that a connection has in memory old, and two that take turns would read everything again for each transaction. Under a lock:
/// SQLite has one writer at a time, and waiting on a lock in memory is fairer and cheaper than its polling.
#[derive(Default)]
pub(super) struct Writers(Option<(SqliteConnection, Durability)>);

impl Writers {
    pub(super) async fn close(&mut self) {
        if let Some((connection, _)) = self.0.take()
            && let Err(error) = connection.close().await
        {
            tracing::debug!(%error, "closing the ledger's connection");
        }
    }
}

/// One write transaction (`BEGIN IMMEDIATE`, so that it never has to be begun again because another came between its
/// read and its write).
///
/// The connection is out of its slot meanwhile and goes back only after a clean end. A future that is dropped midway,
/// or a transaction that SQLite has ended by itself (full disk), therefore loses the connection — closing it rolls
/// back — and the next turn opens a new one.
pub(super) struct Turn {
    writers: OwnedMutexGuard<Writers>,
    marks: Arc<Marks>,
    durability: Durability,
    connection: SqliteConnection,
}

impl Turn {
    async fn begin(
        mut writers: OwnedMutexGuard<Writers>,
        options: &SqliteConnectOptions,
        marks: Arc<Marks>,
        durability: Durability,
    ) -> Result<Self> {
        let (mut connection, has) = match writers.0.take() {
            Some(open) => open,
            None => {
                let full = options.clone().synchronous(SqliteSynchronous::Full);
                (full.connect().await.map_err(fault::write)?, Durability::Disk)
            }
        };
        // In one go with the change, where one is needed: handing a statement to the connection costs more than either.
        let begun = match (has == durability, durability) {
            (true, _) => sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await,
            (false, Durability::Disk) => {
                sqlx::raw_sql("PRAGMA synchronous = FULL; BEGIN IMMEDIATE").execute(&mut connection).await
            }
            (false, Durability::Process) => {
                sqlx::raw_sql("PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE").execute(&mut connection).await
            }
        };
        begun.map_err(fault::write)?;
        Ok(Self { writers, marks, durability, connection })
    }

    /// The connection, inside the transaction.
    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    /// Commits what went well; takes back all of what did not.
    pub(super) async fn end<T>(self, outcome: Result<T>) -> Result<T> {
        self.end_touching(outcome, |_| Touched::Anything).await
    }

    /// [`end`](Self::end) of a transaction of which it is known what it changes of reports.
    pub(super) async fn end_touching<T>(
        mut self,
        outcome: Result<T>,
        touched: impl FnOnce(&T) -> Touched,
    ) -> Result<T> {
        let last = if outcome.is_ok() { "COMMIT" } else { "ROLLBACK" };
        let committing = outcome.as_ref().ok().map(touched).and_then(|touched| self.marks.before_commit(touched));
        let ended = sqlx::query(last).execute(&mut self.connection).await;
        if let Some(committing) = committing.filter(|_| ended.is_ok()) {
            // Before anyone else writes, and before anyone hears of it.
            committing.done();
        }
        match (outcome, ended) {
            (outcome, Ok(_)) => {
                self.writers.0 = Some((self.connection, self.durability));
                outcome
            }
            (Err(error), Err(_)) => Err(error),
            (Ok(_), Err(error)) => Err(fault::write(error)),
        }
    }
}
