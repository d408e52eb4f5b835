//! A retrieved file on its way through the sealer: three parties at once, as when a report is produced. The engine hands
//! bytes over, a blocking thread seals, the store takes ciphertext. Whichever fails, the others see an end that was not
//! said, and stop: half a file is never sealed as a whole one.

use std::io::Write;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::partner::MessageFormat;
use sealpost_core::port::{Landing, Retrieved, SealPlan, Sealer};
use sealpost_store::{ObjectUpload, StoredObject};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::landing::Meter;
use crate::Parts;
use crate::pipe::{PipeReader, PipeSink, pipe};

/// Pieces of the file between engine and sealer.
const PIECES_IN_FLIGHT: usize = 8;

enum Piece {
    Bytes(Bytes),
    End,
}

/// What the blocking thread needs.
pub(super) struct Plan {
    sealer: Arc<dyn Sealer>,
    recipients: Vec<String>,
    message: MessageFormat,
    file_name: String,
    now: Timestamp,
}

impl Plan {
    /// Checks that sealing can work, before anything is fetched.
    pub(super) fn new(parts: &Parts, file_name: &str) -> Result<Self> {
        let settings = &parts.settings.transfer;
        let now = Timestamp::now();
        if settings.seal_for.is_empty() {
            let detail = "the connector seals what it retrieves, and `[transfer] seal_for` names no certificate";
            return Err(Error::new(&codes::config::INVALID, detail));
        }
        for certificate in &settings.seal_for {
            parts
                .sealer
                .inspect(certificate.as_bytes(), now)
                .map_err(|error| error.context("a certificate of `[transfer] seal_for`"))?;
        }
        Ok(Self {
            sealer: parts.sealer.clone(),
            recipients: settings.seal_for.clone(),
            message: settings.message,
            file_name: file_name.to_owned(),
            now,
        })
    }

    /// Pieces to ciphertext, on a blocking thread.
    fn seal(&self, mut pieces: mpsc::Receiver<Piece>, sink: PipeSink) -> Result<()> {
        let plan = SealPlan {
            recipients: &self.recipients,
            message: self.message,
            armor: false,
            signer: None,
            file_name: &self.file_name,
            now: self.now,
        };
        let mut sealed = self.sealer.seal(&plan, Box::new(sink))?;
        loop {
            match pieces.blocking_recv() {
                Some(Piece::Bytes(bytes)) => {
                    sealed.write_all(&bytes).map_err(|error| Error::from_io(error, &codes::store::ABORTED))?;
                }
                Some(Piece::End) => return sealed.finish(),
                None => return Err(Error::new(&codes::seal::UNFINISHED, "the file stopped before its end")),
            }
        }
    }
}

/// Most bytes that a sealed file has for a file of so many: packets, tags of encrypted chunks, a session key per
/// certificate come to far less.
fn sealed_size(size: u64) -> u64 {
    size.saturating_add(size / 32).saturating_add(1 << 20)
}

/// The largest file that, sealed, is no larger than this.
pub(super) fn largest_inside(sealed: u64) -> u64 {
    sealed - sealed / 32 - (1 << 20).min(sealed - sealed / 32)
}

/// Into the sealer.
pub(super) struct Sealed<'a> {
    pub(super) meter: Meter<'a>,
    /// To the party that stores: the most bytes that it will get.
    expected: Option<oneshot::Sender<u64>>,
    pieces: mpsc::Sender<Piece>,
}

impl Sealed<'_> {
    async fn send(&self, piece: Piece) -> Result<()> {
        self.pieces.send(piece).await.map_err(|_| Error::new(&codes::store::ABORTED, "the sealer stopped"))
    }

    /// Says that the file is complete.
    pub(super) async fn end(&self) -> Result<()> {
        self.send(Piece::End).await
    }
}

#[async_trait]
impl Landing for Sealed<'_> {
    async fn expect(&mut self, size: u64) -> Result<()> {
        self.meter.expect(size)?;
        if let Some(expected) = self.expected.take() {
            // Nobody listens where storing has failed already, which the next piece finds out.
            expected.send(sealed_size(size)).unwrap_or_default();
        }
        Ok(())
    }

    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.meter.take(bytes.len())?;
        self.send(Piece::Bytes(bytes)).await
    }
}

/// The two other parties.
pub(super) struct Sealing {
    writer: JoinHandle<Result<()>>,
    reader: PipeReader,
    expected: oneshot::Receiver<u64>,
    upload: ObjectUpload,
}

/// Begins to seal into `upload`.
pub(super) fn begin(plan: Plan, upload: ObjectUpload, meter: Meter<'_>) -> (Sealed<'_>, Sealing) {
    let (pieces, receiver) = mpsc::channel(PIECES_IN_FLIGHT);
    let (sink, reader) = pipe();
    let writer = tokio::task::spawn_blocking(move || plan.seal(receiver, sink));
    let (told, expected) = oneshot::channel();
    (Sealed { meter, expected: Some(told), pieces }, Sealing { writer, reader, expected, upload })
}

impl Sealing {
    /// Runs together with what fetches the file, which must own the landing: sealing ends when that is dropped.
    pub(super) async fn with(
        self,
        fetching: impl Future<Output = Result<Retrieved>>,
    ) -> Result<(Retrieved, StoredObject)> {
        let Self { writer, reader, expected, upload } = self;
        let (fetched, sealed, stored) = tokio::join!(fetching, writer, store(upload, expected, reader));
        let sealed = sealed
            .unwrap_or_else(|panic| Err(Error::new(&codes::ledger::DEFECT, format!("the sealer stopped: {panic}"))));
        let is_cause = |error: &Error| !error.is(&codes::store::ABORTED) && !error.is(&codes::seal::UNFINISHED);
        match (fetched, sealed, stored) {
            (Ok(fetched), Ok(()), Ok(stored)) => Ok((fetched, stored)),
            (Err(error), _, _) if is_cause(&error) => Err(error),
            (_, _, Err(error)) if is_cause(&error) => Err(error),
            (_, Err(error), _) | (Err(error), _, _) | (_, _, Err(error)) => Err(error),
        }
    }
}

/// Ciphertext to the store.
async fn store(
    mut upload: ObjectUpload,
    expected: oneshot::Receiver<u64>,
    mut reader: PipeReader,
) -> Result<StoredObject> {
    if let Ok(size) = expected.await {
        upload.expect(size)?;
    }
    upload.expect_sha256();
    while let Some(bytes) = reader.next().await? {
        upload.write(bytes).await?;
    }
    upload.finish_with(reader.sha256()?).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_file_fits_sealed() {
        for most in [u64::MAX, 625 << 30, 64 << 20, 1 << 20, 0] {
            let inside = largest_inside(most);
            assert!(inside == 0 || sealed_size(inside) <= most, "{most}");
        }
        assert!(largest_inside(625 << 30) > 600 << 30);
    }
}
