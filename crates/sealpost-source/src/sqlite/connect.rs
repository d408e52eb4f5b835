//! A read-only connection with a time limit.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sealpost_core::error::codes::source::{QUERY, UNREACHABLE};
use sealpost_core::{Error, Result};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Executor, Row, SqliteConnection};

use super::SqliteSettings;
use super::failure::{Phase, failure};

/// How long to wait for a writer that has the file locked.
const BUSY: Duration = Duration::from_secs(5);

/// How many of the virtual machine's steps lie between two looks at the clock: a fraction of a millisecond.
const STEPS: i32 = 4000;

/// Rows that SQLite's thread may be ahead of us, whatever their size. The driver's own 50 may be gigabytes.
const AHEAD: usize = 4;

/// A connection, and what ends its query from outside.
pub(super) struct Session {
    /// First, so that the flag outlives nothing of it: dropped in this order, the worker hears of the end at once.
    pub(super) stop: Stop,
    pub(super) connection: SqliteConnection,
}

/// Interrupts the query when it is dropped.
pub(super) struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Opens the file.
pub(super) async fn session(settings: &SqliteSettings, timeout_s: u64) -> Result<Session> {
    let path = settings.path.display().to_string();
    let options = SqliteConnectOptions::new()
        .filename(&settings.path)
        .read_only(true)
        .create_if_missing(false)
        .busy_timeout(BUSY)
        .pragma("query_only", "1")
        .pragma("trusted_schema", "0")
        // What SQLite sorts or keeps aside while it answers are rows in the clear: to memory (2), never to a file.
        .pragma("temp_store", "2")
        .row_buffer_size(AHEAD)
        .disable_statement_logging();
    let at_connect = |error| failure(error, Phase::Connect { path: &path });
    let mut connection = options.connect().await.map_err(at_connect)?;
    let row = connection.fetch_one(sqlx::raw_sql("PRAGMA encoding")).await.map_err(at_connect)?;
    let encoding: String = row.try_get(0).map_err(at_connect)?;
    if encoding != "UTF-8" {
        return Err(Error::new(&UNREACHABLE, format!("{path}: its texts are {encoding}; only UTF-8 is supported")));
    }
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let end = Instant::now() + Duration::from_secs(timeout_s);
    let mut handle = connection.lock_handle().await.map_err(at_connect)?;
    handle.set_progress_handler(STEPS, move || !flag.load(Ordering::Relaxed) && Instant::now() < end);
    drop(handle);
    Ok(Session { stop: Stop(stop), connection })
}

/// Takes the snapshot that all rows come from: a deferred transaction has one from its first read on.
pub(super) async fn begin(session: &mut Session) -> Result<()> {
    let begun = async {
        session.connection.execute(sqlx::raw_sql("BEGIN DEFERRED")).await?;
        session.connection.fetch_optional(sqlx::raw_sql("SELECT 1 FROM sqlite_schema LIMIT 1")).await
    };
    match begun.await {
        Ok(_) => Ok(()),
        Err(error @ sqlx::Error::Database(_)) => Err(failure(error, Phase::Run)),
        Err(error) => Err(Error::new(&QUERY, "the transaction could not begin").caused_by(error)),
    }
}
