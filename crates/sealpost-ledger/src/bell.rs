//! Bells: whoever waits for work is told that there is some.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use jiff::Timestamp;
use sealpost_core::task::WorkKind;
use tokio::sync::Notify;

/// That a task of a kind may be claimed from a time on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ring {
    /// The kind.
    pub(crate) kind: WorkKind,
    /// From when.
    pub(crate) at: Timestamp,
}

/// A bell outside of this process.
#[async_trait]
pub(crate) trait Bell: Send + Sync {
    /// Rings. What fails is logged and left to the next sweep: the step that it follows is done.
    async fn ring(&self, rings: &[Ring]);
}

/// The bell of this process, and the one outside, if there is one.
#[derive(Default)]
pub(crate) struct Bells {
    inside: Notify,
    outside: OnceLock<Arc<dyn Bell>>,
}

impl Bells {
    /// From now on this one rings too. `false` where there is one already.
    pub(crate) fn hang(&self, bell: Arc<dyn Bell>) -> bool {
        self.outside.set(bell).is_ok()
    }

    /// Whether there is one outside.
    pub(crate) fn is_heard_outside(&self) -> bool {
        self.outside.get().is_some()
    }

    /// Rings both, where there is anything to ring for.
    pub(crate) async fn ring(&self, rings: &[Ring]) {
        if rings.is_empty() {
            return;
        }
        self.inside.notify_waiters();
        self.inside.notify_one();
        if let Some(outside) = self.outside.get() {
            outside.ring(rings).await;
        }
    }

    /// Returns when the bell of this process rings.
    pub(crate) async fn heard(&self) {
        self.inside.notified().await;
    }
}
