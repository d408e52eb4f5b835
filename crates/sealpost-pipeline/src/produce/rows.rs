//! The rows of a report, for the thread that formats them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use sealpost_core::batch::Batch;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::RowStream;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::Counters;

/// A stream of rows that a thread waits for, as long as the attempt that wants them is under way.
pub(super) struct Rows {
    rows: Box<dyn RowStream>,
    /// Ends with the attempt.
    unattended: oneshot::Receiver<()>,
    counters: Arc<Counters>,
    runtime: Handle,
}

impl Rows {
    /// To be made within the runtime.
    pub(super) fn new(rows: Box<dyn RowStream>, unattended: oneshot::Receiver<()>, counters: Arc<Counters>) -> Self {
        Self { rows, unattended, counters, runtime: Handle::current() }
    }

    /// The next batch; `None` after the last.
    ///
    /// # Errors
    /// The stream's, and `SP-STORE-007` where nobody waits for the report any more. Then it has to be dropped, which ends the query.
    pub(super) fn next(&mut self) -> Result<Option<Batch>> {
        let Self { rows, unattended, counters, runtime } = self;
        let batch = runtime.block_on(async {
            tokio::select! {
                biased;
                _ = unattended => Err(Error::new(&codes::store::ABORTED, "the attempt was given up")),
                batch = rows.next() => batch,
            }
        })?;
        counters.rows.fetch_add(batch.as_ref().map_or(0, Batch::rows) as u64, Ordering::Relaxed);
        Ok(batch)
    }
}
