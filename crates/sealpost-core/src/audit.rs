//! The audit trail: who did what to which record, from where.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{AuditId, PartnerId};

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// With what kind of credential.
    pub kind: ActorKind,
    /// The public part of the credential: an API key's id, a token's subject, a certificate's fingerprint, a user.
    pub id: String,
}

impl Actor {
    /// An actor.
    pub fn new(kind: ActorKind, id: impl Into<String>) -> Self {
        Self { kind, id: id.into() }
    }
}

/// Kinds of actors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// A partner by API key.
    ApiKey,
    /// A partner by access token.
    Token,
    /// A partner by client certificate.
    ClientCertificate,
    /// An operator by the admin API.
    Operator,
    /// An operator at the command line.
    CommandLine,
    /// Sealpost itself.
    Sealpost,
}

/// One entry of the append-only audit trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Its id; ids grow with time.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// Whose record was touched.
    pub partner: PartnerId,
    /// Who did it.
    pub actor: Actor,
    /// What was done: `certificate.add`, `destination.put`, `host_key.approve`, `api_key.create`, `change.reject`, …
    pub action: String,
    /// To what: a fingerprint, an id, a name. Never a secret.
    pub subject: String,
    /// More words, for people.
    #[serde(default)]
    pub detail: String,
    /// The request that it came with.
    #[serde(default)]
    pub request_id: Option<String>,
}
