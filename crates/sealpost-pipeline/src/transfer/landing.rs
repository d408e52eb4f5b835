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
    /// Most bytes of a file that the store takes.
    pub(super) storable: u64,
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
        self.within(size)?;
        if size > self.storable {
            let detail = format!("{size} bytes; the store takes {}", self.storable);
            return Err(Error::new(&codes::store::TOO_LARGE, detail));
        }
        Ok(())
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
        self.meter.expect(size)?;
        self.upload.expect(size)
    }

    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.meter.take(bytes.len())?;
        self.upload.write(bytes).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sealpost_core::connector::ConnectorSettings;
    use sealpost_core::id::ConnectorId;

    use super::*;
    use crate::breaker::Breakers;

    #[test]
    fn what_can_not_be_stored_is_refused_before_it_comes() {
        let settings = ConnectorSettings::new("h", 22, "u");
        let passage = Arc::new(Breakers::default()).enter(&ConnectorId::fresh(), &settings).expect("closed");
        let progress = Progress::default();
        let meter = |largest, storable| Meter {
            progress: &progress,
            passage: &passage,
            largest,
            storable,
            size: None,
            taken: 0,
        };
        assert!(meter(100, 100).expect(100).is_ok());
        assert!(meter(100, 1000).expect(101).expect_err("the service's limit").is(&codes::deliver::TOO_LARGE));
        assert!(meter(1000, 100).expect(101).expect_err("the store's limit").is(&codes::store::TOO_LARGE));
    }
}
