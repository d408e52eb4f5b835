//! Access keys of the transfer API. A secret half is never kept: it is derived from a master secret and the key's salt.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::AccessKeyId;

/// An access key as the ledger keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessKey {
    /// The public half.
    pub id: AccessKeyId,
    /// What it may do.
    pub role: AccessRole,
    /// For people: what it is used for.
    #[serde(default)]
    pub label: String,
    /// What the secret half is derived from, beside the master secret: 32 hexadecimal digits.
    pub salt: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[serde(default)]
    pub revoked_at: Option<Timestamp>,
}

impl AccessKey {
    /// Whether it works at `now`.
    #[must_use]
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| end > now)
    }
}

/// What an access key may do. Each role includes the ones below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessRole {
    /// Describe and list.
    Reader,
    /// And start transfers, listings, moves and deletes, and test connections.
    Operator,
    /// And make, change and remove connectors and tags.
    Admin,
}

impl AccessRole {
    /// The stable lower-case name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}
