//! What earlier attempts left on the server.

use sealpost_core::connector::ExistingFile;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::{SealedReader, Shipment};

use super::client::{Client, protocol};
use super::names::Names;
use super::packet::{Attributes, FOR_READ, READ, Reply, Request};
use super::requests::OpenFile;
use super::status::Fault;

/// How many bytes of two sealed files' ends are compared.
const END: u64 = 4096;
/// How many bytes of other files are compared at once, and in how many requests on their way.
const PIECE: u64 = 32 * 1024;
const PIECES: u64 = 32;

/// Where a delivery stands on the server when an attempt begins.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The rename of an interrupted attempt happened.
    Published {
        /// The name that the file got.
        path: String,
        /// Whether it is still there: the partner may have taken it already.
        present: bool,
    },
    /// The hidden file is complete under the name that the recorded intent has.
    ///
    /// It keeps that name: renaming it before a new intent is recorded would let a crash look as if the file had been
    /// published.
    Complete(String),
    /// This round's hidden name holds the file's beginning, of this size.
    Partial(u64),
    /// Nothing.
    Nothing,
}

/// Looks what is there, and takes an earlier attempt's or round's partial file over.
pub(super) async fn look(client: &Client, shipment: &Shipment<'_>, names: &Names) -> Result<Standing> {
    let size = shipment.file.size();
    let account = shipment.connector.settings.account();
    if let Some(intent) = shipment.traces.intent.filter(|intent| intent.account == account) {
        let temporary = &intent.temporary_path;
        let doing = format!("look for `{temporary}`");
        let Some(left) = client.stat(temporary).await.map_err(|fault| fault.into_error(&doing))? else {
            let present = visible(client, &intent.final_path).await?.is_some();
            return Ok(Standing::Published { path: intent.final_path.clone(), present });
        };
        if left.size == Some(size) {
            let replaces = shipment.connector.settings.existing_file == ExistingFile::Replace;
            if !replaces && half_renamed(client, shipment, temporary, left, &intent.final_path).await? {
                return Ok(Standing::Published { path: intent.final_path.clone(), present: true });
            }
            return Ok(Standing::Complete(temporary.clone()));
        }
        // It was complete when the intent was recorded; the server has lost some of it since.
        shipment.journal.withdraw().await?;
        client.remove(temporary).await.map_err(|fault| fault.into_error(&format!("remove `{temporary}`")))?;
    }
    take_over(client, names, size).await
}

async fn visible(client: &Client, path: &str) -> Result<Option<Attributes>> {
    match client.stat(path).await {
        Ok(found) => Ok(found),
        // Not ours to look at any more.
        Err(Fault::Refused(_)) => Ok(None),
        Err(Fault::Failed(error)) => Err(error),
    }
}

/// Whether `temporary` and `path` are one file under two names. Where that is so, the hidden name is removed.
///
/// OpenSSH renames by making a second link and removing the first (its `rename` must not replace a file); a crash in
/// between leaves both. Two files that agree in size, owner, permissions and time, and as far as can be seen in what is in them,
/// are taken for one. The files of two deliveries that came in the same second may agree in all that is not content, so this is
/// asked only where an earlier attempt was about to rename the one to the other.
pub(super) async fn half_renamed(
    client: &Client,
    shipment: &Shipment<'_>,
    temporary: &str,
    left: Attributes,
    path: &str,
) -> Result<bool> {
    if left.modified.is_none()
        || visible(client, path).await? != Some(left)
        || !has_ours(client, shipment, path).await?
    {
        return Ok(false);
    }
    match client.remove(temporary).await {
        Ok(()) => Ok(true),
        Err(Fault::Refused(refusal)) if refusal.is_missing() => Ok(true),
        Err(fault) => Err(fault.into_error(&format!("remove `{temporary}`"))),
    }
}

/// Whether there is a file at `path` that is ours, as far as can be seen in its size and what is in it.
pub(super) async fn is_ours(client: &Client, shipment: &Shipment<'_>, path: &str) -> Result<bool> {
    let there = visible(client, path).await?;
    Ok(there.is_some_and(|there| there.size == Some(shipment.file.size())) && has_ours(client, shipment, path).await?)
}

/// Whether the file at `path` is ours, by what is in it. Of a sealed one the end is enough: no other sealed file of its size ends
/// so, for each has keys of its own. Of any other every byte counts: should it be another's, ours would be removed.
///
/// Where it may not be read, nothing speaks against a sealed one.
async fn has_ours(client: &Client, shipment: &Shipment<'_>, path: &str) -> Result<bool> {
    Ok(compared(client, shipment, path).await?.unwrap_or(shipment.sealed))
}

/// Whether the file at `path`, which has our size, may be ours: where it may not be read, nothing speaks against any.
pub(super) async fn may_be_ours(client: &Client, shipment: &Shipment<'_>, path: &str) -> Result<bool> {
    Ok(compared(client, shipment, path).await? != Some(false))
}

/// Whether the file at `path` has our bytes; `None` where it may not be read.
async fn compared(client: &Client, shipment: &Shipment<'_>, path: &str) -> Result<Option<bool>> {
    let size = shipment.file.size();
    if size == 0 {
        return Ok(Some(true));
    }
    let from = if shipment.sealed { size.saturating_sub(END) } else { 0 };
    match agrees(client, shipment.file, path, from).await {
        Ok(agrees) => Ok(Some(agrees)),
        Err(Fault::Refused(_)) => Ok(None),
        Err(Fault::Failed(error)) => Err(error),
    }
}

/// Whether the file at `path` has our bytes from here on.
async fn agrees(client: &Client, file: &dyn SealedReader, path: &str, from: u64) -> Result<bool, Fault> {
    let opened = client.open(path, FOR_READ).await?;
    let mut at = from;
    while at < file.size() {
        let places = (0..PIECES).map(|number| at + number * PIECE).take_while(|place| *place < file.size());
        let requests: Vec<_> = places.map(|place| reading(&opened, place, piece(file, place))).collect();
        for answer in client.ask_all("read", requests).await? {
            let Reply::Data(theirs) = answer? else { return Err(protocol("read").into()) };
            let ours = file.read(at, piece(file, at) as usize).await?;
            if theirs.is_empty() || !ours.starts_with(&theirs) {
                return Ok(false);
            }
            at += theirs.len() as u64;
            // A server may give less than was asked for: the rest is asked for again.
            if theirs.len() < ours.len() {
                break;
            }
        }
    }
    Ok(true)
}

/// How much of the file is asked for from here on.
fn piece(file: &dyn SealedReader, at: u64) -> u32 {
    u32::try_from(file.size().saturating_sub(at).min(PIECE)).unwrap_or(u32::MAX)
}

fn reading(opened: &OpenFile, at: u64, length: u32) -> impl FnOnce(u32) -> Request {
    move |id| Request::new(READ, id).string(opened).u64(at).u32(length)
}

/// Renames the newest earlier partial file to this round's name. From then on an attempt that was thought dead can't rename,
/// remove or empty it; should it still write, it writes the same bytes to the same places.
async fn take_over(client: &Client, names: &Names, size: u64) -> Result<Standing> {
    let paths = names.beginnings();
    let found = client.stat_all(&paths).await?;
    let own = names.own();
    for (path, found) in paths.iter().zip(found) {
        let left = match found {
            Ok(Some(left)) => left,
            Ok(None) => continue,
            Err(Fault::Refused(refusal)) => {
                // A server that hides what is there: no resuming, but the upload may work.
                tracing::debug!(%path, %refusal, "can't look for a partial file");
                continue;
            }
            Err(Fault::Failed(error)) => return Err(error),
        };
        // Larger than the file: not a beginning of it.
        let Some(there) = left.size.filter(|there| *there <= size) else { continue };
        if *path == own {
            return Ok(Standing::Partial(there));
        }
        match client.rename(path, &own).await {
            Ok(()) => return Ok(Standing::Partial(there)),
            Err(Fault::Refused(refusal)) => tracing::debug!(%path, %refusal, "can't take over a partial file"),
            Err(Fault::Failed(error)) => return Err(error),
        }
    }
    Ok(Standing::Nothing)
}

/// Refuses early, before the upload, where the name is taken and must stay as it is.
pub(super) async fn refuse_existing(client: &Client, names: &Names) -> Result<()> {
    let path = names.visible();
    match client.stat(&path).await {
        Ok(None) | Err(Fault::Refused(_)) => Ok(()),
        Ok(Some(_)) => Err(exists(&path)),
        Err(Fault::Failed(error)) => Err(error),
    }
}

/// The error of a taken name.
pub(super) fn exists(path: &str) -> Error {
    Error::new(
        &codes::deliver::EXISTS,
        format!("`{path}` exists already, and the connector's `existing_file` is `fail`"),
    )
}
