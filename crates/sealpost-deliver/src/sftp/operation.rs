//! What operations share: a time limit, and the connection's end.

use std::time::Duration;

use sealpost_core::connector::ConnectorSettings;
use sealpost_core::error::{Error, Result, codes};
use tokio::time::timeout;

use super::pool::Lease;

/// Runs `work` within the connector's `transfer_timeout_s`.
///
/// # Errors
/// `SP-DELIVER-016` past it; what `work` says.
pub(super) async fn within<T>(settings: &ConnectorSettings, work: impl Future<Output = Result<T>>) -> Result<T> {
    let limit = settings.limits.transfer_timeout_s.max(1);
    timeout(Duration::from_secs(limit), work)
        .await
        .map_err(|_| Error::new(&codes::deliver::DEADLINE, format!("not finished within {limit} s")))?
}

/// Gives a connection back. Returns whether the work is to be done again at once: the connection had been kept for us, and
/// the server has given it up meanwhile.
pub(super) async fn end<T>(lease: Lease, result: &Result<T>) -> bool {
    let again = result.as_ref().is_err_and(|error| lease.judge(error));
    lease.finish().await;
    if again {
        tracing::debug!("the connection was dead; making another one");
    }
    again
}
