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

/// The connections that write, one for each durability. Both are under one lock: SQLite has one writer at a time, and
/// waiting on a lock in memory is fairer and cheaper than its polling.
#[derive(Default)]
pub(super) struct Writers {
    disk: Option<SqliteConnection>,
    process: Option<SqliteConnection>,
}

impl Writers {
    fn slot(&mut self, durability: Durability) -> &mut Option<SqliteConnection> {
        match durability {
            Durability::Disk => &mut self.disk,
            Durability::Process => &mut self.process,
        }
    }

    pub(super) async fn close(&mut self) {
        for connection in [self.disk.take(), self.process.take()].into_iter().flatten() {
            if let Err(error) = connection.close().await {
                tracing::debug!(%error, "closing the ledger's connection");
            }
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
        let mut connection = match writers.slot(durability).take() {
            Some(connection) => connection,
            None => {
                let synchronous = match durability {
                    Durability::Disk => SqliteSynchronous::Full,
                    Durability::Process => SqliteSynchronous::Normal,
                };
                options.clone().synchronous(synchronous).connect().await.map_err(fault::write)?
            }
        };
        sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await.map_err(fault::write)?;
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
                *self.writers.slot(self.durability) = Some(self.connection);
                outcome
            }
            (Err(error), Err(_)) => Err(error),
            (Ok(_), Err(error)) => Err(fault::write(error)),
        }
    }
}
