//! API keys as their partner sees them.

use jiff::Timestamp;
use sealpost_core::error::{FieldError, Result};
use sealpost_core::identity::Scope as CoreScope;
use sealpost_core::partner::ApiKey as CoreApiKey;
use sealpost_core::secret::Secret;
use serde::Serialize;
use utoipa::ToSchema;

/// What is known about an API key. The key itself is kept nowhere.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "abcdefghijkm", "label": "night run", "scopes": ["reports:read", "reports:write"], "status": "active",
    "created_at": "2026-02-01T06:00:00Z", "expires_at": "2027-02-01T06:00:00Z", "revoked_at": null
}))]
pub struct ApiKey {
    /// The public half: what logs show. The key begins with `sp_` and this.
    id: String,
    /// What it is used for.
    label: String,
    /// What it may do.
    scopes: Vec<Scope>,
    /// Whether it works.
    status: ApiKeyStatus,
    /// When it was made.
    created_at: Timestamp,
    /// When it stops working; never when null.
    #[schema(required)]
    expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[schema(required)]
    revoked_at: Option<Timestamp>,
}

impl ApiKey {
    pub(crate) fn of(key: &CoreApiKey) -> Self {
        Self {
            id: key.id.to_string(),
            label: key.label.clone(),
            scopes: key.scopes.iter().copied().filter_map(Scope::of).collect(),
            status: match key.revoked_at {
                Some(_) => ApiKeyStatus::Revoked,
                None if key.is_live(Timestamp::now()) => ApiKeyStatus::Active,
                None => ApiKeyStatus::Expired,
            },
            created_at: key.created_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
        }
    }
}

/// Whether a key works.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApiKeyStatus {
    /// It works.
    Active,
    /// Its time is over.
    Expired,
    /// It was revoked.
    Revoked,
}

/// What a caller may do.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub enum Scope {
    /// See everything, change nothing.
    #[serde(rename = "reports:read")]
    ReportsRead,
    /// Ask for reports, cancel, delete and redeliver them.
    #[serde(rename = "reports:write")]
    ReportsWrite,
    /// Change OpenPGP certificates and API keys.
    #[serde(rename = "keys:write")]
    KeysWrite,
    /// Change destinations and webhooks.
    #[serde(rename = "destinations:write")]
    DestinationsWrite,
}

impl Scope {
    /// None for the one that no operation needs, which keys of before may have: there is nothing to be done with it.
    fn of(scope: CoreScope) -> Option<Self> {
        match scope {
            CoreScope::ReportsRead => Some(Self::ReportsRead),
            CoreScope::ReportsWrite => Some(Self::ReportsWrite),
            CoreScope::KeysWrite => Some(Self::KeysWrite),
            CoreScope::DestinationsWrite => Some(Self::DestinationsWrite),
            CoreScope::SchedulesWrite => None,
        }
    }
}

/// A new API key.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewApiKey {
    /// The key itself. It is shown now and never again.
    #[schema(example = "sp_abcdefghijkm_…")]
    key: String,
    /// What is known about it.
    #[serde(flatten)]
    about: ApiKey,
}

impl NewApiKey {
    pub(crate) fn of(key: &CoreApiKey, secret: &Secret) -> Result<Self> {
        Ok(Self { key: secret.expose_text()?.to_owned(), about: ApiKey::of(key) })
    }
}

/// Checks label and expiry, on either plane.
pub(crate) fn check(label: &str, expires_at: Option<Timestamp>, problems: &mut Vec<FieldError>) {
    if label.chars().count() > 200 || label.chars().any(char::is_control) {
        problems.push(FieldError::new("/label", "expected at most 200 characters, none of them control characters"));
    }
    if expires_at.is_some_and(|at| at <= Timestamp::now()) {
        problems.push(FieldError::new("/expires_at", "expected a time to come"));
    }
}
