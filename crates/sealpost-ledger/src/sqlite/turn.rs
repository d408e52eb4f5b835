//! A write transaction: taking turns, and what becomes of a connection when one ends badly.

use sealpost_core::Result;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};
use tokio::sync::MutexGuard;

use super::{Durability, fault};

/// The connections that write, one for each durability. Both are under one lock: SQLite has one writer at a time, and
/// waiting on a lock in memory is fairer and cheaper than its polling.
pub(super) struct Writers {
    disk: Option<SqliteConnection>,
    process: Option<SqliteConnection>,
}

impl Writers {
    /// With a connection that waits for the disk already.
    pub(super) fn with(disk: SqliteConnection) -> Self {
        Self { disk: Some(disk), process: None }
    }

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
pub(super) struct Turn<'l> {
    writers: MutexGuard<'l, Writers>,
    durability: Durability,
    connection: SqliteConnection,
}

impl<'l> Turn<'l> {
    pub(super) async fn begin(
        mut writers: MutexGuard<'l, Writers>,
        options: &SqliteConnectOptions,
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
        Ok(Self { writers, durability, connection })
    }

    /// The connection, inside the transaction.
    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    /// Commits what went well; takes back all of what did not.
    pub(super) async fn end<T>(mut self, outcome: Result<T>) -> Result<T> {
        let last = if outcome.is_ok() { "COMMIT" } else { "ROLLBACK" };
        let ended = sqlx::query(last).execute(&mut self.connection).await;
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
