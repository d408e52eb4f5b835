//! Bytes on their way right: a writer that must be finished on purpose.

use std::io::Write;

use crate::error::Result;

/// A writer whose end is said, never guessed: dropped without [`finish`](Self::finish), what was written so far
/// becomes an error downstream, never a shorter file.
pub trait ByteSink: Write + Send {
    /// Whether it wants the SHA-256 of all that is written to it, by [`sha256`](Self::sha256). Who encrypts can compute it beside that for
    /// less than who stores.
    fn wants_sha256(&self) -> bool {
        false
    }

    /// The SHA-256 of all that was written: once, after the last write, before [`finish`](Self::finish), and only to a sink that
    /// [wants](Self::wants_sha256) it.
    fn sha256(&mut self, _digest: [u8; 32]) {}

    /// Writes what is left, and finishes the sink behind this one.
    ///
    /// # Errors
    /// Whatever failed, here or further right.
    fn finish(self: Box<Self>) -> Result<()>;
}

impl ByteSink for Vec<u8> {
    fn finish(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

/// A sink into shared memory, for previews and tests: the bytes stay reachable after it is finished.
#[derive(Clone, Default)]
pub struct MemorySink {
    state: std::sync::Arc<std::sync::Mutex<(Vec<u8>, bool)>>,
}

impl MemorySink {
    /// What was written, and only if it was finished.
    #[must_use]
    pub fn finished(&self) -> Option<Vec<u8>> {
        let state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        state.1.then(|| state.0.clone())
    }
}

impl Write for MemorySink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        state.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl ByteSink for MemorySink {
    fn finish(self: Box<Self>) -> Result<()> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner).1 = true;
        Ok(())
    }
}
