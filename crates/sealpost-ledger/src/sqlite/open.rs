//! Opening the file: connections, their settings, and whose file it is.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::OpenFlags;
use sealpost_core::error::codes;
use sealpost_core::{Error, Result};

use super::readers::Readers;
use super::statement::query_scalar;
use super::turn::Writing;
use super::wal_index::WalIndex;
use super::{Connection, SqliteLedger, fault, schema};
use crate::bell::Inside;

/// How long a write waits for those of other processes, its place in the line of this one included. Each holds the lock for
/// milliseconds; ten seconds of waiting mean that something is wrong.
const BUSY: Duration = Duration::from_secs(10);

/// Statements that a connection keeps prepared: all there are, and the usual filters of lists.
const STATEMENTS: usize = 256;

/// How connections to the file are opened.
#[derive(Debug, Clone)]
pub(super) struct Opening {
    path: PathBuf,
    /// How long one waits for other processes.
    pub(super) patience: Duration,
}

impl Opening {
    pub(super) fn new(path: &Path, patience: Duration) -> Self {
        Self { path: path.to_owned(), patience }
    }

    /// The index of the file's log, which a connection has open.
    pub(super) fn index(&self) -> Option<WalIndex> {
        WalIndex::beside(&self.path)
    }

    /// A connection, for one thread at a time.
    pub(super) fn connect(&self) -> rusqlite::Result<Connection> {
        // Without `SQLITE_OPEN_URI`: a name that begins with `file:` is a name.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(self.patience)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        // The log is kept from staying as large as it once was. What SQLite needs besides, such as the pages that a savepoint may
        // bring back, is small, and goes to memory: a file somewhere else would be one more disk that can be full.
        connection.execute_batch(
            "PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864;
             PRAGMA temp_store = MEMORY",
        )?;
        Ok(connection)
    }
}

/// Opens the file; waits for the disk, and for other processes that make it at this moment.
pub(super) fn open(path: &Path) -> Result<SqliteLedger> {
    let named = |error: Error| error.context(format!("ledger file `{}`", path.display()));
    create(path).map_err(|error| {
        named(Error::new(&codes::ledger::UNREACHABLE, format!("it can't be opened: {error}")).caused_by(error))
    })?;
    let opening = Opening::new(path, BUSY);
    let first = opening.connect().map_err(|error| named(fault::write(error)))?;
    prepare(&first).map_err(named)?;

    // Other connections are opened when they are needed. Meanwhile the first one keeps the file open: closing the last one takes
    // the write-ahead log into the file and removes it, and the next one makes it anew.
    let writing = Writing::new(opening.clone()).map_err(|error| {
        named(Error::new(&codes::ledger::UNREACHABLE, format!("no thread can be started: {error}")).caused_by(error))
    })?;
    writing.marks.look_at(opening.index());
    Ok(SqliteLedger {
        path: path.to_owned(),
        writing: Arc::new(writing),
        admissions: Arc::default(),
        readers: Arc::new(Readers::new(opening)),
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
fn prepare(connection: &Connection) -> Result<()> {
    let seen = schema::recognise(connection)?;
    write_ahead_log(connection)?;
    schema::migrate(connection, seen)
}

/// Changing the journal mode needs the file for itself and does not wait by the busy timeout, so two processes that
/// make a new file together meet here.
fn write_ahead_log(connection: &Connection) -> Result<()> {
    let started = std::time::Instant::now();
    loop {
        match query_scalar::<String>("PRAGMA journal_mode = WAL").fetch_one(connection) {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(mode) => {
                return Err(Error::new(
                    &codes::ledger::UNREACHABLE,
                    format!("the file system does not support a write-ahead log (journal mode is `{mode}`)"),
                ));
            }
            Err(error) if fault::is_busy(&error) && started.elapsed() < BUSY => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(error) => return Err(fault::write(error)),
        }
    }
}
