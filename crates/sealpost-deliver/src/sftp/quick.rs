//! Small files in two round trips: the hidden file is opened; then all of it is written, put on the server's disk, closed and
//! looked at by requests that follow each other without waiting.
//!
//! A server works on requests for one file in their order (draft section 3). One that does not, or that refuses anything,
//! gets the file the long way, which tells what is wrong.

use bytes::Bytes;
use sealpost_core::connector::ExistingFile;
use sealpost_core::error::Result;
use sealpost_core::port::Shipment;

use super::client::{Client, protocol};
use super::limiter::Limiter;
use super::names::Names;
use super::packet::{CREATE, FOR_WRITE, Reply, TRUNCATE};
use super::pipeline::changed;
use super::requests::present;
use super::status::Fault;

/// The longest file that goes this way.
pub(super) const LONGEST: u64 = 255 * 1024;
/// The most writes that are sent without waiting for any of them. The long way bounds those on their way.
const MOST_WRITES: usize = 64;

/// What came of it.
pub(super) enum Quick {
    /// The hidden file is complete; whether the file's own name is taken, where that matters.
    Complete { taken: Option<bool> },
    /// Something was refused, or is not as it should be.
    Odd,
}

/// Brings this round's hidden file to completion.
pub(super) async fn upload(
    client: &Client,
    shipment: &Shipment<'_>,
    names: &Names,
    limiter: &Limiter,
) -> Result<Quick> {
    let size = shipment.file.size();
    let path = names.own();
    let (opened, read) = tokio::join!(client.open(&path, FOR_WRITE | CREATE | TRUNCATE), read_all(shipment));
    let file = match opened {
        Ok(file) => file,
        Err(Fault::Refused(_)) => return Ok(Quick::Odd),
        Err(Fault::Failed(error)) => return Err(error),
    };
    let mut data = read?;
    let most = client.write_size().await as usize;
    if !fits(data.len(), most) {
        // Not looked at before: where the limits are not there yet, waiting for them would take a round trip. What was
        // opened is closed when it is dropped, ahead of the next request.
        return Ok(Quick::Odd);
    }
    let mut asked = Vec::new();
    let mut offset = 0;
    while !data.is_empty() {
        let part = data.split_to(data.len().min(most));
        let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
        limiter.take(length).await;
        let room = client.room(length).await;
        asked.push(client.begin_write(&file, offset, part, room)?);
        offset += u64::from(length);
    }
    if client.features.fsync {
        // What is renamed must survive a power cut at the partner.
        asked.push(client.begin_fsync(&file)?);
    }
    asked.push(client.begin_close(&file)?);
    let hidden = client.begin_stat(&path)?;
    let careful = shipment.connector.settings.existing_file != ExistingFile::Replace;
    let visible = if careful { Some(client.begin_stat(&names.visible())?) } else { None };
    let mut odd = false;
    for pending in asked {
        match client.answer("write", pending).await {
            Ok(Reply::Status { .. }) => {}
            Ok(_) => return Err(protocol("write")),
            Err(Fault::Refused(refusal)) => {
                tracing::debug!(%path, %refusal, "not written at once; trying the long way");
                odd = true;
            }
            Err(Fault::Failed(error)) => return Err(error),
        }
    }
    let whole = match present(client.answer("look at a path", hidden).await) {
        Ok(found) => found.is_some_and(|found| found.size == Some(size)),
        Err(Fault::Refused(_)) => false,
        Err(Fault::Failed(error)) => return Err(error),
    };
    let taken = match visible {
        None => None,
        Some(visible) => match present(client.answer("look at a path", visible).await) {
            Ok(found) => Some(found.is_some()),
            // A server that hides what is there; its rename will tell.
            Err(Fault::Refused(_)) => Some(false),
            Err(Fault::Failed(error)) => return Err(error),
        },
    };
    if odd || !whole {
        return Ok(Quick::Odd);
    }
    shipment.journal.progress(size);
    Ok(Quick::Complete { taken })
}

/// Whether so many bytes go in few enough writes of up to `most`.
fn fits(length: usize, most: usize) -> bool {
    length.div_ceil(most) <= MOST_WRITES
}

async fn read_all(shipment: &Shipment<'_>) -> Result<Bytes> {
    let length = usize::try_from(shipment.file.size()).unwrap_or(usize::MAX);
    if length == 0 {
        return Ok(Bytes::new());
    }
    let bytes = shipment.file.read(0, length).await?;
    if bytes.len() != length {
        return Err(changed(bytes.len(), length, 0));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_takes_many_writes_goes_the_long_way() {
        let longest = usize::try_from(LONGEST).unwrap();
        assert!(fits(longest, 32 << 10));
        assert!(fits(longest, 4096));
        assert!(!fits(longest, 512));
        assert!(fits(0, 1));
        assert!(!fits(longest, 1));
    }
}
