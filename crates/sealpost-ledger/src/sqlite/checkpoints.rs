//! The thread that takes a long log into the file. Not the one that commits: this may take as long as the disk likes, and a turn that
//! ends meanwhile has the file's lock until it is committed.

use std::sync::mpsc::{self, TrySendError};

use super::open::Opening;
use super::statement::query_scalar;
use super::wal_index::WalIndex;

/// Frames of the log from which on it is taken into the file, where no turn that waits for the disk has done so before.
const LONG: u32 = 8_000;
/// So many more, and it is tried again: somebody may have been reading what the log had to keep.
const LONGER: u32 = 1_000;

/// Starts the thread, which does this each time that it is asked. Nobody waits for it, and nobody is kept from writing meanwhile.
/// It ends when nobody can ask any more.
pub(super) fn start(take_in: impl Fn() + Send + 'static) -> std::io::Result<mpsc::SyncSender<()>> {
    // One waits while another one is done: it takes in all that was asked for by then.
    let (sender, asked) = mpsc::sync_channel(1);
    let thread = std::thread::Builder::new().name("ledger-log".to_owned());
    thread.spawn(move || asked.iter().for_each(|()| take_in()))?;
    Ok(sender)
}

/// Takes the log into the file.
pub(super) fn take_in(opening: &Opening) {
    // PASSIVE waits for nobody and keeps nobody out: <https://www.sqlite.org/pragma.html#pragma_wal_checkpoint>.
    let checkpoint = query_scalar::<i64>("PRAGMA wal_checkpoint(PASSIVE)");
    if let Err(error) = opening.connect().and_then(|connection| checkpoint.fetch_one(&connection)) {
        // The log grows, and the next turn that waits for the disk does it.
        tracing::debug!(%error, "the log was not taken into the ledger's file");
    }
}

/// How long the log is, for those who write to it without waiting for the disk.
pub(super) struct Log {
    index: Option<WalIndex>,
    /// The thread that takes it into the file.
    thread: mpsc::SyncSender<()>,
    /// At which length it was last asked to.
    asked: u32,
}

impl Log {
    pub(super) fn of(index: Option<WalIndex>, thread: mpsc::SyncSender<()>) -> Self {
        Self { index, thread, asked: 0 }
    }

    /// Without a connection, its index is another file the next time.
    pub(super) fn forget_index(&mut self) {
        self.index = None;
    }

    /// Has it taken into the file, where it is long.
    pub(super) fn has_grown(&mut self) {
        let Some(frames) = self.index.and_then(|index| index.header()).map(|header| header.frames()) else { return };
        if frames < self.asked {
            // It has begun again.
            self.asked = 0;
        }
        if frames < LONG || (self.asked > 0 && frames < self.asked + LONGER) {
            return;
        }
        match self.thread.try_send(()) {
            Ok(()) | Err(TrySendError::Full(())) => self.asked = frames,
            // The thread is gone, as by a panic: the next turn that waits for the disk does it.
            Err(TrySendError::Disconnected(())) => {}
        }
    }
}
