//! Where the bytes of a retrieved file go.

use async_trait::async_trait;
use bytes::Bytes;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::Landing;
use sealpost_store::ObjectUpload;

use super::attempt::Progress;
use crate::breaker::Passage;

/// Counts what lands, and refuses what is too large.
pub(super) struct Meter<'a> {
    pub(super) progress: &'a Progress,
    pub(super) passage: &'a Passage,
    /// Most bytes of a file.
    pub(super) largest: u64,
    /// What the server said before the first byte.
    pub(super) size: Option<u64>,
    /// Bytes so far.
    pub(super) taken: u64,
}

impl Meter<'_> {
    pub(super) fn expect(&mut self, size: u64) -> Result<()> {
        self.passage.reached();
        self.progress.expect(size);
        self.size = Some(size);
        self.within(size)
    }

    pub(super) fn take(&mut self, bytes: usize) -> Result<()> {
        self.taken += bytes as u64;
        self.progress.stand(self.taken);
        self.within(self.taken)
    }

    fn within(&self, bytes: u64) -> Result<()> {
        if bytes <= self.largest {
            return Ok(());
        }
        let detail = format!("{} bytes or more; `largest_file` is {}", bytes, self.largest);
        Err(Error::new(&codes::deliver::TOO_LARGE, detail))
    }
}

/// Into the store as they come.
pub(super) struct AsReceived<'a> {
    pub(super) meter: Meter<'a>,
    pub(super) upload: ObjectUpload,
}

#[async_trait]
impl Landing for AsReceived<'_> {
    async fn expect(&mut self, size: u64) -> Result<()> {
        self.meter.expect(size)
    }

    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.meter.take(bytes.len())?;
        self.upload.write(bytes).await
    }
}
