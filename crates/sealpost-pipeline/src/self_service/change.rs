//! Changes: asked for, approved, rejected, withdrawn.
//!
//! A change is kept as pending before anything is done, also where nobody has to approve it: after a crash it is still
//! there, and asking for the same again completes it.

use jiff::Timestamp;
use sealpost_core::change::{Change, ChangeAction, ChangeStatus, Decision, MOST_PENDING};
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::id::{ChangeId, ConnectorId, PartnerId};
use sealpost_core::port::ChangeFilter;

use super::Policy;
use super::destination::with_login_of;
use crate::audit::Author;
use crate::unattended::though_nobody_waits;
use crate::{Pipeline, log};

/// Longest reason of a decision, in characters.
pub const LONGEST_REASON: usize = 500;

impl Pipeline {
    /// Asks for a change: checks it, and does it at once where the policy allows that.
    ///
    /// # Errors
    /// `SP-REQUEST-038` where the policy is off, `-035` where a change of the same thing waits, `-037` where too many
    /// wait; what checking it says.
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
            Err(error) if error.is(&codes::request::CHANGE_PENDING) && policy == Policy::Allowed => {
                match self.left_over(&change).await? {
                    // Whoever asked before may have hung up before that was noted.
                    Some(same) if same.action == change.action => self.asked(same, author).await?,
                    Some(other) if self.finish_abandoned(&other, author).await? => {
                        self.parts.changes.create_change(&change).await?;
                        self.asked(change, author).await?
                    }
                    _ => return Err(error),
                }
            }
            created => {
                created?;
                self.asked(change, author).await?
            }
        };
        if policy == Policy::Allowed {
            let claim = self.claim_change(&change.id, author).await?;
            let done = self.carry_out(&claim, "", author).await;
            if let Err(refusal) = &done
                && !refusal.is_retried()
            {
                self.withdraw_refused(&change.id, refusal, author).await;
            }
            done
        } else {
            log::change_waits(&change);
            Ok(change)
        }
    }

    /// Approves a change that waits: checks it again, and does it. One that has begun is completed.
    ///
    /// # Errors
    /// `SP-REQUEST-008`; `-015` where it does not wait any more; what checking it says, and then it still waits.
    pub async fn approve_change(&self, id: &ChangeId, reason: &str, author: &Author) -> Result<Change> {
        let change = self.waiting(id).await?;
        // What has begun may be done already: no reason to refuse it.
        if !change.is_begun() {
            self.check_change(&change.partner, &change.action).await?;
        }
        let claim = self.claim_change(id, author).await?;
        if let Err(error) = self.note(author, &change.partner, "change.approve", id.as_str(), &words(&change)).await {
            self.give_back(&claim).await;
            return Err(error);
        }
        self.carry_out(&claim, reason, author).await
    }

    /// Rejects a change that waits.
    ///
    /// # Errors
    /// `SP-REQUEST-008`; `-015` where it does not wait any more, or is being carried out.
    pub async fn reject_change(&self, id: &ChangeId, reason: &str, author: &Author) -> Result<Change> {
        self.drop_change(self.waiting(id).await?, ChangeStatus::Rejected, reason, author).await
    }

    /// Takes back a change of a partner that waits.
    ///
    /// # Errors
    /// `SP-REQUEST-008` where the partner has no such change; `-015` where it does not wait any more, or is being carried
    /// out.
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

    /// Takes back what was refused when it was to be done: nobody is going to approve it, and it would stand in the way of the
    /// next change of the same thing. What has begun, and may be done in part, stays.
    async fn withdraw_refused(&self, id: &ChangeId, refusal: &Error, author: &Author) {
        let withdrawn = async {
            let change = self.waiting(id).await?;
            self.drop_change(change, ChangeStatus::Withdrawn, refusal.detail(), author).await
        };
        // Whoever asked is told of the refusal. What could not be taken back, the partner can withdraw.
        drop(withdrawn.await);
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

    async fn asked(&self, change: Change, author: &Author) -> Result<Change> {
        self.note(author, &change.partner, "change.ask", change.id.as_str(), &words(&change)).await?;
        Ok(change)
    }

    /// What waits for the same thing: the same wish, or another one.
    async fn left_over(&self, wanted: &Change) -> Result<Option<Change>> {
        let subject = wanted.action.subject(&wanted.partner);
        let waiting = self.waiting_of(&wanted.partner).await?;
        Ok(waiting.into_iter().find(|change| change.action.subject(&change.partner) == subject))
    }

    /// Whether exactly this waits.
    pub(super) async fn is_waiting(&self, partner: &PartnerId, action: &ChangeAction) -> Result<bool> {
        Ok(self.waiting_of(partner).await?.iter().any(|change| change.action == *action))
    }

    /// All changes of a partner that wait.
    pub(crate) async fn waiting_of(&self, partner: &PartnerId) -> Result<Vec<Change>> {
        // More of a partner don't wait at once.
        let (partner, status) = (Some(partner.clone()), Some(ChangeStatus::Pending));
        let filter = ChangeFilter { partner, status, after: None, limit: MOST_PENDING };
        Ok(self.parts.changes.changes(&filter).await?.entries)
    }

    async fn drop_change(&self, change: Change, status: ChangeStatus, reason: &str, author: &Author) -> Result<Change> {
        let decision = Decision { status, actor: author.actor.clone(), reason: reason.to_owned() };
        let now = Timestamp::now();
        // Looked at here, so that what is refused leaves no trace. What holds is how the ledger finds it.
        let wanted = change.decide(&decision, now)?;
        let action = if status == ChangeStatus::Rejected { "change.reject" } else { "change.withdraw" };
        self.note(author, &change.partner, action, change.id.as_str(), &words(&wanted)).await?;
        let pipeline = self.clone();
        // Also where the caller goes away: once it is decided, nothing leads to its secret.
        though_nobody_waits("dropping a change", async move {
            let decided = pipeline.parts.changes.decide(&change.id, &decision, now).await?;
            log::change_decided(&decided);
            if let ChangeAction::PutDestination { name, settings, .. } = &change.action {
                pipeline.forget_unused(&change.partner, name, &settings.login).await;
            }
            Ok(decided)
        })
        .await
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
            ChangeAction::PutDestination { name, settings, login_stays: true, .. } => {
                let before = self.destination(partner, &ConnectorId::of(partner, name)).await?;
                self.check_destination(partner, name, &with_login_of(&before, settings)?).await
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
pub(super) fn subject(change: &Change) -> String {
    let subject = change.action.subject(&change.partner);
    match &change.action {
        ChangeAction::PutDestination { name, settings, .. } => format!("{subject} ({name}, {})", settings.account()),
        _ => subject,
    }
}
