//! What is known about a partner's OpenPGP certificate.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Findings of an import, and the words in which people talk about a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateInfo {
    /// Fingerprint of the primary key, upper-case hexadecimal.
    pub fingerprint: String,
    /// User ids as text, primary one first.
    pub user_ids: Vec<String>,
    /// Algorithm and size of the primary key, for example `RSA 4096` or `Ed25519`.
    pub algorithm: String,
    /// The keys that a message to this certificate is encrypted to.
    pub encryption_keys: Vec<EncryptionKeyInfo>,
    /// When primary or the last usable encryption key expires, whichever is first.
    pub expires_at: Option<Timestamp>,
    /// Whether it advertises `SEIPDv2` (RFC 9580), so that AEAD is used for it.
    pub aead: bool,
    /// What to look after, for people: weak hash, soon to expire, …
    pub warnings: Vec<String>,
}

/// One usable encryption key or subkey.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncryptionKeyInfo {
    /// Fingerprint, upper-case hexadecimal.
    pub fingerprint: String,
    /// Algorithm and size.
    pub algorithm: String,
    /// When it expires.
    pub expires_at: Option<Timestamp>,
}

/// A certificate as it is kept, whatever the policy says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentifiedCertificate {
    /// Fingerprint of the primary key, upper-case hexadecimal.
    pub fingerprint: String,
    /// When the primary key was made.
    pub created_at: Timestamp,
    /// The certificate in ASCII armor, without comments and what stood around it.
    pub armored: String,
}

/// The days before expiry on which a warning is given.
pub const EXPIRY_WARNING_DAYS: [i64; 4] = [90, 30, 7, 1];

impl CertificateInfo {
    /// Whole days until expiry at `now`, negative when past; `None` when it never expires.
    #[must_use]
    pub fn days_until_expiry(&self, now: Timestamp) -> Option<i64> {
        self.expires_at.map(|at| at.duration_since(now).as_secs().div_euclid(86_400))
    }

    /// The tightest warning step (90, 30, 7 or 1 days) that has been reached at `now`.
    #[must_use]
    pub fn expiry_step(&self, now: Timestamp) -> Option<i64> {
        let days = self.days_until_expiry(now)?;
        EXPIRY_WARNING_DAYS.into_iter().rev().find(|step| days < *step)
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn the_tightest_step_reached_is_given() {
        let now = Timestamp::UNIX_EPOCH;
        let certificate = |hours: Option<i64>| CertificateInfo {
            fingerprint: String::new(),
            user_ids: Vec::new(),
            algorithm: String::new(),
            encryption_keys: Vec::new(),
            expires_at: hours.map(|hours| now + SignedDuration::from_hours(hours)),
            aead: false,
            warnings: Vec::new(),
        };
        for (hours, days, step) in [
            (24 * 91, 91, None),
            (24 * 90, 90, None),
            (24 * 90 - 1, 89, Some(90)),
            (24 * 29, 29, Some(30)),
            (24 * 6, 6, Some(7)),
            (23, 0, Some(1)),
            (-1, -1, Some(1)),
        ] {
            assert_eq!(certificate(Some(hours)).days_until_expiry(now), Some(days), "{hours} h");
            assert_eq!(certificate(Some(hours)).expiry_step(now), step, "{hours} h");
        }
        assert_eq!(certificate(None).expiry_step(now), None);
    }
}
