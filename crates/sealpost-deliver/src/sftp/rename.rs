//! Renaming what lies on the server, without ever replacing anything.

use sealpost_core::connector::Connector;
use sealpost_core::error::{Error, Result, codes};

use super::Sftp;
use super::client::Client;
use super::operation::{end, within};
use super::presence::{Presence, look, missing};
use super::status::{Fault, Refusal};

/// Renames `from` to `to` within the connector's time limit.
///
/// Plain `SSH_FXP_RENAME`: by the draft, and in OpenSSH, it fails where the new name is taken. Some servers replace it
/// then; for those, what `to` names is looked at first.
pub(super) async fn rename(
    engine: &Sftp,
    connector: &Connector,
    (from, to): (&str, &str),
    repeated: bool,
) -> Result<()> {
    within(&connector.settings, async {
        loop {
            let lease = engine.lease(connector).await?;
            let renamed = attempt(lease.client(), from, to, repeated).await;
            if !end(lease, &renamed).await {
                return renamed;
            }
        }
    })
    .await
}

async fn attempt(client: &Client, from: &str, to: &str, repeated: bool) -> Result<()> {
    match look(client, [from, to]).await? {
        [Presence::Missing, Presence::Present(_)] if repeated => return Ok(()),
        [Presence::Missing, _] => return Err(missing(from)),
        [_, Presence::Present(_)] => return Err(taken(to)),
        // Where the server hides what is there, the rename will tell.
        _ => {}
    }
    match client.rename(from, to).await {
        Ok(()) => Ok(()),
        Err(Fault::Refused(refusal)) => explain(client, refusal, (from, to), repeated).await,
        Err(Fault::Failed(error)) => Err(error),
    }
}

/// Why a rename was refused: another look, for many servers say only "Failure". An earlier attempt's rename may have come
/// through in between.
async fn explain(client: &Client, refusal: Refusal, (from, to): (&str, &str), repeated: bool) -> Result<()> {
    Err(match look(client, [from, to]).await? {
        [Presence::Missing, Presence::Present(_)] if repeated => return Ok(()),
        [Presence::Missing, _] => missing(from),
        [_, Presence::Present(_)] => taken(to),
        _ => refusal.error(&format!("rename `{from}` to `{to}`")),
    })
}

fn taken(to: &str) -> Error {
    Error::new(&codes::deliver::EXISTS, format!("`{to}` exists already, and renaming replaces nothing"))
}
