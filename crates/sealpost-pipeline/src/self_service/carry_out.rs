//! Carrying changes out: claimed in the ledger before anything is done, so that nothing that is done, or half done after
//! a crash, is ever recorded as rejected or withdrawn.

use jiff::{SignedDuration, Timestamp};
use sealpost_core::change::{Change, ChangeAction, ChangeStatus, Claim, Decision};
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::id::{ChangeId, PartnerId};

use super::change::subject;
use crate::audit::Author;
use crate::unattended::though_nobody_waits;
use crate::{Pipeline, log};

/// Whoever has not carried a change out in this time died over it.
const LONGEST: SignedDuration = SignedDuration::from_secs(60);

impl Pipeline {
    /// Claims a change, to carry it out.
    pub(super) async fn claim_change(&self, id: &ChangeId, author: &Author) -> Result<Claim> {
        self.parts.changes.begin(id, &author.actor, Timestamp::now()).await
    }

    /// Does what was claimed, then says so: in the audit trail first, so that nothing is recorded as done without a trace. A
    /// crash in between leaves a change that has begun: each step can be repeated, so it is carried out again.
    ///
    /// In a task of its own, which goes on where the caller goes away: what a destination no longer uses is forgotten after
    /// the record that leads to it was changed.
    pub(super) async fn carry_out(&self, claim: &Claim, reason: &str, author: &Author) -> Result<Change> {
        let (pipeline, claim, reason, author) = (self.clone(), claim.clone(), reason.to_owned(), author.clone());
        let carrying_out = async move { pipeline.do_and_say(&claim, &reason, &author).await };
        though_nobody_waits("carrying out a change", carrying_out).await
    }

    async fn do_and_say(&self, claim: &Claim, reason: &str, author: &Author) -> Result<Change> {
        let change = &claim.change;
        let mut stored = false;
        if let Err(error) = self.apply_change(&change.partner, &change.action, &mut stored).await {
            // Of an error that may pass, nobody knows whether it came before or after the step.
            let is_refused = !stored && !error.is_retried();
            if is_refused {
                self.give_back(claim).await;
            }
            // What somebody had begun can't be given back. It may have been done, and its destination changed or removed since:
            // either way there is nothing left to do, and it must not stand in the way of the next change for ever.
            let login_stays = matches!(change.action, ChangeAction::PutDestination { login_stays: true, .. });
            if claim.is_first || !is_refused || !login_stays {
                return Err(error);
            }
        }
        let detail = format!("change {}", change.id);
        self.note(author, &change.partner, change.action.name(), &subject(change), &detail).await?;
        let decision =
            Decision { status: ChangeStatus::Applied, actor: author.actor.clone(), reason: reason.to_owned() };
        let decided = match self.parts.changes.decide(&change.id, &decision, Timestamp::now()).await {
            Ok(decided) => decided,
            Err(error) if error.is(&codes::request::NOT_IN_THIS_STATE) => {
                return self.done_by_another(change, error).await;
            }
            Err(error) => return Err(error),
        };
        log::change_decided(&decided);
        Ok(decided)
    }

    /// Gives back a claim under which nothing was done. What can't be given back stays begun, and can be carried out.
    pub(super) async fn give_back(&self, claim: &Claim) {
        if let Err(error) = self.parts.changes.unbegin(claim).await {
            log::change_stays_begun(&claim.change, &error);
        }
    }

    /// Carries a change out that nobody can wait for: its process died over it.
    pub(super) async fn finish_abandoned(&self, change: &Change, author: &Author) -> Result<bool> {
        let begun_at = change.decided_at.filter(|_| change.is_begun());
        if begun_at.is_none_or(|begun_at| Timestamp::now().duration_since(begun_at) < LONGEST) {
            return Ok(false);
        }
        let claim = self.claim_change(&change.id, author).await?;
        self.carry_out(&claim, "", author).await?;
        Ok(true)
    }

    /// Two carried it out at once, and the other was faster to say so.
    async fn done_by_another(&self, change: &Change, error: Error) -> Result<Change> {
        let found = self.parts.changes.change(&change.id).await?;
        found.filter(|found| found.status == ChangeStatus::Applied).ok_or(error)
    }

    /// Does it, by steps that can be repeated. `stored` becomes true once a step is done and others are to follow.
    async fn apply_change(&self, partner: &PartnerId, action: &ChangeAction, stored: &mut bool) -> Result<()> {
        match action {
            ChangeAction::AddCertificate { .. } | ChangeAction::RetireCertificate { .. } => {
                self.change_certificates(partner, action).await
            }
            ChangeAction::PutDestination { name, settings, receives_reports, login_stays } => {
                self.put_destination(partner, name, settings, *login_stays, *receives_reports, stored).await
            }
            ChangeAction::RemoveDestination { destination } => {
                self.remove_destination(partner, destination, stored).await
            }
            ChangeAction::ApproveHostKey { destination, fingerprint } => {
                self.approve_host_key(partner, destination, fingerprint).await
            }
            ChangeAction::RevokeHostKey { destination, fingerprint } => {
                self.revoke_host_key(partner, destination, fingerprint).await
            }
        }
    }
}
