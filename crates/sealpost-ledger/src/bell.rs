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

/// The bells of this process, one for each kind of work: who waits for reports is not woken for a delivery, to find nothing.
#[derive(Default)]
pub(crate) struct Inside([Notify; WorkKind::ALL.len()]);

impl Inside {
    /// Wakes who waits for work of these kinds, or the next one that does.
    pub(crate) fn ring(&self, kinds: impl IntoIterator<Item = WorkKind>) {
        let kinds: Vec<WorkKind> = kinds.into_iter().collect();
        for (kind, bell) in WorkKind::ALL.iter().zip(&self.0) {
            if kinds.contains(kind) {
                // In this order: where somebody waits, the first wakes one and keeps nothing back; the other way round it would
                // be kept, and wake the next wait for nothing.
                bell.notify_one();
                bell.notify_waiters();
            }
        }
    }

    /// Returns when one of these kinds is rung for.
    pub(crate) async fn heard(&self, kinds: &[WorkKind]) {
        let bells = WorkKind::ALL.iter().zip(&self.0).filter(|(kind, _)| kinds.contains(kind));
        let heard: Vec<_> = bells.map(|(_, bell)| Box::pin(bell.notified())).collect();
        if heard.is_empty() {
            return std::future::pending().await;
        }
        futures::future::select_all(heard).await;
    }
}

/// The bells of this process, and the one outside, if there is one.
#[derive(Default)]
pub(crate) struct Bells {
    inside: Inside,
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
        self.inside.ring(rings.iter().map(|ring| ring.kind));
        if let Some(outside) = self.outside.get() {
            outside.ring(rings).await;
        }
    }

    /// Returns when this process rings for one of these kinds.
    pub(crate) async fn heard(&self, kinds: &[WorkKind]) {
        self.inside.heard(kinds).await;
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::{Inside, WorkKind};

    #[tokio::test]
    async fn who_waits_for_another_kind_sleeps_on() {
        let bells = Inside::default();
        let mut reports = Box::pin(bells.heard(&[WorkKind::Produce]));
        let mut both = Box::pin(bells.heard(&[WorkKind::Notify, WorkKind::Deliver]));
        assert!((&mut reports).now_or_never().is_none() && (&mut both).now_or_never().is_none());
        bells.ring([WorkKind::Deliver]);
        assert!((&mut reports).now_or_never().is_none());
        assert!(both.now_or_never().is_some());
        assert!(bells.heard(&[WorkKind::Deliver]).now_or_never().is_none(), "one ring wakes once");
    }

    #[tokio::test]
    async fn a_ring_that_nobody_heard_is_kept_for_the_next_one() {
        let bells = Inside::default();
        bells.ring([WorkKind::Expire]);
        assert!(bells.heard(&[WorkKind::Purge]).now_or_never().is_none());
        assert!(bells.heard(&[WorkKind::Expire]).now_or_never().is_some());
        assert!(bells.heard(&[]).now_or_never().is_none());
    }
}
