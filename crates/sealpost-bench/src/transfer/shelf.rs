//! Local files behind the ports: read as the product's own store reads them, written as they come.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use async_trait::async_trait;
use bytes::Bytes;
use sealpost_core::delivery::Intent;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::{Journal, Landing, SealedReader, SecretStore};
use sealpost_core::secret::{Secret, SecretRef};

/// A file to be sent.
pub(super) struct LocalReader {
    file: Arc<File>,
    size: u64,
}

impl LocalReader {
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| format!("open {}", path.display()))?;
        let size = file.metadata().with_context(|| format!("look at {}", path.display()))?.len();
        Ok(Self { file: Arc::new(file), size })
    }
}

#[async_trait]
impl SealedReader for LocalReader {
    fn size(&self) -> u64 {
        self.size
    }

    async fn read(&self, offset: u64, len: usize) -> Result<Bytes> {
        let file = Arc::clone(&self.file);
        let read = tokio::task::spawn_blocking(move || {
            let mut bytes = vec![0; len];
            file.read_exact_at(&mut bytes, offset).map(|()| Bytes::from(bytes))
        });
        match read.await {
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(error)) => Err(Error::new(&codes::store::CHANGED, error.to_string())),
            Err(error) => Err(Error::new(&codes::store::CHANGED, error.to_string())),
        }
    }
}

/// A file that is being retrieved.
pub(super) struct LocalLanding(File);

impl LocalLanding {
    pub(super) fn create(path: &Path) -> anyhow::Result<Self> {
        File::create(path).map(Self).with_context(|| format!("create {}", path.display()))
    }
}

#[async_trait]
impl Landing for LocalLanding {
    async fn expect(&mut self, _size: u64) -> Result<()> {
        Ok(())
    }

    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.0.write_all(&bytes).map_err(|error| Error::new(&codes::store::FULL, error.to_string()))
    }
}

/// A ledger that agrees to everything.
pub(super) struct Memory;

#[async_trait]
impl Journal for Memory {
    async fn intend(&self, _intent: Intent) -> Result<()> {
        Ok(())
    }

    async fn withdraw(&self) -> Result<()> {
        Ok(())
    }

    fn progress(&self, _bytes_sent: u64) {}
}

/// `file:PATH`.
pub(super) struct Secrets;

#[async_trait]
impl SecretStore for Secrets {
    async fn resolve(&self, reference: &SecretRef) -> Result<Secret> {
        std::fs::read(reference.rest())
            .map(Secret::new)
            .map_err(|error| Error::new(&codes::secrets::MISSING, error.to_string()))
    }
}
