//! Writing a local file from a thread that may wait for the disk itself.

use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, IoSlice, Write};

use sealpost_core::error::{Error, Result, codes};
use sealpost_core::sink::ByteSink;
use tokio::sync::oneshot;

use crate::fault;

/// Small pieces are gathered to this many bytes; larger ones go to the disk from where they are.
const BLOCK: usize = 64 * 1024;

/// What went through a sink.
pub(super) struct Sunk {
    pub(super) file: File,
    pub(super) size: u64,
    pub(super) sha256: [u8; 32],
}

/// The writing end of a local upload.
pub(crate) struct LocalSink {
    file: BufWriter<File>,
    what: String,
    size: u64,
    sha256: Option<[u8; 32]>,
    told: Option<oneshot::Sender<Result<Sunk>>>,
}

impl LocalSink {
    pub(super) fn new(file: File, what: String, told: oneshot::Sender<Result<Sunk>>) -> Self {
        Self { file: BufWriter::with_capacity(BLOCK, file), what, size: 0, sha256: None, told: Some(told) }
    }

    /// Tells the upload what failed. Who writes hears only that it is over, as from every sink whose other end is gone: not every
    /// format hands an error on as it is.
    fn failed(&mut self, error: io::Error) -> io::Error {
        self.tell(Err(fault::of_io(error, &self.what)));
        io::ErrorKind::BrokenPipe.into()
    }

    fn tell(&mut self, ended: Result<Sunk>) {
        if let Some(told) = self.told.take() {
            // Nobody listens where the upload was given up.
            drop(told.send(ended));
        }
    }

    /// Takes what `write` has written, unless an error came before: then nothing more is written.
    fn write_by(&mut self, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<usize>) -> io::Result<usize> {
        if self.told.as_ref().is_none_or(oneshot::Sender::is_closed) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        match write(&mut self.file) {
            Ok(taken) => {
                self.size += taken as u64;
                Ok(taken)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => Err(self.failed(error)),
        }
    }
}

impl Write for LocalSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_by(|file| file.write(bytes))
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.write_by(|file| file.write_vectored(pieces))
    }

    /// Keeps what is gathered: it is written when there is enough of it, or at the end.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl ByteSink for LocalSink {
    fn wants_sha256(&self) -> bool {
        true
    }

    fn sha256(&mut self, digest: [u8; 32]) {
        self.sha256 = Some(digest);
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        let undigested = || Error::new(&codes::seal::UNFINISHED, "the file ended without its SHA-256");
        let sha256 = self.sha256.ok_or_else(undigested)?;
        let closed = |error| Error::from_io(error, &codes::store::ABORTED);
        if let Err(error) = self.file.flush() {
            return Err(closed(self.failed(error)));
        }
        // A handle of its own: with this one goes the buffer, which is empty.
        match self.file.get_ref().try_clone() {
            Ok(file) => {
                let size = self.size;
                self.tell(Ok(Sunk { file, size, sha256 }));
                Ok(())
            }
            Err(error) => Err(closed(self.failed(error))),
        }
    }
}

impl fmt::Debug for LocalSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalSink({}, {} bytes)", self.what, self.size)
    }
}
