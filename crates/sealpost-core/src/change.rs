//! Changes that a partner asks for: done at once, or after an operator approved them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::audit::Actor;
use crate::connector::ConnectorSettings;
use crate::error::{Error, Result, codes};
use crate::id::{ChangeId, ConnectorId, PartnerId};

/// Most changes of a partner that wait at once.
pub const MOST_PENDING: u32 = 50;

/// A change as the ledger keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Its id.
    pub id: ChangeId,
    /// Who it is about.
    pub partner: PartnerId,
    /// What is to be done.
    pub action: ChangeAction,
    /// Where it stands.
    pub status: ChangeStatus,
    /// Who asked.
    pub asked_by: Actor,
    /// When.
    pub asked_at: Timestamp,
    /// Who approved, rejected or withdrew it; whoever asked, where no approval is needed. While it is pending: who
    /// carries it out.
    pub decided_by: Option<Actor>,
    /// When.
    pub decided_at: Option<Timestamp>,
    /// Why, in the decider's words.
    #[serde(default)]
    pub reason: String,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum ChangeAction {
    /// Seal to this certificate too.
    AddCertificate {
        /// Its primary key's fingerprint.
        fingerprint: String,
        /// The ASCII-armored certificate; empty once the change is decided.
        certificate: String,
        /// The certificate that it takes the place of, by fingerprint.
        replaces: Option<String>,
        /// Until when files are sealed to both; no overlap when absent.
        cut_over: Option<Timestamp>,
    },
    /// Stop sealing to a certificate.
    RetireCertificate {
        /// Its primary key's fingerprint.
        fingerprint: String,
        /// When.
        at: Timestamp,
    },
    /// Create or change a destination.
    PutDestination {
        /// Its name among the partner's destinations.
        name: String,
        /// How to reach it.
        settings: Box<ConnectorSettings>,
        /// Whether reports go there unless the request says otherwise.
        receives_reports: bool,
        /// Whether the login stays that it has when this is done. `settings` has the one from when it was asked for, to be shown.
        #[serde(default)]
        login_stays: bool,
    },
    /// Remove a destination.
    RemoveDestination {
        /// Which.
        destination: ConnectorId,
    },
    /// Trust a host key that the destination's server has shown.
    ApproveHostKey {
        /// The destination.
        destination: ConnectorId,
        /// `SHA256:…`
        fingerprint: String,
    },
    /// Trust a host key no longer.
    RevokeHostKey {
        /// The destination.
        destination: ConnectorId,
        /// `SHA256:…`
        fingerprint: String,
    },
}

impl ChangeAction {
    /// The action's name in the audit trail.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::AddCertificate { .. } => "certificate.add",
            Self::RetireCertificate { .. } => "certificate.retire",
            Self::PutDestination { .. } => "destination.put",
            Self::RemoveDestination { .. } => "destination.remove",
            Self::ApproveHostKey { .. } => "host_key.approve",
            Self::RevokeHostKey { .. } => "host_key.revoke",
        }
    }

    /// What it is done to. Two pending changes of one partner never have the same subject.
    #[must_use]
    pub fn subject(&self, partner: &PartnerId) -> String {
        match self {
            Self::AddCertificate { fingerprint, .. } | Self::RetireCertificate { fingerprint, .. } => {
                format!("certificate {fingerprint}")
            }
            Self::PutDestination { name, .. } => format!("destination {}", ConnectorId::of(partner, name)),
            Self::RemoveDestination { destination } => format!("destination {destination}"),
            Self::ApproveHostKey { destination, fingerprint } | Self::RevokeHostKey { destination, fingerprint } => {
                format!("host key {fingerprint} of {destination}")
            }
        }
    }
}

/// Where a change stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeStatus {
    /// Waits for an operator.
    Pending,
    /// Done.
    Applied,
    /// An operator said no.
    Rejected,
    /// The partner took it back.
    Withdrawn,
}

impl ChangeStatus {
    /// The stable lower-case name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Applied => "applied",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// What becomes of a pending change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Anything but [`ChangeStatus::Pending`].
    pub status: ChangeStatus,
    /// Who decides.
    pub actor: Actor,
    /// Why.
    pub reason: String,
}

/// The right to carry a change out.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// The change, pending.
    pub change: Change,
    /// Whether nobody had begun before: only then is it known that nothing of it was done.
    pub is_first: bool,
}

impl Change {
    /// Whether somebody carries it out, or died over it. It is done then, in part, or not at all; who knows.
    #[must_use]
    pub fn is_begun(&self) -> bool {
        self.status == ChangeStatus::Pending && self.decided_by.is_some()
    }

    /// Claims a pending change before it is carried out. One that has begun can be taken over: carrying out is repeatable.
    ///
    /// # Errors
    /// `SP-REQUEST-015` where it is not pending any more.
    pub fn begin(&self, actor: &Actor, now: Timestamp) -> Result<Claim> {
        if self.status != ChangeStatus::Pending {
            return Err(self.not_now(self.status.as_str()));
        }
        let change = Self { decided_by: Some(actor.clone()), decided_at: Some(now), ..self.clone() };
        Ok(Claim { change, is_first: !self.is_begun() })
    }

    /// The change without the claim; `None` where it is held to its claim: others may have done something of it.
    #[must_use]
    pub fn unbegin(&self, claim: &Claim) -> Option<Self> {
        let is_newest = self.is_begun()
            && (&self.decided_by, self.decided_at) == (&claim.change.decided_by, claim.change.decided_at);
        (claim.is_first && is_newest).then(|| Self { decided_by: None, decided_at: None, ..self.clone() })
    }

    /// The change after a decision: the one place where a change moves.
    ///
    /// # Errors
    /// `SP-REQUEST-015` where it is not pending any more; where it has begun, for all but [`ChangeStatus::Applied`].
    pub fn decide(&self, decision: &Decision, now: Timestamp) -> Result<Self> {
        if self.status != ChangeStatus::Pending || decision.status == ChangeStatus::Pending {
            return Err(self.not_now(self.status.as_str()));
        }
        if self.is_begun() && decision.status != ChangeStatus::Applied {
            return Err(self.not_now("being carried out"));
        }
        let mut change = self.clone();
        change.status = decision.status;
        change.decided_by = Some(decision.actor.clone());
        change.decided_at = Some(now);
        change.reason.clone_from(&decision.reason);
        Ok(change.settled())
    }

    /// As it is kept: once decided, without the certificate, which the partner's record has, or nobody wants.
    #[must_use]
    pub fn settled(mut self) -> Self {
        if self.status != ChangeStatus::Pending
            && let ChangeAction::AddCertificate { certificate, .. } = &mut self.action
        {
            *certificate = String::new();
        }
        self
    }

    fn not_now(&self, state: &str) -> Error {
        Error::new(&codes::request::NOT_IN_THIS_STATE, format!("change {} is {state}", self.id))
    }
}

/// An open challenge: the partner has to show that it can decrypt with a certificate's private key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// Whose certificate.
    pub partner: PartnerId,
    /// Its primary key's fingerprint.
    pub fingerprint: String,
    /// SHA-256 of the answer, lower-case hexadecimal.
    pub sha256: String,
    /// When it can no longer be answered.
    pub expires_at: Timestamp,
}
