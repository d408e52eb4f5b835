//! What earlier attempts left on the server.

use sealpost_core::connector::ExistingFile;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::{SealedReader, Shipment};

use super::client::{Client, protocol};
use super::names::Names;
use super::packet::{Attributes, FOR_READ, READ, Reply, Request};
use super::status::Fault;

/// How many bytes of two files' ends are compared.
const END: u32 = 4096;

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
            if !replaces && half_renamed(client, shipment.file, temporary, left, &intent.final_path).await? {
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
/// between leaves both. Two files that agree in size, owner, permissions and time, and as far as can be seen in their end, are
/// taken for one. The files of two deliveries that came in the same second may agree in all that is not content, so this is
/// asked only where an earlier attempt was about to rename the one to the other.
pub(super) async fn half_renamed(
    client: &Client,
    file: &dyn SealedReader,
    temporary: &str,
    left: Attributes,
    path: &str,
) -> Result<bool> {
    if left.modified.is_none() || visible(client, path).await? != Some(left) || !ends_alike(client, file, path).await? {
        return Ok(false);
    }
    match client.remove(temporary).await {
        Ok(()) => Ok(true),
        Err(Fault::Refused(refusal)) if refusal.is_missing() => Ok(true),
        Err(fault) => Err(fault.into_error(&format!("remove `{temporary}`"))),
    }
}

/// Whether there is a file at `path` that is ours, as far as can be seen in its size and its end.
pub(super) async fn is_ours(client: &Client, file: &dyn SealedReader, path: &str) -> Result<bool> {
    let there = visible(client, path).await?;
    Ok(there.is_some_and(|there| there.size == Some(file.size())) && ends_alike(client, file, path).await?)
}

/// Whether the file at `path` ends as ours does, which no other sealed file of its size does: each has keys of its own. Where
/// it may not be read, nothing speaks against it.
async fn ends_alike(client: &Client, file: &dyn SealedReader, path: &str) -> Result<bool> {
    let length = u32::try_from(file.size()).unwrap_or(u32::MAX).min(END);
    if length == 0 {
        return Ok(true);
    }
    let from = file.size() - u64::from(length);
    let read = async {
        let opened = client.open(path, FOR_READ).await?;
        client.ask("read", |id| Request::new(READ, id).string(&opened).u64(from).u32(length)).await
    };
    let answer: Result<Reply, Fault> = read.await;
    match answer {
        Ok(Reply::Data(theirs)) => {
            let ours = file.read(from, length as usize).await?;
            // A server may give less than was asked for.
            Ok(!theirs.is_empty() && ours.starts_with(&theirs))
        }
        Ok(_) => Err(protocol("read")),
        Err(Fault::Refused(_)) => Ok(true),
        Err(Fault::Failed(error)) => Err(error),
    }
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
