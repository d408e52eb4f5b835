//! What a path on the server names now: one request.

use jiff::Timestamp;
use sealpost_core::connector::Connector;
use sealpost_core::error::Result;
use sealpost_core::port::RemoteEntry;

use super::Sftp;
use super::operation::{end, within};

/// Looks at `path` within the connector's time limit. Links are followed, as they are where a file is retrieved.
pub(super) async fn look(engine: &Sftp, connector: &Connector, path: &str) -> Result<Option<RemoteEntry>> {
    within(&connector.settings, async {
        loop {
            let lease = engine.lease(connector).await?;
            let found = lease.client().stat(path).await.map_err(|fault| fault.into_error(&format!("look at `{path}`")));
            if end(lease, &found).await {
                continue;
            }
            return Ok(found?.map(|attributes| RemoteEntry {
                path: path.to_owned(),
                is_directory: attributes.is_directory() == Some(true),
                size: attributes.size,
                modified: attributes.modified.and_then(|seconds| Timestamp::from_second(i64::from(seconds)).ok()),
            }));
        }
    })
    .await
}
