//! The limit of a whole operation.

use std::time::Duration;

use sealpost_core::connector::ConnectorSettings;
use sealpost_core::error::{Error, Result, codes};
use tokio::time::timeout;

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
