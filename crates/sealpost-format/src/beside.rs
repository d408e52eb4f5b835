//! A zip archive that is compressed beside the formatting, by a thread of its own: of what a workbook takes, deflate is the larger half.
//!
//! Blocks go there and come back empty, so that there are never more than [`BLOCKS`] of them. The thread ends with the archive, with
//! its first error, or when the formatting side is dropped; whoever drops it waits for that, so that nothing is written afterwards.

use std::ops::Range;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{Builder, JoinHandle};

use sealpost_core::Error;
use sealpost_core::error::{Result, codes};

use crate::deflate::Mark;
use crate::zip::ZipWriter;

/// Blocks in all: one being filled, one waiting, one being compressed.
const BLOCKS: usize = 3;

/// Text of an entry, and where it repeats itself.
#[derive(Debug, Default)]
pub(crate) struct Block {
    pub(crate) text: Vec<u8>,
    pub(crate) marks: Vec<Mark>,
    /// Where the last value ended.
    ended: usize,
}

impl Block {
    /// With room for a block of so many bytes, and for what is added before it is handed on.
    pub(crate) fn new(block: usize) -> Self {
        Self { text: Vec::with_capacity(block + block / 4), marks: Vec::new(), ended: 0 }
    }

    /// Marks what stands between the last value and this one of a column. (A block of 4 GiB, whose places would not fit, is compressed without its marks.)
    #[inline]
    pub(crate) fn mark(&mut self, column: usize, value: Range<usize>) {
        self.marks.push(Mark { slot: column as u32, at: self.ended as u32, value: value.start as u32 });
        self.ended = value.end;
    }

    /// Empties it, for another. One huge value must not keep its memory for the rest of the file.
    fn clear(&mut self, block: usize) {
        self.text.clear();
        self.text.shrink_to(4 * block);
        self.marks.clear();
        self.ended = 0;
    }
}

/// What the thread is told.
enum Piece {
    /// An entry begins.
    Start(String),
    /// More of the open entry.
    Block(Block),
    /// The archive is complete.
    End,
}

/// The formatting side.
pub(crate) struct ZipBeside {
    /// Taken when there is nothing more to say.
    pieces: Option<SyncSender<Piece>>,
    spares: Receiver<Block>,
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
            drop(spare.send(Block::new(block)));
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

    /// Appends the block to the open entry, and leaves an empty one in its place. It waits while the other side is slower.
    ///
    /// # Errors
    /// What went wrong on the other side, perhaps with a block that was handed on earlier.
    pub(crate) fn write(&mut self, block: &mut Block) -> Result<()> {
        let Ok(spare) = self.spares.recv() else { return Err(self.ended()) };
        self.say(Piece::Block(std::mem::replace(block, spare)))
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
fn compress(mut archive: ZipWriter, told: &Receiver<Piece>, spare: &Sender<Block>, block: usize) -> Result<()> {
    loop {
        match told.recv() {
            Ok(Piece::Start(name)) => archive.start(&name)?,
            Ok(Piece::Block(mut full)) => {
                archive.write_marked(&full.text, &full.marks)?;
                full.clear(block);
                // Nobody wants it any more when the formatting side is gone, which the next `recv` tells.
                drop(spare.send(full));
            }
            Ok(Piece::End) => return archive.finish(),
            // Dropped before its end: the sink is dropped too, not finished.
            Err(_) => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
