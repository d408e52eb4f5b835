//! One connection's part of bringing a file: it is opened and looked at, read to its end, and looked at again.

use futures::stream;
use sealpost_core::connector::ConnectorSettings;
use sealpost_core::error::{Error, codes};

use super::Sftp;
use super::client::{Client, protocol};
use super::download::{Download, Halt, Version};
use super::limiter::Limiter;
use super::packet::{self, Attributes, Reply, Request};
use super::pipeline::{Place, Strand};
use super::pool::Lease;
use super::presence::missing;
use super::ranges::{self, Ranges};
use super::requests::OpenFile;
use super::status::Fault;
use super::streams::{self, Further, Spread};
use super::wire::Pending;

/// For error messages.
const LOOK: &str = "look at an open file";

/// Brings the rest of the file over this connection, and over others where that helps.
///
/// # Errors
/// `SP-DELIVER-023` where there is no such file, `-024` where it is not what it was; what the landing says.
pub(super) async fn fetch(
    engine: &Sftp,
    settings: &ConnectorSettings,
    lease: &Lease,
    limiter: &Limiter,
    download: &mut Download<'_>,
) -> Result<Version, Halt> {
    let client = lease.client();
    let path = download.path;
    let (file, version) = open(client, path).await?;
    download.meet(version).await?;
    let first = Strand { client: client.clone(), file, place: Place::Own };
    let spread = Spread::of_reading(settings, lease, version.size - download.landed());
    let read = if spread.is_wide() {
        let flags = packet::FOR_READ;
        let further = Further { engine, lease, settings, path, flags, version: Some(version), prepared: None };
        lease.note_wide(true);
        ranges::read(first, streams::open(further, spread), limiter, version, download).await?
    } else {
        ranges::read(first, stream::empty(), limiter, version, download).await?
    };
    let Ranges { found, lost } = read;
    lease.note_wide(false);
    if lost {
        lease.note_lost_channel();
    }
    match found {
        Some(found) if !found.agrees(version) => Err(Halt::Final(download.changed(version, found))),
        _ => Ok(version),
    }
}

/// Opens the file and looks at it, in one round trip.
async fn open(client: &Client, path: &str) -> Result<(OpenFile, Version), Halt> {
    let (found, opened) = tokio::join!(client.stat(path), client.open(path, packet::FOR_READ));
    let found = match found {
        Ok(Some(found)) => Some(found),
        Ok(None) => return Err(missing(path).into()),
        // Not by its path; perhaps by its handle.
        Err(Fault::Refused(_)) => None,
        Err(Fault::Failed(error)) => return Err(error.into()),
    };
    if found.is_some_and(|found| found.is_directory() == Some(true)) {
        let detail = format!("`{path}` is a directory, not a file");
        return Err(Error::new(&codes::deliver::NO_SUCH_FILE, detail).into());
    }
    let file = match opened {
        Ok(file) => file,
        Err(Fault::Refused(refusal)) if refusal.is_missing() => return Err(missing(path).into()),
        Err(fault) => return Err(fault.into_error(&format!("open `{path}`")).into()),
    };
    let said = match found {
        Some(found) => found,
        None => look_at(client, &file).await.map_err(|fault| fault.into_error(&format!("look at `{path}`")))?,
    };
    match Version::of(&said) {
        Some(version) => Ok((file, version)),
        None => {
            let detail = format!("`{path}`: the server does not say how long it is");
            Err(Error::new(&codes::deliver::PROTOCOL, detail).into())
        }
    }
}

async fn look_at(client: &Client, file: &OpenFile) -> Result<Attributes, Fault> {
    let look = begin_look(client, file)?;
    match client.answer(LOOK, look).await? {
        Reply::Attributes(found) => Ok(found),
        _ => Err(protocol(LOOK).into()),
    }
}

/// Queues a look at an open file.
pub(super) fn begin_look(client: &Client, file: &OpenFile) -> Result<Pending, Error> {
    client.begin(LOOK, |id| Request::new(packet::FSTAT, id).string(file))
}

/// What the file is by its handle. `None` where the server does not say the size.
pub(super) async fn look_answered(client: &Client, look: Pending) -> Result<Option<Version>, Fault> {
    match client.answer(LOOK, look).await? {
        Reply::Attributes(found) => Ok(Version::of(&found)),
        _ => Err(protocol(LOOK).into()),
    }
}

/// What the file is by its path. `None` where the server does not say.
pub(super) async fn look_by_path(client: &Client, path: &str) -> Result<Option<Version>, Halt> {
    match client.stat(path).await {
        Ok(found) => Ok(found.and_then(|found| Version::of(&found))),
        Err(Fault::Refused(_)) => Ok(None),
        Err(Fault::Failed(error)) => Err(error.into()),
    }
}
