//! A bounded pipe from a blocking writer to an async reader. An end that was not said is an error, never a short file. With the end
//! comes the SHA-256 of all that went through, which the sealer computes beside encrypting.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::sink::ByteSink;
use tokio::sync::mpsc;

/// Bytes handed over at once: what a local store writes at once of a retrieved file, which therefore needs no copy. (Reports are written to it
/// without a pipe.)
const CHUNK: usize = 128 * 1024;
/// Chunks under way: with the one being filled and the two at the store, 768 KiB in all.
const CHUNKS_IN_FLIGHT: usize = 3;

enum Message {
    Bytes(Bytes),
    End([u8; 32]),
}

/// The writing end, for a blocking thread.
pub struct PipeSink {
    sender: mpsc::Sender<Message>,
    buffer: Vec<u8>,
    sha256: Option<[u8; 32]>,
}

/// The reading end.
pub struct PipeReader {
    receiver: mpsc::Receiver<Message>,
    sha256: Option<[u8; 32]>,
}

/// Makes a pipe.
#[must_use]
pub fn pipe() -> (PipeSink, PipeReader) {
    let (sender, receiver) = mpsc::channel(CHUNKS_IN_FLIGHT);
    (PipeSink { sender, buffer: Chunk::fresh(), sha256: None }, PipeReader { receiver, sha256: None })
}

impl PipeSink {
    fn send(&self, message: Message) -> std::io::Result<()> {
        self.sender.blocking_send(message).map_err(|_| std::io::Error::from(std::io::ErrorKind::BrokenPipe))
    }

    fn send_buffer(&mut self) -> std::io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let full = std::mem::replace(&mut self.buffer, Chunk::fresh());
        self.send(Message::Bytes(Bytes::from_owner(Chunk(full))))
    }
}

/// A chunk whose memory is used again: made on the writer's thread and dropped on the reader's, it would fragment the
/// allocator's heap more and more the longer a file is.
struct Chunk(Vec<u8>);

/// Memory of dropped chunks: enough for four reports at once.
static POOL: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());
const POOLED: usize = 4 * (CHUNKS_IN_FLIGHT + 2);

impl Chunk {
    fn fresh() -> Vec<u8> {
        let pooled = POOL.lock().unwrap_or_else(PoisonError::into_inner).pop();
        pooled.unwrap_or_else(|| Vec::with_capacity(CHUNK))
    }
}

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
        if pool.len() < POOLED {
            self.0.clear();
            pool.push(std::mem::take(&mut self.0));
        }
    }
}

impl Write for PipeSink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let taken = bytes.len().min(CHUNK - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        if self.buffer.len() == CHUNK {
            self.send_buffer()?;
        }
        Ok(taken)
    }

    /// Keeps what is buffered: a chunk is handed over when it is full, or at the end.
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl ByteSink for PipeSink {
    fn wants_sha256(&self) -> bool {
        true
    }

    fn sha256(&mut self, digest: [u8; 32]) {
        self.sha256 = Some(digest);
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        let closed = |error| Error::from_io(error, &codes::store::ABORTED);
        let sha256 = self.sha256.ok_or_else(undigested)?;
        self.send_buffer().map_err(closed)?;
        self.send(Message::End(sha256)).map_err(closed)
    }
}

fn undigested() -> Error {
    Error::new(&codes::seal::UNFINISHED, "the file ended without its SHA-256")
}

impl PipeReader {
    /// The next chunk; `None` once the writer has said the end.
    ///
    /// # Errors
    /// `SP-STORE-007` where the writer went away without saying so.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        match self.receiver.recv().await {
            Some(Message::Bytes(bytes)) => Ok(Some(bytes)),
            Some(Message::End(sha256)) => {
                self.sha256 = Some(sha256);
                Ok(None)
            }
            None => Err(Error::new(&codes::store::ABORTED, "the writer stopped before the end")),
        }
    }

    /// The SHA-256 of all chunks, after the last.
    ///
    /// # Errors
    /// `SP-SEAL-011` before that.
    pub fn sha256(&self) -> Result<[u8; 32]> {
        self.sha256.ok_or_else(undigested)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everything_written_arrives_and_the_end_is_said() {
        let (mut sink, mut reader) = pipe();
        let writer = tokio::task::spawn_blocking(move || {
            sink.write_all(&vec![7; 3 * CHUNK + 5]).expect("room");
            sink.sha256([7; 32]);
            Box::new(sink).finish()
        });
        let mut total = 0;
        while let Some(bytes) = reader.next().await.expect("no abort") {
            total += bytes.len();
        }
        writer.await.expect("no panic").expect("finished");
        assert_eq!(total, 3 * CHUNK + 5);
        assert_eq!(reader.sha256().expect("the end was said"), [7; 32]);
    }

    #[tokio::test]
    async fn a_writer_that_vanishes_is_an_error_not_an_end() {
        let (mut sink, mut reader) = pipe();
        sink.write_all(b"half a file").expect("room");
        drop(sink);
        assert!(reader.next().await.expect_err("aborted").is(&codes::store::ABORTED));
    }

    #[tokio::test]
    async fn a_reader_that_vanishes_stops_the_writer() {
        let (sink, reader) = pipe();
        drop(reader);
        let finished = tokio::task::spawn_blocking(move || {
            let mut sink = sink;
            sink.sha256([7; 32]);
            Box::new(sink).finish()
        });
        assert!(finished.await.expect("no panic").expect_err("nobody reads").is(&codes::store::ABORTED));
    }

    #[tokio::test]
    async fn an_end_without_the_digest_is_not_one() {
        let (sink, mut reader) = pipe();
        let finished = tokio::task::spawn_blocking(move || Box::new(sink).finish()).await.expect("no panic");
        assert!(finished.expect_err("no digest").is(&codes::seal::UNFINISHED));
        assert!(reader.next().await.expect_err("no end").is(&codes::store::ABORTED));
        assert!(reader.sha256().is_err());
    }
}
