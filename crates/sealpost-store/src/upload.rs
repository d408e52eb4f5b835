//! An upload: streamed in, visible only after an explicit finish.

use bytes::Bytes;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::sealed::{SealedFile, SealedKey};
use sealpost_core::sink::ByteSink;

use crate::local::LocalUpload;
use crate::s3::S3Upload;

/// One sealed file on its way into the store.
///
/// Dropped without [`finish`](Self::finish), nothing becomes visible: a local staging file is removed at once, a
/// multipart upload is aborted by a task of the runtime. What a killed process leaves, `SealedStore::purge` removes.
/// Memory: at most 1 MiB for a local store, 24 MiB for S3.
#[derive(Debug)]
pub struct Upload {
    key: SealedKey,
    size: u64,
    writer: Writer,
}

#[derive(Debug)]
pub(crate) enum Writer {
    Local(LocalUpload),
    S3(S3Upload),
}

impl Writer {
    pub(crate) async fn write(&mut self, bytes: Bytes) -> Result<()> {
        match self {
            Self::Local(upload) => upload.write(bytes).await,
            Self::S3(upload) => upload.write(bytes).await,
        }
    }

    pub(crate) fn expect(&mut self, size: u64) -> Result<()> {
        match self {
            Self::Local(_) => Ok(()),
            Self::S3(upload) => upload.expect(size),
        }
    }

    pub(crate) fn expect_sha256(&mut self) {
        match self {
            Self::Local(upload) => upload.expect_sha256(),
            Self::S3(upload) => upload.expect_sha256(),
        }
    }

    /// Publishes the object; gives the SHA-256 of its bytes, which may have been told.
    pub(crate) async fn finish(self, told: Option<[u8; 32]>) -> Result<[u8; 32]> {
        match self {
            Self::Local(upload) => upload.finish(told).await,
            Self::S3(upload) => upload.finish(told).await,
        }
    }

    pub(crate) async fn abort(self) -> Result<()> {
        match self {
            Self::Local(upload) => upload.abort().await,
            Self::S3(upload) => upload.abort().await,
        }
    }
}

impl Upload {
    pub(crate) fn new(key: SealedKey, writer: Writer) -> Self {
        Self { key, size: 0, writer }
    }

    /// Where the file will be.
    #[must_use]
    pub fn key(&self) -> &SealedKey {
        &self.key
    }

    /// Bytes taken so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Says, before the first bytes, that their SHA-256 will be told at the end, by [`finish_with`](Self::finish_with): who
    /// encrypts has it for less.
    pub fn expect_sha256(&mut self) {
        self.writer.expect_sha256();
    }

    /// The writing end for a thread that may wait for the disk itself, instead of the first [`write`](Self::write): nothing has to be
    /// handed from thread to thread then. What was written to it is published by [`finish_sunk`](Self::finish_sunk). `None` for a store
    /// that only tasks write to: S3.
    ///
    /// It wants the SHA-256 from who writes. An error of the store is told by `finish_sunk`; who writes hears of a broken pipe.
    #[must_use]
    pub fn sink(&mut self) -> Option<Box<dyn ByteSink>> {
        match &mut self.writer {
            Writer::Local(upload) => Some(Box::new(upload.sink()?)),
            Writer::S3(_) => None,
        }
    }

    /// Takes the next bytes. It waits while the store is slower than the writer.
    ///
    /// # Errors
    /// `SP-STORE-001`, `-002`, `-005`. After an error the upload can only be dropped.
    pub async fn write(&mut self, bytes: Bytes) -> Result<()> {
        let len = bytes.len() as u64;
        self.writer.write(bytes).await?;
        self.size += len;
        Ok(())
    }

    /// Makes the file durable and visible under its name, in one step. When this returns, a power cut no longer loses
    /// it.
    ///
    /// # Errors
    /// `SP-STORE-003` when somebody else created the object meanwhile; then theirs is untouched.
    /// `SP-STORE-001`, `-002`, `-005`, and `-007` where the SHA-256 was to be told; then nothing is visible, except where S3
    /// can't be asked any more what became of a request (`-001`).
    pub async fn finish(self) -> Result<SealedFile> {
        self.publish(None).await
    }

    /// [`finish`](Self::finish), and the SHA-256 that was [expected](Self::expect_sha256).
    ///
    /// # Errors
    /// As [`finish`](Self::finish).
    pub async fn finish_with(self, sha256: [u8; 32]) -> Result<SealedFile> {
        self.publish(Some(sha256)).await
    }

    /// Waits for the end of what is written to the [sink](Self::sink), then does as [`finish`](Self::finish).
    ///
    /// # Errors
    /// As [`finish`](Self::finish), and `SP-STORE-007` where the sink was dropped before its end.
    pub async fn finish_sunk(self) -> Result<SealedFile> {
        let (size, sha256) = match self.writer {
            Writer::Local(upload) => upload.finish_sunk().await?,
            Writer::S3(_) => return Err(Error::new(&codes::store::ABORTED, "it has no sink")),
        };
        Ok(SealedFile { key: self.key, size, sha256: hex::encode(sha256) })
    }

    async fn publish(self, told: Option<[u8; 32]>) -> Result<SealedFile> {
        let sha256 = hex::encode(self.writer.finish(told).await?);
        Ok(SealedFile { key: self.key, size: self.size, sha256 })
    }

    /// Gives the upload up and waits until its traces are gone.
    ///
    /// # Errors
    /// `SP-STORE-001`: parts may remain until the job is purged. Nothing is visible in any case.
    pub async fn abort(self) -> Result<()> {
        self.writer.abort().await
    }
}
