//! What goes on to its end though nobody waits for it.

use futures::FutureExt;
use sealpost_core::error::{Error, Result, codes};

/// Does this in a task of its own. Whoever asked may go away at any step: a client hangs up, a request's time is over. For steps
/// of which one without the next would leave something that nothing leads to any more.
pub(crate) async fn though_nobody_waits<T: Send + 'static>(
    what: &str,
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    // Boxed, so that there is one kind of task for each outcome, not one for each work.
    let done = tokio::spawn(work.boxed()).await;
    done.map_err(|error| Error::new(&codes::ledger::DEFECT, format!("{what}: {error}")))?
}
