//! A zip archive that is compressed beside the formatting, by a thread of its own: of what a workbook takes, deflate is the larger half.
//!
//! Blocks go there and come back empty, so that there are never more than [`BLOCKS`] of them. The thread ends with the archive, with
//! its first error, or when the formatting side is dropped; whoever drops it waits for that, so that nothing is written afterwards.

use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{Builder, JoinHandle};

use sealpost_core::Error;
use sealpost_core::error::{Result, codes};

use crate::zip::ZipWriter;

/// Blocks in all: one being filled, one waiting, one being compressed.
const BLOCKS: usize = 3;

/// What the thread is told.
enum Piece {
    /// An entry begins.
    Start(String),
    /// Bytes of the open entry.
    Bytes(Vec<u8>),
    /// The archive is complete.
    End,
}

/// The formatting side.
pub(crate) struct ZipBeside {
    /// Taken when there is nothing more to say.
    pieces: Option<SyncSender<Piece>>,
    spares: Receiver<Vec<u8>>,
    /// Taken when the thread has ended.
    thread: Option<JoinHandle<Result<()>>>,
}

impl ZipBeside {
    /// Starts the thread. Blocks have this many bytes, and may have more.
    pub(crate) fn begin(archive: ZipWriter, block: usize) -> Result<Self> {
        let (pieces, told) = sync_channel(BLOCKS);
        let (spare, spares) = channel();
        for _ in 1..BLOCKS {
            // The receiver is in our hand.
            drop(spare.send(Vec::with_capacity(block + block / 4)));
        }
        let work = move || compress(archive, &told, &spare, block);
        let thread = Builder::new().name("sealpost-zip".to_owned()).spawn(work);
        let thread = thread.map_err(|error| Error::from_io(error, &codes::format::WRITE))?;
        Ok(Self { pieces: Some(pieces), spares, thread: Some(thread) })
    }

    /// Begins an entry, and ends the one before.
    pub(crate) fn start(&mut self, name: String) -> Result<()> {
        self.say(Piece::Start(name))
    }

    /// Appends the buffer to the open entry, and leaves an empty one in its place. It waits while the other side is slower.
    ///
    /// # Errors
    /// What went wrong on the other side, perhaps with a block that was handed on earlier.
    pub(crate) fn write(&mut self, buffer: &mut Vec<u8>) -> Result<()> {
        let Ok(spare) = self.spares.recv() else { return Err(self.ended()) };
        self.say(Piece::Bytes(std::mem::replace(buffer, spare)))
    }

    /// Ends the archive and finishes its sink.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.say(Piece::End)?;
        self.join().unwrap_or_else(|| Err(gone()))
    }

    fn say(&mut self, piece: Piece) -> Result<()> {
        let said = self.pieces.as_ref().is_some_and(|pieces| pieces.send(piece).is_ok());
        if said { Ok(()) } else { Err(self.ended()) }
    }

    /// Why the thread has ended early.
    #[cold]
    fn ended(&mut self) -> Error {
        match self.join() {
            Some(Err(error)) => error,
            _ => gone(),
        }
    }

    /// How the thread ended; a panic goes on in this one. `None` where that was told before.
    fn join(&mut self) -> Option<Result<()>> {
        self.pieces = None;
        let ended = self.thread.take()?.join();
        Some(ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    }
}

fn gone() -> Error {
    Error::new(&codes::format::WRITE, "an earlier write of this archive failed")
}

impl Drop for ZipBeside {
    fn drop(&mut self) {
        self.pieces = None;
        if let Some(thread) = self.thread.take() {
            // It was given up: how it ended is of no interest, only that it has.
            drop(thread.join());
        }
    }
}

/// The other side.
fn compress(mut archive: ZipWriter, told: &Receiver<Piece>, spare: &Sender<Vec<u8>>, block: usize) -> Result<()> {
    loop {
        match told.recv() {
            Ok(Piece::Start(name)) => archive.start(&name)?,
            Ok(Piece::Bytes(mut bytes)) => {
                archive.write(&bytes)?;
                bytes.clear();
                // One huge value must not keep its memory for the rest of the file.
                bytes.shrink_to(4 * block);
                // Nobody wants it any more when the formatting side is gone, which the next `recv` tells.
                drop(spare.send(bytes));
            }
            Ok(Piece::End) => return archive.finish(),
            // Dropped before its end: the sink is dropped too, not finished.
            Err(_) => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
