//! Reads a stored file a few blocks ahead of what is sent.

use futures::stream::FuturesOrdered;
use futures::{StreamExt, pin_mut};
use sealpost_core::error::Result;
use sealpost_core::port::SealedReader;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::flow::{Block, Flow};
use super::pipeline::changed;
use super::status::Fault;

/// Bytes per read from the store.
const BLOCK: u32 = 1 << 20;
/// Reads under way at once, and blocks read that wait to be sent.
const READS_AHEAD: usize = 4;
const BLOCKS_WAITING: usize = 2;

/// Bytes that all files of the process together may read ahead. Beyond, each has one write at a time.
static MEMORY: Semaphore = Semaphore::const_new(24 << 20);

/// Reads blocks in order, several at once: a store far away has latency too.
pub(super) async fn read_ahead(file: &dyn SealedReader, from: u64, write_size: u32, flow: &Flow) -> Result<(), Fault> {
    let size = file.size();
    // Whole writes per block, so that no write is cut short at a block's end.
    let block = (BLOCK / write_size).max(1) * write_size;
    let mut next = from;
    let mut reading = FuturesOrdered::new();
    loop {
        while next < size && reading.len() < READS_AHEAD {
            let nothing = reading.is_empty() && flow.waiting() == 0;
            let Some((length, memory)) = share(block, write_size, size - next, nothing) else { break };
            let offset = next;
            next += u64::from(length);
            reading.push_back(async move {
                let read = file.read(offset, length as usize).await;
                (offset, length as usize, memory, read)
            });
        }
        if let Some((offset, length, memory, read)) = reading.next().await {
            let bytes = read?;
            if bytes.len() != length {
                return Err(changed(bytes.len(), length, offset).into());
            }
            flow.push(Block { bytes, memory });
        } else if next >= size {
            flow.read_all();
            return Ok(());
        }
        // With little memory, until all is sent; else until little waits.
        let most = if reading.is_empty() && next < size { 1 } else { BLOCKS_WAITING };
        loop {
            let sent = flow.changed();
            pin_mut!(sent);
            sent.as_mut().enable();
            if flow.is_stopped() {
                return Ok(());
            }
            if flow.waiting() < most {
                break;
            }
            sent.await;
        }
    }
}

/// How much may be read at once, with its share of the memory. A file for which `nothing` is read always gets one write.
fn share(block: u32, write_size: u32, left: u64, nothing: bool) -> Option<(u32, Option<SemaphorePermit<'static>>)> {
    let length = u32::try_from(left.min(u64::from(block))).unwrap_or(block);
    if let Ok(memory) = MEMORY.try_acquire_many(length) {
        return Some((length, Some(memory)));
    }
    nothing.then(|| (length.min(write_size), None))
}
