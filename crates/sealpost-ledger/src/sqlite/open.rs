//! Opening the file: connections, their settings, and whose file it is.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sealpost_core::error::codes;
use sealpost_core::{Error, Result};
use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqlitePoolOptions, SqliteSynchronous};
use tokio::sync::Mutex;

use super::turn::Writing;
use super::wal_index::WalIndex;
use super::{SqliteLedger, fault, schema};
use crate::bell::Inside;

/// How long a write waits for those of other processes. Each holds the lock for milliseconds; ten seconds of waiting
/// mean that something is wrong.
const BUSY: Duration = Duration::from_secs(10);

/// Reads at once; more wait. They are short and served from memory.
const READERS: u32 = 4;

pub(super) async fn open(path: &Path) -> Result<SqliteLedger> {
    let named = |error: Error| error.context(format!("ledger file `{}`", path.display()));
    create(path).map_err(|error| {
        named(Error::new(&codes::ledger::UNREACHABLE, format!("it can't be opened: {error}")).caused_by(error))
    })?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY)
        .foreign_keys(true)
        .synchronous(SqliteSynchronous::Full)
        // Keeps the write-ahead log from staying as large as it once was.
        .pragma("journal_size_limit", "67108864")
        .disable_statement_logging();

    let mut first = options.connect().await.map_err(|error| named(fault::write(error)))?;
    prepare(&mut first).await.map_err(named)?;

    // Connected to when something is first read. Meanwhile the first connection keeps the file open: closing the last one takes
    // the write-ahead log into the file and removes it, and the next one makes it anew.
    let readers = SqlitePoolOptions::new()
        .max_connections(READERS)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_lazy_with(options.clone().pragma("query_only", "ON"));
    let writing = Writing::new(options);
    writing.marks.look_at(WalIndex::beside(path));
    Ok(SqliteLedger {
        path: path.to_owned(),
        writing: Arc::new(writing),
        admissions: Arc::default(),
        readers,
        anchor: Mutex::new(Some(first)),
        bells: Inside::default(),
    })
}

/// Makes the file, empty, readable by its owner only: it holds the digests of API keys and who asked for what. SQLite
/// gives its companions (`-wal`, `-shm`) the same permissions.
fn create(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = std::fs::OpenOptions::new();
    file.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut file, 0o600);
    file.open(path).map(drop)
}

/// Refuses a stranger's file before anything is written to it, then sets the journal mode and migrates.
async fn prepare(connection: &mut SqliteConnection) -> Result<()> {
    let seen = schema::recognise(connection).await?;
    write_ahead_log(connection).await?;
    schema::migrate(connection, seen).await
}

/// Changing the journal mode needs the file for itself and does not wait by the busy timeout, so two processes that
/// make a new file together meet here.
async fn write_ahead_log(connection: &mut SqliteConnection) -> Result<()> {
    let started = std::time::Instant::now();
    loop {
        match sqlx::query_scalar::<_, String>("PRAGMA journal_mode = WAL").fetch_one(&mut *connection).await {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(mode) => {
                return Err(Error::new(
                    &codes::ledger::UNREACHABLE,
                    format!("the file system does not support a write-ahead log (journal mode is `{mode}`)"),
                ));
            }
            Err(error) if fault::is_busy(&error) && started.elapsed() < BUSY => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => return Err(fault::write(error)),
        }
    }
}
