//! Requests counted across processes.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::error::Result;
use crate::id::PartnerId;
use crate::usage::UsageWindow;

/// Counts requests of partners in calendar windows. What all processes together reserve in a window never exceeds the
/// limit; a process that dies loses at most what it had reserved.
#[async_trait]
pub trait UsageMeter: Send + Sync {
    /// Takes up to `amount` requests out of a window in one atomic step, as many as the limit leaves.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn reserve(&self, partner: &PartnerId, window: &UsageWindow, amount: u64, limit: u64) -> Result<Reserved>;

    /// Gives back what was reserved and not used.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn give_back(&self, partner: &PartnerId, window: &UsageWindow, amount: u64) -> Result<()>;

    /// What has been reserved in a window so far.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn reserved(&self, partner: &PartnerId, window: &UsageWindow) -> Result<u64>;

    /// Forgets windows that ended before this time.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn forget_before(&self, time: Timestamp) -> Result<()>;
}

/// What a reservation brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reserved {
    /// Requests that may now be made: 0 when the limit is reached.
    pub granted: u64,
    /// Reserved by all processes in this window, this reservation included.
    pub total: u64,
}
