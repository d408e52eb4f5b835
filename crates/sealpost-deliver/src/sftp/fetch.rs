//! Many reads in flight: a file's bytes as fast as the server gives them, in order and in bounded memory.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use sealpost_core::error::{Error, codes};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::client::{Client, protocol};
use super::download::{Download, Halt, Version};
use super::limiter::Limiter;
use super::packet::{self, Attributes, Reply, Request};
use super::presence::missing;
use super::requests::OpenFile;
use super::status::Fault;
use super::wire::Pending;

/// Bytes that are asked for beyond the last one landed: four times what a link of 1 Gbit/s holds, within these bounds.
const NARROWEST: u64 = 4 << 20;
const WIDEST: u64 = 32 << 20;
const BYTES_PER_SECOND: u64 = 4 * 125_000_000;
/// The least that is asked for at once, however little a server gives.
const SHORTEST_READ: u32 = 512;

/// Bytes that all files of the process together may have asked for. Beyond, each has one read at a time.
static MEMORY: Semaphore = Semaphore::const_new(40 << 20);

/// For error messages.
const LOOK: &str = "look at an open file";

/// The memory of bytes that were asked for.
type Memory = Option<SemaphorePermit<'static>>;

/// Brings the rest of the file over this channel.
///
/// # Errors
/// `SP-DELIVER-023` where there is no such file, `-024` where it is not what it was; what the landing says.
pub(super) async fn fetch(client: &Client, limiter: &Limiter, download: &mut Download<'_>) -> Result<Version, Halt> {
    let (file, version) = open(client, download.path).await?;
    download.meet(version).await?;
    let last_look = read_all((client, limiter), &file, version.size, download).await?;
    match look_again(client, download.path, last_look).await? {
        Some(found) if found != version => Err(Halt::Final(download.changed(version, found))),
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
    match client.ask(LOOK, |id| Request::new(packet::FSTAT, id).string(file)).await? {
        Reply::Attributes(found) => Ok(found),
        _ => Err(protocol(LOOK).into()),
    }
}

/// A read on its way, with its share of the memory.
struct Read {
    offset: u64,
    length: u32,
    memory: Memory,
}

/// Reads from what has landed to the end. Returns the look at the file that was sent right behind the last read: a
/// small file comes whole in one round trip, that look included.
async fn read_all(
    (client, limiter): (&Client, &Limiter),
    file: &OpenFile,
    size: u64,
    download: &mut Download<'_>,
) -> Result<Option<Pending>, Halt> {
    let doing = format!("read `{}`", download.path);
    let window = window(client.round_trip());
    let mut length = client.read_size.max(SHORTEST_READ);
    let mut longest = SHORTEST_READ;
    let mut next = download.landed();
    let mut under_way = FuturesUnordered::new();
    // What came before the bytes in front of it.
    let mut waiting: BTreeMap<u64, (Bytes, Memory)> = BTreeMap::new();
    let mut look = None;
    loop {
        // A slow landing does not move on, so nothing more is asked for.
        while next < size && next - download.landed() < window {
            let length = u32::try_from(size - next).unwrap_or(u32::MAX).min(length);
            let memory = MEMORY.try_acquire_many(length).ok();
            if memory.is_none() && !under_way.is_empty() {
                break;
            }
            limiter.take(length).await;
            under_way.push(answer(client, ask(client, file, next, length)?, Read { offset: next, length, memory }));
            next += u64::from(length);
        }
        if next == size && look.is_none() {
            look = Some(client.begin(LOOK, |id| Request::new(packet::FSTAT, id).string(file))?);
        }
        let Some((Read { offset, length: asked, memory }, reply)) = under_way.next().await else { return Ok(look) };
        let data = match reply {
            Ok(Reply::Data(data)) if data.len() <= asked as usize => data,
            Ok(_) => return Err(protocol(&doing).into()),
            Err(Fault::Refused(refusal)) if refusal.is_end() => Bytes::new(),
            Err(fault) => return Err(fault.into_error(&doing).into()),
        };
        let came = u32::try_from(data.len()).unwrap_or(asked);
        if came == 0 {
            let detail = format!("`{}` ends after {offset} bytes; it had {size} at first", download.path);
            return Err(Error::new(&codes::deliver::CHANGED, detail).into());
        }
        longest = longest.max(came);
        if came < asked {
            // The server gives less at once than it was asked for, now or always: the rest is asked for again, and what
            // comes next in pieces of the longest that it gave.
            length = length.min(longest);
            let (offset, rest) = (offset + u64::from(came), asked - came);
            let read = Read { offset, length: rest, memory: None };
            under_way.push(answer(client, ask(client, file, offset, rest)?, read));
            // The last look must come after the last read.
            look = None;
        }
        waiting.insert(offset, (data, memory));
        while let Some((data, _memory)) = waiting.remove(&download.landed()) {
            download.land(data).await?;
        }
    }
}

/// How many bytes may be asked for and not landed, at a server this far away.
fn window(round_trip: Duration) -> u64 {
    let link = u128::from(BYTES_PER_SECOND) * round_trip.as_micros() / 1_000_000;
    u64::try_from(link).unwrap_or(WIDEST).clamp(NARROWEST, WIDEST)
}

fn ask(client: &Client, file: &OpenFile, offset: u64, length: u32) -> Result<Pending, Error> {
    client.begin("read a file", |id| Request::new(packet::READ, id).string(file).u64(offset).u32(length))
}

async fn answer(client: &Client, pending: Pending, read: Read) -> (Read, Result<Reply, Fault>) {
    (read, client.answer("read a file", pending).await)
}

/// What the file is after it was read. `None` where the server does not say.
async fn look_again(client: &Client, path: &str, look: Option<Pending>) -> Result<Option<Version>, Halt> {
    let Some(look) = look else { return Ok(None) };
    let found = match client.answer(LOOK, look).await {
        Ok(Reply::Attributes(found)) => Some(found),
        Ok(_) => return Err(protocol(LOOK).into()),
        // Not by its handle; perhaps by its path.
        Err(Fault::Refused(_)) => match client.stat(path).await {
            Ok(found) => found,
            Err(Fault::Refused(_)) => None,
            Err(Fault::Failed(error)) => return Err(error.into()),
        },
        Err(Fault::Failed(error)) => return Err(error.into()),
    };
    Ok(found.and_then(|found| Version::of(&found)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_grows_with_the_distance_within_bounds() {
        assert_eq!(window(Duration::ZERO), NARROWEST);
        assert_eq!(window(Duration::from_millis(50)), 25_000_000);
        assert_eq!(window(Duration::from_secs(100_000)), WIDEST);
    }
}
