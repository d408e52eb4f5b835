//! The one step that the partner sees: intent, then rename.

use sealpost_core::connector::ExistingFile;
use sealpost_core::delivery::Intent;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::Shipment;
use sealpost_core::receipt::Certainty;

use super::client::Client;
use super::names::Names;
use super::resume::{exists, half_renamed, is_ours};
use super::sidecar;
use super::status::{Fault, Refusal};
use super::upload::remove_quietly;

/// The hidden file that is about to be published.
pub(super) struct Candidate<'a> {
    /// Where it is.
    pub(super) temporary: &'a str,
    /// Whether an intent of an earlier attempt names it.
    pub(super) intended: bool,
    /// Whether the file's own name is taken, where that was looked at when the hidden file was complete.
    pub(super) taken: Option<bool>,
}

/// How many names are tried where both files are kept.
const MOST_NAMES: u32 = 10_000;

/// Gives the complete, verified hidden file its visible name.
///
/// # Errors
/// An error of the journal means that another worker has taken over: the rename did not happen.
pub(super) async fn publish(
    client: &Client,
    shipment: &Shipment<'_>,
    names: &Names,
    candidate: Candidate<'_>,
) -> Result<(String, Certainty)> {
    let policy = shipment.connector.settings.existing_file;
    let temporary = candidate.temporary;
    let mut intended = candidate.intended;
    // What an earlier attempt was about to call it.
    let earlier = shipment.traces.intent.filter(|_| candidate.intended).map(|intent| intent.final_path.as_str());
    for number in 0..MOST_NAMES {
        let path = names.kept(number);
        let taken = match candidate.taken.filter(|_| number == 0) {
            _ if policy == ExistingFile::Replace => false,
            Some(taken) => taken,
            None => is_taken(client, &path).await?,
        };
        if taken {
            // By the rename of that attempt, perhaps: it is done late where its connection broke with the request on its way.
            if intended
                && earlier == Some(path.as_str())
                && let Verdict::Published = what_happened(client, temporary, &path, Some(shipment)).await?
            {
                return Ok((path, Certainty::Recovered));
            }
            if policy == ExistingFile::KeepBoth {
                continue;
            }
            give_up(client, shipment, temporary, intended).await?;
            return Err(exists(&path));
        }
        if let Some(digest) = sidecar::digest(shipment) {
            sidecar::checksum(client, names, &path, digest).await?;
        }
        let account = shipment.connector.settings.account();
        let intent = Intent { temporary_path: temporary.to_owned(), final_path: path.clone(), account };
        if let Err(lost) = shipment.journal.intend(intent).await {
            // The file may only go where certainly no recorded intent names it: a hidden file that is gone means "published".
            // A ledger that failed otherwise may have recorded it all the same.
            if !intended && lost.is(&codes::ledger::LEASE_LOST) {
                remove_quietly(client, temporary).await?;
            }
            return Err(lost);
        }
        let renamed = match policy {
            ExistingFile::Replace => client.replace(temporary, &path, &names.aside("", names.attempt)).await,
            ExistingFile::Fail | ExistingFile::KeepBoth => client.rename(temporary, &path).await,
        };
        let refusal = match renamed {
            Ok(()) => return Ok((path, Certainty::Verified)),
            // Whether it happened is unknown. The intent stands, and the next attempt will see.
            Err(Fault::Failed(error)) => return Err(error),
            Err(Fault::Refused(refusal)) => refusal,
        };
        // Only a rename of an earlier attempt can be half done: the one that was just refused changed nothing.
        let half = policy != ExistingFile::Replace && earlier == Some(path.as_str());
        match what_happened(client, temporary, &path, half.then_some(shipment)).await? {
            Verdict::Published => {
                if let Some(path) = published(client, shipment, &path, earlier).await? {
                    return Ok((path, Certainty::Recovered));
                }
                return Err(vanished(&refusal, temporary, &path));
            }
            Verdict::Refused { taken } => {
                shipment.journal.withdraw().await?;
                intended = false;
                // Where another delivery has brought the same file, the checksum is of that one.
                if sidecar::digest(shipment).is_some() && !(taken && is_ours(client, shipment, &path).await?) {
                    remove_quietly(client, &sidecar::beside(&path)).await?;
                }
                match policy {
                    ExistingFile::KeepBoth if taken => {}
                    ExistingFile::Fail if taken => {
                        give_up(client, shipment, temporary, false).await?;
                        return Err(exists(&path));
                    }
                    _ => return Err(rename_refused(&refusal, temporary, &path)),
                }
            }
        }
    }
    Err(Error::new(&codes::deliver::EXISTS, format!("`{}` and {MOST_NAMES} names like it exist", names.visible())))
}

/// The name that the file got where a rename to `path` was refused, and the hidden file is gone all the same: by the rename of an
/// earlier attempt, or by this one, where the server does what it refuses. `None` where it has no name: no earlier attempt was about
/// to give it one, and it is not at `path`. Then the intent is withdrawn, or the next attempt would take the file for published.
async fn published(
    client: &Client,
    shipment: &Shipment<'_>,
    path: &str,
    earlier: Option<&str>,
) -> Result<Option<String>> {
    if earlier == Some(path) || is_ours(client, shipment, path).await? {
        return Ok(Some(path.to_owned()));
    }
    if earlier.is_none() {
        shipment.journal.withdraw().await?;
    }
    if sidecar::digest(shipment).is_some() {
        remove_quietly(client, &sidecar::beside(path)).await?;
    }
    Ok(earlier.map(str::to_owned))
}

async fn is_taken(client: &Client, path: &str) -> Result<bool> {
    match client.stat(path).await {
        Ok(found) => Ok(found.is_some()),
        // A server that hides what is there; its rename will tell.
        Err(Fault::Refused(_)) => Ok(false),
        Err(Fault::Failed(error)) => Err(error),
    }
}

/// The name is taken for good: the file is not wanted, so nothing stays.
async fn give_up(client: &Client, shipment: &Shipment<'_>, temporary: &str, intended: bool) -> Result<()> {
    if intended {
        shipment.journal.withdraw().await?;
    }
    remove_quietly(client, temporary).await
}

enum Verdict {
    Published,
    Refused { taken: bool },
}

/// What a refused rename means, or a name that is taken: an earlier attempt, thought dead, may have renamed in the meantime.
/// `half` is what is sent where it may have done a half of it. Where it may not, a file at `path` that looks like ours is another
/// delivery's.
async fn what_happened(client: &Client, temporary: &str, path: &str, half: Option<&Shipment<'_>>) -> Result<Verdict> {
    let doing = format!("look for `{temporary}`");
    let Some(left) = client.stat(temporary).await.map_err(|fault| fault.into_error(&doing))? else {
        return Ok(Verdict::Published);
    };
    if let Some(shipment) = half
        && half_renamed(client, shipment, temporary, left, path).await?
    {
        return Ok(Verdict::Published);
    }
    Ok(Verdict::Refused { taken: is_taken(client, path).await? })
}

/// The error of a hidden file that was complete, has not been renamed, and is gone. The refusal's own meaning would say something of
/// the directory.
fn vanished(refusal: &Refusal, from: &str, to: &str) -> Error {
    Error::new(
        &codes::deliver::REFUSED,
        format!(
            "rename `{from}` to `{to}`: the server says {refusal}; `{from}` was complete and is gone: does something there \
             remove hidden files?"
        ),
    )
}

fn rename_refused(refusal: &Refusal, from: &str, to: &str) -> Error {
    refusal.error(&format!("rename `{from}` to `{to}`"))
}
