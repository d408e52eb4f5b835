//! The hidden file: written, on the server's disk, and of the right size.

use futures::stream;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::Shipment;

use super::client::Client;
use super::names::Names;
use super::packet::{CREATE, FOR_WRITE, TRUNCATE};
use super::flow::WINDOW;
use super::pipeline::{self, Strand};
use super::requests::OpenFile;
use super::status::Fault;

/// Brings this attempt's hidden file to completion. `there` is how much of it exists, where something does. Returns
/// the bytes that were sent.
///
/// # Errors
/// After a refusal the hidden file stays for the next attempt; after a wrong size it is removed.
pub(super) async fn upload(
    client: &Client,
    shipment: &Shipment<'_>,
    names: &Names,
    there: Option<u64>,
) -> Result<u64> {
    let path = names.temporary(names.attempt);
    let mut sent = None;
    if let Some(there) = there {
        // What lies below the size minus the window was written for certain (see `WINDOW`); the rest may have gaps.
        // The file is not truncated there: its size would no longer say how far an attempt that is still writing came.
        let from = there.saturating_sub(WINDOW);
        sent = resume(client, shipment, names, &path, from).await?;
    }
    let sent = match sent {
        Some(sent) => sent,
        None => start(client, shipment, names, &path).await?,
    };
    verify(client, shipment, &path).await?;
    Ok(sent)
}

/// `None` where the server does not let files be continued.
async fn resume(
    client: &Client,
    shipment: &Shipment<'_>,
    names: &Names,
    path: &str,
    from: u64,
) -> Result<Option<u64>> {
    let handle = match client.open(path, FOR_WRITE).await {
        Ok(handle) => handle,
        Err(Fault::Refused(refusal)) => {
            tracing::debug!(%path, %refusal, "the server does not continue files; starting again");
            remove_quietly(client, path).await?;
            return Ok(None);
        }
        Err(Fault::Failed(error)) => return Err(error),
    };
    match fill(client, shipment, handle, from).await {
        Ok(sent) => Ok(Some(sent)),
        Err(Fault::Refused(refusal)) if from > 0 && !refusal.is_full() && !refusal.is_unexplained() => {
            tracing::debug!(%path, %refusal, "the server does not continue files; starting again");
            remove_quietly(client, path).await?;
            Ok(None)
        }
        Err(Fault::Refused(refusal)) => Err(client.explain(refusal, &format!("write `{path}`"), &names.folder).await),
        Err(Fault::Failed(error)) => Err(error),
    }
}

async fn start(client: &Client, shipment: &Shipment<'_>, names: &Names, path: &str) -> Result<u64> {
    let handle = match client.open(path, FOR_WRITE | CREATE | TRUNCATE).await {
        Ok(handle) => handle,
        Err(Fault::Refused(refusal)) => {
            return Err(client.explain(refusal, &format!("create `{path}`"), &names.folder).await);
        }
        Err(Fault::Failed(error)) => return Err(error),
    };
    match fill(client, shipment, handle, 0).await {
        Ok(sent) => Ok(sent),
        Err(Fault::Refused(refusal)) => Err(client.explain(refusal, &format!("write `{path}`"), &names.folder).await),
        Err(Fault::Failed(error)) => Err(error),
    }
}

/// Writes the rest of the file, makes the server put it on its disk, and closes it.
async fn fill(client: &Client, shipment: &Shipment<'_>, file: OpenFile, from: u64) -> Result<u64, Fault> {
    let progress = |confirmed| shipment.journal.progress(confirmed);
    let strand = Strand { client: client.clone(), file };
    let written = match pipeline::write(&strand, stream::empty(), shipment.file, from, &progress).await {
        // What is renamed must survive a power cut at the partner.
        Ok(_) if client.features.fsync => client.fsync(&strand.file).await,
        written => written.map(drop),
    };
    let sent = shipment.file.size().saturating_sub(from);
    match written {
        Err(Fault::Failed(error)) => Err(Fault::Failed(error)),
        // Closed in any case; where writing went well, closing must too: servers with an object store behind them
        // report there.
        Ok(()) => client.close(&strand.file).await.map(|()| sent),
        Err(refused) => match client.close(&strand.file).await {
            Ok(()) | Err(Fault::Refused(_)) => Err(refused),
            Err(failed) => Err(failed),
        },
    }
}

async fn verify(client: &Client, shipment: &Shipment<'_>, path: &str) -> Result<()> {
    let expected = shipment.file.size();
    let found = client.stat(path).await.map_err(|fault| fault.into_error(&format!("look at `{path}`")))?;
    let said = match found {
        Some(found) if found.size == Some(expected) => return Ok(()),
        Some(found) => found.size.map_or_else(|| "no size".to_owned(), |size| format!("{size} bytes")),
        None => "no such file".to_owned(),
    };
    remove_quietly(client, path).await?;
    Err(Error::new(
        &codes::deliver::SIZE_MISMATCH,
        format!("`{path}`: {expected} bytes were sent, the server reports {said}"),
    ))
}

/// Removes a hidden file; whether it was there does not matter.
pub(super) async fn remove_quietly(client: &Client, path: &str) -> Result<()> {
    match client.remove(path).await {
        Ok(()) | Err(Fault::Refused(_)) => Ok(()),
        Err(Fault::Failed(error)) => Err(error),
    }
}
