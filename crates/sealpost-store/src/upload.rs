//! An upload: streamed in, visible only after an explicit finish.

use bytes::Bytes;
use sealpost_core::error::Result;
use sealpost_core::sealed::{SealedFile, SealedKey};

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
