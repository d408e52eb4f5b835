//! Transfer events to wherever they are wanted.

use async_trait::async_trait;

use crate::error::Result;

/// Takes events of transfers and deliveries; at least once, and more than once where an answer was lost.
#[async_trait]
pub trait TransferEventSink: Send + Sync {
    /// Its name in logs: `file`, `stdout`, `eventbridge`, `webhook`.
    fn name(&self) -> &'static str;

    /// Takes one event. Returned means: it is theirs now.
    ///
    /// # Errors
    /// `SP-NOTIFY-…`; it comes again later.
    async fn publish(&self, event: &TransferEvent) -> Result<()>;
}

/// An event in the shape of Amazon EventBridge. The same event has the same `id` and bytes at each attempt; only address and directory
/// of a delivery that failed are those of its connector at the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferEvent {
    /// Its id: a UUID that follows from the item, transfer or delivery.
    pub id: String,
    /// `SFTP Connector File Send Completed`, for example.
    pub detail_type: String,
    /// When it happened.
    pub at: jiff::Timestamp,
    /// The connector's ARN.
    pub resource: String,
    /// The `detail` object, as JSON.
    pub detail: String,
    /// The whole event as one line of JSON: `version`, `id`, `detail-type`, `source`, `account`, `time`, `region`,
    /// `resources`, `detail`.
    pub envelope: String,
}
