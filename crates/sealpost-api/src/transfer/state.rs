//! What the composition root hands in, and what this process remembers.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sealpost_core::usage::RateLimit;
use sealpost_pipeline::{Pipeline, TransferSettings};

use super::replay::Seen;
use super::throttle::Throttle;

/// What an operator sets for the listener of the transfer API. What the transfers themselves are held to stands in the
/// pipeline's [`TransferSettings`].
#[derive(Debug, Clone)]
pub struct TransferLimits {
    /// How far a caller's clock may be off; 15 minutes.
    pub clock_skew: Duration,
    /// Requests of one access key; 50 a second, 100 at once.
    pub rate: RateLimit,
    /// Calls of `TestConnection`, all access keys together; one a second, two at once.
    pub tests: RateLimit,
    /// Attempts to authenticate of one client address that may fail; 20 at once and 20 a minute.
    pub failed_attempts: RateLimit,
    /// Largest `MaxConcurrentConnections`; 5.
    pub most_connections: u32,
    /// Addresses that connections come from, as `DescribeConnector` shows them; none are shown when empty.
    pub egress_addresses: Vec<Ipv4Addr>,
}

impl Default for TransferLimits {
    fn default() -> Self {
        Self {
            clock_skew: Duration::from_secs(900),
            rate: RateLimit { per_second: 50.0, burst: 100 },
            tests: RateLimit { per_second: 1.0, burst: 2 },
            failed_attempts: crate::throttle::FAILED_ATTEMPTS,
            most_connections: 5,
            egress_addresses: Vec::new(),
        }
    }
}

/// What the operations of the transfer API need. Cheap to clone.
#[derive(Clone)]
pub struct TransferState {
    pub(super) pipeline: Pipeline,
    pub(super) limits: Arc<TransferLimits>,
    pub(super) throttle: Arc<Throttle>,
    pub(super) seen: Arc<Seen>,
}

impl TransferState {
    /// Puts the state together. Without a master secret in the pipeline's settings there are no access keys, and every
    /// call is refused.
    #[must_use]
    pub fn new(pipeline: Pipeline, limits: TransferLimits) -> Self {
        let throttle = Arc::new(Throttle::new(&limits));
        let seen = Arc::new(Seen::new(limits.clock_skew, Timestamp::now()));
        Self { pipeline, limits: Arc::new(limits), throttle, seen }
    }

    /// The settings of transfers.
    pub(super) fn settings(&self) -> &TransferSettings {
        &self.pipeline.parts().settings.transfer
    }
}
