//! Changes as both planes show them: never a secret, nor where one is kept.

use jiff::Timestamp;
use sealpost_core::audit::Actor as CoreActor;
use sealpost_core::change::{Change as CoreChange, ChangeAction, ChangeStatus};
use sealpost_core::connector::Connector;
use sealpost_core::id::ConnectorId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::destinations::wire::Destination;
use crate::plane::Plane;

/// Something that a partner asked to have changed about itself.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SelfServiceChange, example = json!({
    "id": "chg_01kavs0h9yq4m4d2tkv1c7rbn5", "action": "certificate.add", "status": "pending",
    "subject": "certificate 6F7E9A7C5D3B4E2F1A0B9C8D7E6F5A4B3C2D1E0F",
    "fingerprint": "6F7E9A7C5D3B4E2F1A0B9C8D7E6F5A4B3C2D1E0F", "replaces": "0A1B2C3D4E5F60718293A4B5C6D7E8F901234567",
    "cut_over": "2026-03-01T00:00:00Z", "at": null, "destination": null, "wanted": null,
    "asked_by": {"kind": "api_key", "id": "abcdefghijkm"}, "asked_at": "2026-02-01T06:00:00Z", "decided_at": null,
    "reason": ""
}))]
pub struct Change {
    /// Its id.
    id: String,
    /// Who it is about; only operators are told.
    #[serde(skip_serializing_if = "Option::is_none")]
    partner: Option<String>,
    /// `certificate.add`, `certificate.retire`, `destination.put`, `destination.remove`, `host_key.approve` or
    /// `host_key.revoke`.
    action: &'static str,
    /// Where it stands.
    status: Status,
    /// What it is done to.
    subject: String,
    /// The certificate's or host key's fingerprint.
    #[schema(required)]
    fingerprint: Option<String>,
    /// The certificate that is replaced.
    #[schema(required)]
    replaces: Option<String>,
    /// Until when files are sealed to both certificates.
    #[schema(required)]
    cut_over: Option<Timestamp>,
    /// When the certificate is retired.
    #[schema(required)]
    at: Option<Timestamp>,
    /// The destination.
    #[schema(required)]
    destination: Option<String>,
    /// What the destination is to be.
    #[schema(required)]
    wanted: Option<Destination>,
    /// Who asked.
    asked_by: Actor,
    /// When.
    asked_at: Timestamp,
    /// Who approved, rejected or withdrew it; only operators are told.
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_by: Option<Actor>,
    /// When it was done, rejected or withdrawn.
    #[schema(required)]
    decided_at: Option<Timestamp>,
    /// Why, in the decider's words.
    reason: String,
}

/// Who acts.
#[derive(Debug, Serialize, ToSchema)]
pub struct Actor {
    /// `api_key`, `token`, `client_certificate`, `operator`, `command_line` or `sealpost`.
    #[schema(value_type = String, example = "api_key")]
    kind: sealpost_core::audit::ActorKind,
    /// The public part of the credential, or the user.
    #[schema(example = "abcdefghijkm")]
    id: String,
}

impl From<&CoreActor> for Actor {
    fn from(actor: &CoreActor) -> Self {
        Self { kind: actor.kind, id: actor.id.clone() }
    }
}

/// Where a change stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ChangeStatus)]
pub enum Status {
    /// It waits for an operator.
    Pending,
    /// It is done.
    Applied,
    /// An operator said no.
    Rejected,
    /// It was taken back.
    Withdrawn,
}

impl Status {
    pub(crate) fn read(text: &str) -> Result<ChangeStatus, String> {
        use ChangeStatus::{Applied, Pending, Rejected, Withdrawn};
        let all = [Pending, Applied, Rejected, Withdrawn];
        let found = all.into_iter().find(|status| status.as_str() == text);
        found.ok_or_else(|| "expected pending, applied, rejected or withdrawn".to_owned())
    }
}

impl From<ChangeStatus> for Status {
    fn from(status: ChangeStatus) -> Self {
        match status {
            ChangeStatus::Pending => Self::Pending,
            ChangeStatus::Applied => Self::Applied,
            ChangeStatus::Rejected => Self::Rejected,
            ChangeStatus::Withdrawn => Self::Withdrawn,
        }
    }
}

impl Change {
    pub(crate) fn of(change: &CoreChange, plane: Plane) -> Self {
        let is_operator = plane == Plane::Operator;
        let mut body = Self {
            id: change.id.to_string(),
            partner: is_operator.then(|| change.partner.to_string()),
            action: change.action.name(),
            status: change.status.into(),
            subject: change.action.subject(&change.partner),
            fingerprint: None,
            replaces: None,
            cut_over: None,
            at: None,
            destination: None,
            wanted: None,
            asked_by: (&change.asked_by).into(),
            asked_at: change.asked_at,
            decided_by: change.decided_by.as_ref().filter(|_| is_operator && !change.is_begun()).map(Actor::from),
            // While it is being carried out, nothing is decided yet.
            decided_at: change.decided_at.filter(|_| !change.is_begun()),
            reason: change.reason.clone(),
        };
        match &change.action {
            ChangeAction::AddCertificate { fingerprint, replaces, cut_over, .. } => {
                body.fingerprint = Some(fingerprint.clone());
                body.replaces.clone_from(replaces);
                body.cut_over = *cut_over;
            }
            ChangeAction::RetireCertificate { fingerprint, at } => {
                body.fingerprint = Some(fingerprint.clone());
                body.at = Some(*at);
            }
            ChangeAction::PutDestination { name, settings, receives_reports, .. } => {
                let id = ConnectorId::of(&change.partner, name);
                body.destination = Some(id.to_string());
                let settings = settings.as_ref().clone();
                let (partner, name) = (change.partner.clone(), name.clone());
                let wanted = Connector { id, partner, name, settings, candidates: Vec::new() };
                body.wanted = Some(Destination::of(&wanted, *receives_reports));
            }
            ChangeAction::RemoveDestination { destination } => body.destination = Some(destination.to_string()),
            ChangeAction::ApproveHostKey { destination, fingerprint }
            | ChangeAction::RevokeHostKey { destination, fingerprint } => {
                body.destination = Some(destination.to_string());
                body.fingerprint = Some(fingerprint.clone());
            }
        }
        body
    }
}
