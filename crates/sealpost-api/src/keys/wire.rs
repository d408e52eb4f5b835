//! Certificates as their partner sees them.

use jiff::Timestamp;
use sealpost_core::certificate::EncryptionKeyInfo;
use sealpost_pipeline::self_service::certificate::KeyState;
use serde::Serialize;
use utoipa::ToSchema;

use crate::plane::Plane;
use crate::reports::wire::Failure;

/// An OpenPGP certificate.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenPgpKey, example = json!({
    "fingerprint": "6F7E9A7C5D3B4E2F1A0B9C8D7E6F5A4B3C2D1E0F", "user_ids": ["Acme GmbH <reports@acme.example>"],
    "algorithm": "Ed25519", "encryption_keys": [
        {"fingerprint": "1122334455667788990011223344556677889900", "algorithm": "Curve25519", "expires_at": "2027-02-01T00:00:00Z"}
    ],
    "created_at": "2025-02-01T00:00:00Z", "expires_at": "2027-02-01T00:00:00Z", "days_left": 365, "warnings": [],
    "in_use": true, "use_until": null, "proven_at": "2026-01-05T09:30:00Z", "awaits_proof": false, "failure": null
}))]
pub struct Key {
    /// Fingerprint of the primary key.
    fingerprint: String,
    /// User ids, the primary one first.
    user_ids: Vec<String>,
    /// Algorithm and size of the primary key.
    #[schema(required)]
    algorithm: Option<String>,
    /// The keys that files are encrypted to.
    encryption_keys: Vec<EncryptionKey>,
    /// When the primary key was made.
    #[schema(required)]
    created_at: Option<Timestamp>,
    /// When it expires; never when null.
    #[schema(required)]
    expires_at: Option<Timestamp>,
    /// Whole days until then.
    #[schema(required)]
    days_left: Option<i64>,
    /// What to look after.
    warnings: Vec<String>,
    /// Whether files are sealed to it now.
    in_use: bool,
    /// Files are sealed to it before this time only; without end when null.
    #[schema(required)]
    use_until: Option<Timestamp>,
    /// When you proved that you have the private key.
    #[schema(required)]
    proven_at: Option<Timestamp>,
    /// Whether files are sealed to it only after that is proven.
    awaits_proof: bool,
    /// Why it can't be used, when it can't. While it is in use, there are no reports then.
    #[schema(required)]
    failure: Option<Failure>,
}

/// A key that files are encrypted to.
#[derive(Debug, Serialize, ToSchema)]
pub struct EncryptionKey {
    /// Its fingerprint.
    fingerprint: String,
    /// Algorithm and size.
    algorithm: String,
    /// When it expires; never when null.
    #[schema(required)]
    expires_at: Option<Timestamp>,
}

impl From<&EncryptionKeyInfo> for EncryptionKey {
    fn from(key: &EncryptionKeyInfo) -> Self {
        let EncryptionKeyInfo { fingerprint, algorithm, expires_at } = key;
        Self { fingerprint: fingerprint.clone(), algorithm: algorithm.clone(), expires_at: *expires_at }
    }
}

impl Key {
    pub(crate) fn of(key: &KeyState, now: Timestamp) -> Self {
        let info = key.state.as_ref().ok();
        let failure = key.state.as_ref().err().map(|error| Failure::of(&error.into(), Plane::Partner));
        Self {
            fingerprint: key.fingerprint.clone(),
            user_ids: info.map(|info| info.user_ids.clone()).unwrap_or_default(),
            algorithm: info.map(|info| info.algorithm.clone()),
            encryption_keys: info.into_iter().flat_map(|info| &info.encryption_keys).map(Into::into).collect(),
            created_at: key.created_at,
            expires_at: info.and_then(|info| info.expires_at),
            days_left: info.and_then(|info| info.days_until_expiry(now)),
            warnings: info.map(|info| info.warnings.clone()).unwrap_or_default(),
            in_use: key.is_used,
            use_until: key.record.use_until,
            proven_at: key.record.proven_at,
            awaits_proof: key.record.awaits_proof.is_some(),
            failure,
        }
    }
}
