//! Who did what: entries of the audit trail.

use jiff::Timestamp;
use sealpost_core::audit::{Actor, ActorKind, AuditEntry};
use sealpost_core::error::Result;
use sealpost_core::id::{AuditId, PartnerId};

use crate::Pipeline;

/// Who changes something, for the audit trail.
#[derive(Debug, Clone)]
pub struct Author {
    /// Who acts.
    pub actor: Actor,
    /// The request that it came with.
    pub request_id: Option<String>,
}

impl Author {
    /// Sealpost itself.
    #[must_use]
    pub fn sealpost() -> Self {
        Self { actor: Actor::new(ActorKind::Sealpost, "sealpost"), request_id: None }
    }
}

impl Pipeline {
    /// Appends to the audit trail. The words may never hold a secret.
    pub(crate) async fn note(
        &self,
        author: &Author,
        partner: &PartnerId,
        action: &str,
        subject: &str,
        detail: &str,
    ) -> Result<()> {
        let entry = AuditEntry {
            id: AuditId::fresh(),
            at: Timestamp::now(),
            partner: partner.clone(),
            actor: author.actor.clone(),
            action: action.to_owned(),
            subject: subject.to_owned(),
            detail: detail.to_owned(),
            request_id: author.request_id.clone(),
        };
        self.parts.changes.note(&entry).await
    }
}
