//! What was moved aside to be replaced, on servers that do not replace a file in one step.

use sealpost_core::error::Result;
use sealpost_core::port::Shipment;

use super::client::Client;
use super::names::Names;
use super::packet::Attributes;
use super::resume::may_be_ours;
use super::status::Fault;

/// The hidden names to which the attempts of a delivery move what has its name.
pub(super) struct Asides {
    /// Those where there is something, the newest first.
    pub(super) there: Vec<(String, Attributes)>,
    /// Those of which the server does not tell whether there is something.
    pub(super) unknown: Vec<String>,
}

/// Looks at all of them.
pub(super) async fn look(client: &Client, names: &Names) -> Result<Asides> {
    let paths = names.asides();
    let found = client.stat_all(&paths).await?;
    let (mut there, mut unknown) = (Vec::new(), Vec::new());
    for (path, found) in paths.into_iter().zip(found) {
        match found {
            Ok(Some(found)) => there.push((path, found)),
            Ok(None) => {}
            Err(Fault::Refused(_)) => unknown.push(path),
            Err(Fault::Failed(error)) => return Err(error),
        }
    }
    Ok(Asides { there, unknown })
}

/// Gives the delivered file its name back, where an earlier attempt's request to move aside what was there before came late and
/// moved this one: it was left on a connection that broke. Returns what was replaced, and whether the file was moved.
///
/// A name where nothing was seen is not among what was replaced: the file may come there now.
pub(super) async fn take_back(client: &Client, shipment: &Shipment<'_>, names: &Names) -> Result<(Vec<String>, bool)> {
    let visible = names.visible();
    let (mut replaced, mut moved) = (Vec::new(), false);
    for (aside, found) in look(client, names).await?.there {
        let failed = |fault: Fault| fault.into_error(&format!("rename `{aside}` to `{visible}`"));
        // In this order: where the name is in use still, what was seen aside is not the file.
        if !moved
            && found.size == Some(shipment.file.size())
            && client.is_gone(&visible).await.map_err(failed)?
            && may_be_ours(client, shipment, &aside).await?
        {
            client.rename(&aside, &visible).await.map_err(failed)?;
            moved = true;
        } else {
            replaced.push(aside);
        }
    }
    Ok((replaced, moved))
}
