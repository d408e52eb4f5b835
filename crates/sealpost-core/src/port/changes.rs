//! Changes that partners ask for, challenges, and the audit trail.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::audit::{Actor, AuditEntry};
use crate::change::{Challenge, Change, ChangeStatus, Claim, Decision};
use crate::error::Result;
use crate::id::{AuditId, ChangeId, PartnerId};

/// Keeps what partners ask to have changed, and an append-only record of who changed what.
#[async_trait]
pub trait Changes: Send + Sync {
    /// Keeps a new change, decided or pending, as [`Change::settled`].
    ///
    /// # Errors
    /// `SP-REQUEST-035` where a pending change of the partner has the same subject, `-037` where
    /// [`MOST_PENDING`](crate::change::MOST_PENDING) of the partner wait; `SP-LEDGER-001`.
    async fn create_change(&self, change: &Change) -> Result<()>;

    /// A change.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn change(&self, id: &ChangeId) -> Result<Option<Change>>;

    /// Changes, newest first, stable under inserts.
    ///
    /// # Errors
    /// `SP-LEDGER-001`; `SP-REQUEST-001` for an `after` that is not of this list.
    async fn changes(&self, filter: &ChangeFilter) -> Result<EntryPage<Change>>;

    /// Claims a change by [`Change::begin`], in one atomic step, before anything of it is done. From then on, also after
    /// a crash, it is not rejected or withdrawn.
    ///
    /// # Errors
    /// `SP-REQUEST-015` where it is not pending any more, `SP-REQUEST-008` for no such change.
    async fn begin(&self, id: &ChangeId, actor: &Actor, now: Timestamp) -> Result<Claim>;

    /// Gives a claim back by [`Change::unbegin`]: for a change of which nothing was done. Whether it was given back.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn unbegin(&self, claim: &Claim) -> Result<bool>;

    /// Decides by [`Change::decide`], in one atomic step: of two who decide at once, one is refused.
    ///
    /// # Errors
    /// `SP-REQUEST-015` where it is not pending any more or has begun, `SP-REQUEST-008` for no such change.
    async fn decide(&self, id: &ChangeId, decision: &Decision, now: Timestamp) -> Result<Change>;

    /// Appends to the audit trail.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn note(&self, entry: &AuditEntry) -> Result<()>;

    /// The audit trail, newest first, stable under inserts.
    ///
    /// # Errors
    /// `SP-LEDGER-001`; `SP-REQUEST-001` for an `after` that is not of this list.
    async fn audit(&self, filter: &AuditFilter) -> Result<EntryPage<AuditEntry>>;

    /// Opens a challenge; an earlier one for the same certificate is void.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn open_challenge(&self, challenge: &Challenge) -> Result<()>;

    /// Takes the open challenge for a certificate, alive or past: it can be answered once.
    ///
    /// # Errors
    /// `SP-LEDGER-001`.
    async fn take_challenge(&self, partner: &PartnerId, fingerprint: &str) -> Result<Option<Challenge>>;
}

/// Which changes to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeFilter {
    /// Of this partner only. The partner API always sets it.
    pub partner: Option<PartnerId>,
    /// In this status only.
    pub status: Option<ChangeStatus>,
    /// Continue after this one (the last of the page before).
    pub after: Option<ChangeId>,
    /// Most changes, 1 to 100.
    pub limit: u32,
}

/// Which audit entries to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// About this partner only. The partner API always sets it.
    pub partner: Option<PartnerId>,
    /// Continue after this one (the last of the page before).
    pub after: Option<AuditId>,
    /// Most entries, 1 to 100.
    pub limit: u32,
}

/// A page of a list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EntryPage<T> {
    /// The entries, newest first.
    pub entries: Vec<T>,
    /// Whether there are more.
    pub more: bool,
}
