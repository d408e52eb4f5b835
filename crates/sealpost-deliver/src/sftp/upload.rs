//! The hidden file: written, on the server's disk, and of the right size.

use std::sync::atomic::{AtomicU64, Ordering};

use futures::future::join_all;
use sealpost_core::connector::ExistingFile;
use sealpost_core::error::{Error, Result, codes};

use super::client::{Client, protocol};
use super::flow::WINDOW;
use super::packet::{Attributes, CREATE, FOR_WRITE, Reply, TRUNCATE};
use super::pipeline::{self, Place, Retreat, Strand};
use super::quick::{self, Quick};
use super::requests::{OpenFile, present};
use super::resume::refuse_existing;
use super::send::Attempt;
use super::status::{Fault, Refusal};
use super::streams::{self, Further, Spread};

/// A complete hidden file.
pub(super) struct Uploaded {
    /// Bytes that were sent.
    pub(super) sent: u64,
    /// Whether the file's own name is taken, where that was looked at when the hidden file was complete.
    pub(super) taken: Option<bool>,
}

/// What the server says of the hidden file when it has been closed.
struct Closed {
    found: Result<Option<Attributes>, Fault>,
    taken: Option<bool>,
}

/// Brings this round's hidden file to completion. `there` is how much of it exists, where something does.
///
/// # Errors
/// After a refusal the hidden file stays for the next attempt; after a wrong size it is removed.
pub(super) async fn upload(attempt: &Attempt<'_>, there: Option<u64>) -> Result<Uploaded> {
    let size = attempt.shipment.file.size();
    if let Some(there) = there {
        // What lies below the size minus the window was written for certain (see `WINDOW`); the rest may have gaps.
        // The file is not truncated there: its size would no longer say how far an attempt that is still writing came.
        let from = there.saturating_sub(WINDOW);
        if let Some(done) = resume(attempt, from).await? {
            return Ok(done);
        }
    } else if size <= quick::LONGEST
        && let Quick::Complete { taken } =
            quick::upload(attempt.client(), attempt.shipment, attempt.names, attempt.limiter).await?
    {
        return Ok(Uploaded { sent: size, taken });
    }
    let spread = Spread::of(&attempt.shipment.connector.settings, attempt.lease, size);
    let (done, sent) = start(attempt, spread).await?;
    let wrong = match verify(attempt, done.found) {
        Ok(()) => return Ok(Uploaded { sent, taken: done.taken }),
        Err(wrong) => wrong,
    };
    remove_quietly(attempt.client(), &attempt.own).await?;
    if !spread.is_wide() || !wrong.is(&codes::deliver::SIZE_MISMATCH) {
        return Err(wrong);
    }
    // A server that does not put together what comes over several channels may take it over one.
    tracing::debug!(error = %wrong, "the file came out wrong over several channels; trying one");
    attempt.lease.note_one_channel();
    let (done, again) = start(attempt, Spread::NONE).await?;
    if let Err(wrong) = verify(attempt, done.found) {
        remove_quietly(attempt.client(), &attempt.own).await?;
        return Err(wrong);
    }
    Ok(Uploaded { sent: sent + again, taken: done.taken })
}

/// `None` where the server does not let files be continued.
async fn resume(attempt: &Attempt<'_>, from: u64) -> Result<Option<Uploaded>> {
    let client = attempt.client();
    let path = &attempt.own;
    let not_continued = |refusal: Refusal| {
        tracing::debug!(%path, %refusal, "the server does not continue files; starting again");
    };
    let file = match client.open(path, FOR_WRITE).await {
        Ok(file) => file,
        Err(Fault::Refused(refusal)) => {
            not_continued(refusal);
            remove_quietly(client, path).await?;
            return Ok(None);
        }
        Err(Fault::Failed(error)) => return Err(error),
    };
    let left = attempt.shipment.file.size().saturating_sub(from);
    let spread = Spread::of(&attempt.shipment.connector.settings, attempt.lease, left);
    let landed = AtomicU64::new(from);
    let progress = |confirmed| {
        landed.fetch_max(confirmed, Ordering::Relaxed);
        attempt.shipment.journal.progress(confirmed);
    };
    match fill(attempt, file, from, spread, &progress).await {
        Ok((done, sent)) => {
            if let Err(wrong) = verify(attempt, done.found) {
                remove_quietly(client, path).await?;
                return Err(wrong);
            }
            Ok(Some(Uploaded { sent, taken: done.taken }))
        }
        Err(Fault::Refused(refusal)) if from > 0 && !refusal.is_full() && !refusal.is_unexplained() => {
            not_continued(refusal);
            remove_quietly(client, path).await?;
            Ok(None)
        }
        Err(Fault::Refused(refusal)) => {
            let error = attempt.explain(refusal.clone(), &format!("write `{path}`")).await;
            // What is written first is there already, and takes no room: it is not a full disk that refuses it. The server may take
            // files from their start to their end only.
            let landed = landed.load(Ordering::Relaxed) > from;
            if landed || !refusal.is_unexplained() || error.is(&codes::deliver::FULL) {
                return Err(error);
            }
            not_continued(refusal);
            remove_quietly(client, path).await?;
            Ok(None)
        }
        Err(Fault::Failed(error)) => Err(error),
    }
}

/// Refuses early, before anything is sent, where the name is taken and must stay as it is.
async fn start(attempt: &Attempt<'_>, spread: Spread) -> Result<(Closed, u64)> {
    let client = attempt.client();
    let path = &attempt.own;
    let careful = attempt.shipment.connector.settings.existing_file == ExistingFile::Fail;
    let (opened, free) = tokio::join!(client.open(path, FOR_WRITE | CREATE | TRUNCATE), async {
        if careful { refuse_existing(client, attempt.names).await } else { Ok(()) }
    });
    let file = match opened {
        Ok(file) => file,
        Err(Fault::Refused(refusal)) => {
            free?;
            return Err(attempt.explain(refusal, &format!("create `{path}`")).await);
        }
        Err(Fault::Failed(error)) => return Err(error),
    };
    if let Err(taken) = free {
        drop(file);
        remove_quietly(client, path).await?;
        return Err(taken);
    }
    match fill(attempt, file, 0, spread, &|confirmed| attempt.shipment.journal.progress(confirmed)).await {
        Ok(done) => Ok(done),
        Err(Fault::Refused(refusal)) => Err(attempt.explain(refusal, &format!("write `{path}`")).await),
        Err(Fault::Failed(error)) => Err(error),
    }
}

/// Writes the rest of the file, makes the server put it on its disk, closes it, and looks at it. Returns also how many
/// bytes were sent.
async fn fill(
    attempt: &Attempt<'_>,
    file: OpenFile,
    from: u64,
    spread: Spread,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<(Closed, u64), Fault> {
    let size = attempt.shipment.file.size();
    let first = Strand { client: attempt.client().clone(), file, place: Place::Own };
    let mut further = Vec::new();
    let written = match write(attempt, &first, spread, from, progress).await {
        Ok(written) if written.retreat.is_some() => {
            // The rest goes over the first channel alone. What the others still write are the same bytes.
            if written.retreat == Some(Retreat::Refused) {
                attempt.lease.note_one_channel();
            }
            further = written.further;
            write(attempt, &first, Spread::NONE, written.confirmed, progress).await
        }
        written => written,
    };
    match written {
        Ok(mut written) => {
            written.further.append(&mut further);
            Ok((close(attempt, &first, written.further).await?, size.saturating_sub(from)))
        }
        Err(Fault::Failed(error)) => Err(Fault::Failed(error)),
        Err(refused) => match first.client.close(&first.file).await {
            Ok(()) | Err(Fault::Refused(_)) => Err(refused),
            Err(failed) => Err(failed),
        },
    }
}

async fn write(
    attempt: &Attempt<'_>,
    first: &Strand,
    spread: Spread,
    from: u64,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<pipeline::Written, Fault> {
    let further = Further {
        engine: attempt.engine,
        lease: attempt.lease,
        settings: &attempt.shipment.connector.settings,
        path: &attempt.own,
        flags: FOR_WRITE,
        version: None,
        prepared: Some(&attempt.prepared),
    };
    let more = streams::open(further, spread);
    attempt.lease.note_wide(spread.is_wide());
    let written = pipeline::write(first, more, attempt.shipment.file, from, attempt.limiter, progress).await;
    if written.is_ok() {
        attempt.lease.note_wide(false);
    }
    written
}

/// Puts the file on the server's disk, closes it everywhere and looks at it, in one round trip. Closing must go well:
/// servers with an object store behind them report there.
async fn close(attempt: &Attempt<'_>, first: &Strand, further: Vec<Strand>) -> Result<Closed, Fault> {
    let client = &first.client;
    // The other channels' handles first: the server may keep a file's size for each of them.
    let others = further.iter().map(|strand| strand.client.close(&strand.file));
    let others = async { (!further.is_empty()).then_some(join_all(others).await) }.await;
    for closed in others.into_iter().flatten() {
        if let Err(fault) = closed {
            // Its connection may have gone; what counts is what the file is in the end.
            tracing::debug!(?fault, "a further channel was not closed well");
        }
    }
    drop(further);
    let synced = if client.features.fsync {
        // What is renamed must survive a power cut at the partner.
        Some(client.begin_fsync(&first.file)?)
    } else {
        None
    };
    let closed = client.begin_close(&first.file)?;
    let hidden = client.begin_stat(&attempt.own)?;
    let careful = attempt.shipment.connector.settings.existing_file != ExistingFile::Replace;
    let visible = if careful { Some(client.begin_stat(&attempt.names.visible())?) } else { None };
    let synced = match synced {
        Some(synced) => done(client.answer("write a file to disk", synced).await),
        None => Ok(()),
    };
    let closed = done(client.answer("close a file", closed).await);
    let found = present(client.answer("look at a path", hidden).await);
    let taken = match visible {
        None => None,
        Some(visible) => match present(client.answer("look at a path", visible).await) {
            Ok(found) => Some(found.is_some()),
            // A server that hides what is there; its rename will tell.
            Err(Fault::Refused(_)) => Some(false),
            Err(failed) => return Err(failed),
        },
    };
    synced.and(closed)?;
    Ok(Closed { found, taken })
}

fn done(answer: Result<Reply, Fault>) -> Result<(), Fault> {
    match answer? {
        Reply::Status { .. } => Ok(()),
        _ => Err(protocol("write").into()),
    }
}

fn verify(attempt: &Attempt<'_>, found: Result<Option<Attributes>, Fault>) -> Result<()> {
    let (path, expected) = (&attempt.own, attempt.shipment.file.size());
    let said = match found.map_err(|fault| fault.into_error(&format!("look at `{path}`")))? {
        Some(found) if found.size == Some(expected) => return Ok(()),
        Some(found) => found.size.map_or_else(|| "no size".to_owned(), |size| format!("{size} bytes")),
        None => "no such file".to_owned(),
    };
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
