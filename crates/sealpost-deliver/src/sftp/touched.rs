//! Whether an attempt has touched its record: from then on it is not begun again on its own.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use sealpost_core::Result;
use sealpost_core::delivery::Intent;
use sealpost_core::port::Journal;

/// A journal that remembers whether anything was recorded through it. What the attempt knows of the record is older then: a
/// second look with it could take a file for published that is not, or publish one twice.
pub(super) struct Touched<'a> {
    journal: &'a dyn Journal,
    touched: AtomicBool,
}

impl<'a> Touched<'a> {
    pub(super) fn new(journal: &'a dyn Journal) -> Self {
        Self { journal, touched: AtomicBool::new(false) }
    }

    /// Whether something was recorded, or may have been.
    pub(super) fn is_touched(&self) -> bool {
        self.touched.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Journal for Touched<'_> {
    async fn intend(&self, intent: Intent) -> Result<()> {
        self.touched.store(true, Ordering::Relaxed);
        self.journal.intend(intent).await
    }

    async fn withdraw(&self) -> Result<()> {
        self.touched.store(true, Ordering::Relaxed);
        self.journal.withdraw().await
    }

    fn progress(&self, bytes_sent: u64) {
        self.journal.progress(bytes_sent);
    }
}
