//! Changes: asked for, approved, rejected, withdrawn.
//!
//! A change is kept as pending before anything is done, also where nobody has to approve it: after a crash it is still
//! there, and asking for the same again completes it.

use jiff::Timestamp;
use sealpost_core::change::{Change, ChangeAction, ChangeStatus, Decision};
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::id::{ChangeId, PartnerId};
use sealpost_core::port::ChangeFilter;

use super::Policy;
use crate::audit::Author;
use crate::{Pipeline, log};

/// Longest reason of a decision, in characters.
pub const LONGEST_REASON: usize = 500;

impl Pipeline {
    /// Asks for a change: checks it, and does it at once where the policy allows that.
    ///
    /// # Errors
    /// `SP-REQUEST-038` where the policy is off, `-035` where a change of the same thing waits; what checking it says.
    pub async fn ask_change(&self, partner: &PartnerId, action: ChangeAction, author: &Author) -> Result<Change> {
        let policy = self.policy_of(&action)?;
        self.check_change(partner, &action).await?;
        let change = Change {
            id: ChangeId::fresh(),
            partner: partner.clone(),
            action,
            status: ChangeStatus::Pending,
            asked_by: author.actor.clone(),
            asked_at: Timestamp::now(),
            decided_by: None,
            decided_at: None,
            reason: String::new(),
        };
        let change = match self.parts.changes.create_change(&change).await {
            Ok(()) => {
                self.note(author, partner, "change.ask", change.id.as_str(), &words(&change)).await?;
                change
            }
            Err(error) if error.is(&codes::request::CHANGE_PENDING) && policy == Policy::Allowed => {
                self.left_over(&change).await?.ok_or(error)?
            }
            Err(error) => return Err(error),
        };
        if policy == Policy::Allowed {
            self.carry_out(&change, "", author).await
        } else {
            log::change_waits(&change);
            Ok(change)
        }
    }

    /// Approves a change that waits: checks it again, and does it.
    ///
    /// # Errors
    /// `SP-REQUEST-008`; `-015` where it does not wait any more; what checking it says, and then it still waits.
    pub async fn approve_change(&self, id: &ChangeId, reason: &str, author: &Author) -> Result<Change> {
        let change = self.waiting(id).await?;
        self.check_change(&change.partner, &change.action).await?;
        self.note(author, &change.partner, "change.approve", id.as_str(), &words(&change)).await?;
        self.carry_out(&change, reason, author).await
    }

    /// Rejects a change that waits.
    ///
    /// # Errors
    /// `SP-REQUEST-008`; `-015` where it does not wait any more.
    pub async fn reject_change(&self, id: &ChangeId, reason: &str, author: &Author) -> Result<Change> {
        self.drop_change(self.waiting(id).await?, ChangeStatus::Rejected, reason, author).await
    }

    /// Takes back a change of a partner that waits.
    ///
    /// # Errors
    /// `SP-REQUEST-008` where the partner has no such change; `-015` where it does not wait any more.
    pub async fn withdraw_change(&self, partner: &PartnerId, id: &ChangeId, author: &Author) -> Result<Change> {
        let change = self.change_of(partner, id).await?;
        self.drop_change(change, ChangeStatus::Withdrawn, "", author).await
    }

    /// A change of a partner.
    ///
    /// # Errors
    /// `SP-REQUEST-008` where the partner has no such change.
    pub async fn change_of(&self, partner: &PartnerId, id: &ChangeId) -> Result<Change> {
        let found = self.parts.changes.change(id).await?.filter(|change| change.partner == *partner);
        found.ok_or_else(|| Error::new(&codes::request::NOT_FOUND, format!("change {id}")))
    }

    async fn waiting(&self, id: &ChangeId) -> Result<Change> {
        let found = self.parts.changes.change(id).await?;
        let change = found.ok_or_else(|| Error::new(&codes::request::NOT_FOUND, format!("change {id}")))?;
        if change.status == ChangeStatus::Pending {
            return Ok(change);
        }
        let detail = format!("change {id} is {}", change.status.as_str());
        Err(Error::new(&codes::request::NOT_IN_THIS_STATE, detail))
    }

    /// The same wish, left pending by a process that died before it had carried it out.
    async fn left_over(&self, wanted: &Change) -> Result<Option<Change>> {
        let filter = ChangeFilter {
            partner: Some(wanted.partner.clone()),
            status: Some(ChangeStatus::Pending),
            after: None,
            limit: 100,
        };
        let waiting = self.parts.changes.changes(&filter).await?.entries;
        Ok(waiting.into_iter().find(|change| change.action == wanted.action))
    }

    /// Does it, then says so: a crash in between leaves a change that can be carried out again.
    async fn carry_out(&self, change: &Change, reason: &str, author: &Author) -> Result<Change> {
        self.apply_change(&change.partner, &change.action).await?;
        let decision =
            Decision { status: ChangeStatus::Applied, actor: author.actor.clone(), reason: reason.to_owned() };
        let decided = self.parts.changes.decide(&change.id, &decision, Timestamp::now()).await?;
        let detail = format!("change {}", change.id);
        self.note(author, &change.partner, change.action.name(), &subject(&decided), &detail).await?;
        log::change_decided(&decided);
        Ok(decided)
    }

    async fn drop_change(&self, change: Change, status: ChangeStatus, reason: &str, author: &Author) -> Result<Change> {
        let decision = Decision { status, actor: author.actor.clone(), reason: reason.to_owned() };
        let decided = self.parts.changes.decide(&change.id, &decision, Timestamp::now()).await?;
        let action = if status == ChangeStatus::Rejected { "change.reject" } else { "change.withdraw" };
        self.note(author, &change.partner, action, change.id.as_str(), &words(&decided)).await?;
        log::change_decided(&decided);
        if let ChangeAction::PutDestination { name, settings, .. } = &change.action {
            self.forget_unused(&change.partner, name, &settings.login).await;
        }
        Ok(decided)
    }

    fn policy_of(&self, action: &ChangeAction) -> Result<Policy> {
        let self_service = &self.parts.settings.self_service;
        let (policy, setting) = match action {
            ChangeAction::AddCertificate { .. } | ChangeAction::RetireCertificate { .. } => {
                (self_service.certificates, "certificates")
            }
            ChangeAction::PutDestination { .. } | ChangeAction::RemoveDestination { .. } => {
                (self_service.destinations, "destinations")
            }
            ChangeAction::ApproveHostKey { .. } | ChangeAction::RevokeHostKey { .. } => {
                (self_service.host_keys, "host_keys")
            }
        };
        if policy == Policy::Off {
            let detail = format!("operators do this here; the setting is `[self_service] {setting}`");
            return Err(Error::new(&codes::request::NOT_OFFERED, detail));
        }
        Ok(policy)
    }

    /// Refuses what asking for a change of this kind would be refused for, before anything else is done for it.
    pub(crate) fn offers_destinations(&self) -> Result<()> {
        if self.parts.settings.self_service.destinations == Policy::Off {
            let detail = "operators do this here; the setting is `[self_service] destinations`";
            return Err(Error::new(&codes::request::NOT_OFFERED, detail));
        }
        Ok(())
    }

    async fn check_change(&self, partner: &PartnerId, action: &ChangeAction) -> Result<()> {
        match action {
            ChangeAction::AddCertificate { .. } | ChangeAction::RetireCertificate { .. } => {
                self.check_certificate(partner, action).await
            }
            ChangeAction::PutDestination { name, settings, .. } => {
                self.check_destination(partner, name, settings).await
            }
            ChangeAction::RemoveDestination { destination } => self.destination(partner, destination).await.map(drop),
            ChangeAction::ApproveHostKey { destination, fingerprint } => {
                self.check_approval(partner, destination, fingerprint).await
            }
            ChangeAction::RevokeHostKey { destination, fingerprint } => {
                self.check_revocation(partner, destination, fingerprint).await
            }
        }
    }

    async fn apply_change(&self, partner: &PartnerId, action: &ChangeAction) -> Result<()> {
        match action {
            ChangeAction::AddCertificate { .. } | ChangeAction::RetireCertificate { .. } => {
                self.change_certificates(partner, action).await
            }
            ChangeAction::PutDestination { name, settings, receives_reports } => {
                self.put_destination(partner, name, settings, *receives_reports).await
            }
            ChangeAction::RemoveDestination { destination } => self.remove_destination(partner, destination).await,
            ChangeAction::ApproveHostKey { destination, fingerprint } => {
                self.approve_host_key(partner, destination, fingerprint).await
            }
            ChangeAction::RevokeHostKey { destination, fingerprint } => {
                self.revoke_host_key(partner, destination, fingerprint).await
            }
        }
    }
}

/// What a change does, in words: `certificate.add certificate 0A1B…`.
fn words(change: &Change) -> String {
    let mut words = format!("{} {}", change.action.name(), subject(change));
    if !change.reason.is_empty() {
        words.push_str(": ");
        words.push_str(&change.reason);
    }
    words
}

/// What a change is done to, with the address for a destination.
fn subject(change: &Change) -> String {
    let subject = change.action.subject(&change.partner);
    match &change.action {
        ChangeAction::PutDestination { name, settings, .. } => format!("{subject} ({name}, {})", settings.account()),
        _ => subject,
    }
}
