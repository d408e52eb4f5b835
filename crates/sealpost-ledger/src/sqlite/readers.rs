//! Connections to read from.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sealpost_core::Result;

use super::open::Opening;
use super::{Connection, fault};

/// Connections kept open while nobody reads. More are opened where more read at once, which are as many as there are threads.
const KEPT: usize = 4;

/// Opened when something is first read.
pub(super) struct Readers {
    opening: Opening,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(opening: Opening) -> Self {
        Self { opening, idle: Mutex::default() }
    }

    /// A connection of its own, which may not write. The write-ahead log lets it see the last committed state without waiting.
    pub(super) fn reader(self: &Arc<Self>) -> Result<Reader> {
        let idle = self.lock().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => {
                let connection = self.opening.connect().map_err(fault::read)?;
                connection.pragma_update(None, "query_only", true).map_err(fault::read)?;
                connection
            }
        };
        Ok(Reader { readers: self.clone(), connection: Some(connection) })
    }

    /// Closes those that nobody uses.
    pub(super) fn close(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Connection>> {
        // Every critical section leaves the list whole.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that goes back when it is dropped.
pub(super) struct Reader {
    readers: Arc<Readers>,
    connection: Option<Connection>,
}

impl Deref for Reader {
    type Target = Connection;

    #[expect(clippy::expect_used, reason = "only dropping takes it")]
    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("a reader has a connection")
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut idle = self.readers.lock();
        if idle.len() < KEPT {
            idle.extend(self.connection.take());
        }
    }
}
