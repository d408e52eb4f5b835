//! Removing a file or an empty directory on the server.

use sealpost_core::connector::Connector;
use sealpost_core::error::Result;

use super::Sftp;
use super::client::Client;
use super::operation::{end, within};
use super::packet::{self, Request};
use super::presence::{Presence, look, missing};
use super::status::Fault;

/// Removes `path` within the connector's time limit. A link is removed itself, never what it points to.
pub(super) async fn remove(engine: &Sftp, connector: &Connector, path: &str, mut repeated: bool) -> Result<()> {
    within(&connector.settings, async {
        let mut lost = None;
        loop {
            let lease = match engine.lease(connector).await {
                Ok(lease) => lease,
                // That no other connection can be made does not say that nothing happened on the one before.
                Err(error) => return Err(lost.unwrap_or(error)),
            };
            let removed = attempt(lease.client(), path, repeated).await;
            if !end(lease, &removed).await {
                return removed;
            }
            // It may have happened all the same.
            repeated = true;
            lost = removed.err();
        }
    })
    .await
}

/// By the draft, `SSH_FXP_REMOVE` leaves directories alone. It comes first, because some servers (proftpd) show a link to
/// a directory as that directory.
async fn attempt(client: &Client, path: &str, repeated: bool) -> Result<()> {
    let gone = || if repeated { Ok(()) } else { Err(missing(path)) };
    let refusal = match client.remove(path).await {
        Ok(()) => return Ok(()),
        Err(Fault::Refused(refusal)) if refusal.is_missing() => return gone(),
        Err(Fault::Refused(refusal)) => refusal,
        Err(Fault::Failed(error)) => return Err(error),
    };
    let removed = match look(client, [path]).await? {
        [Presence::Missing] => return gone(),
        [Presence::Present(found)] if found.is_directory() == Some(true) => client.remove_directory(path).await,
        _ => Err(Fault::Refused(refusal)),
    };
    match removed {
        Ok(()) => Ok(()),
        // Somebody else was faster.
        Err(Fault::Refused(refusal)) if refusal.is_missing() => gone(),
        Err(fault) => Err(fault.into_error(&format!("remove `{path}`"))),
    }
}

impl Client {
    /// Removes an empty directory.
    async fn remove_directory(&self, path: &str) -> Result<(), Fault> {
        let build = |id| Request::new(packet::RMDIR, id).string(path.as_bytes());
        self.ask("remove a directory", build).await.map(drop)
    }
}
