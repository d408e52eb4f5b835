//! What goes to the store is counted on its way: how far a report is.

use std::io::{IoSlice, Result, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use sealpost_core::sink::ByteSink;

use super::Counters;

/// A sink, and the counters of what it takes.
pub(super) struct Counted {
    pub(super) sink: Box<dyn ByteSink>,
    pub(super) counters: Arc<Counters>,
}

impl Counted {
    fn count(&self, taken: usize) -> usize {
        self.counters.bytes.fetch_add(taken as u64, Ordering::Relaxed);
        taken
    }
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.sink.write(bytes).map(|taken| self.count(taken))
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> Result<usize> {
        self.sink.write_vectored(pieces).map(|taken| self.count(taken))
    }

    fn flush(&mut self) -> Result<()> {
        self.sink.flush()
    }
}

impl ByteSink for Counted {
    fn wants_sha256(&self) -> bool {
        self.sink.wants_sha256()
    }

    fn sha256(&mut self, digest: [u8; 32]) {
        self.sink.sha256(digest);
    }

    fn finish(self: Box<Self>) -> sealpost_core::Result<()> {
        self.sink.finish()
    }
}
