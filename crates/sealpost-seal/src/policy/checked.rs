//! Certificates that have passed the policy in this second. A partner whose requests come by the hundred has one certificate, which
//! is read and checked for each of them; times in OpenPGP are whole seconds (RFC 9580, 3.5), so that within one the
//! outcome is the same.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use jiff::Timestamp;
use sealpost_core::error::Result;
use sha2::{Digest, Sha256};

use super::{Recipient, check};
use crate::certificate::Certificate;

/// As many as are remembered. Each is some ten kilobytes.
const MOST: usize = 64;

/// By the SHA-256 of the certificate as it was given, with the second in which it was checked.
type Checked = HashMap<[u8; 32], (i64, Arc<Recipient>)>;

static CHECKED: LazyLock<Mutex<Checked>> = LazyLock::new(Mutex::default);

/// Reads the certificate and applies the policy, unless that was done with the same bytes in the same second. What does not
/// pass is not remembered.
///
/// # Errors
/// Those of [`Certificate::read`] and [`check`].
pub(crate) fn recipient(certificate: &[u8], now: Timestamp) -> Result<Arc<Recipient>> {
    let (digest, second): ([u8; 32], _) = (Sha256::digest(certificate).into(), now.as_second());
    let known = || CHECKED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((checked, recipient)) = known().get(&digest)
        && *checked == second
    {
        return Ok(recipient.clone());
    }
    let recipient = Arc::new(check(&Certificate::read(certificate)?, now)?);
    let mut known = known();
    if known.len() >= MOST {
        known.clear();
    }
    known.insert(digest, (second, recipient.clone()));
    Ok(recipient)
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, ToSpan};

    use super::*;
    use crate::generate::{KeyKind, KeyRequest, generate};

    #[test]
    fn a_certificate_is_checked_anew_in_every_second() {
        let made = Timestamp::from_second(1_800_000_000).unwrap();
        let request = KeyRequest {
            user_id: "Partner <p@example.com>",
            kind: KeyKind::Ed25519,
            now: made,
            valid_for: Some(SignedDuration::from_secs(3_600)),
            passphrase: None,
        };
        let certificate = generate(&request).unwrap().public;
        let at = |seconds: i64, milliseconds: i64| {
            let now = made + seconds.seconds().milliseconds(milliseconds);
            recipient(certificate.as_bytes(), now)
        };
        let (first, again, next) = (at(3_599, 0).unwrap(), at(3_599, 999).unwrap(), at(3_598, 0).unwrap());
        assert!(Arc::ptr_eq(&first, &again), "the same second");
        assert!(!Arc::ptr_eq(&first, &next), "another second");
        // The last second of its life is remembered, and does not live longer for it.
        assert!(at(3_599, 999).is_ok());
        assert!(at(3_600, 0).is_err());
        // Other bytes are another certificate, however little they differ.
        let mut other = certificate.clone().into_bytes();
        let middle = other.len() / 2;
        other[middle] ^= 1;
        assert!(recipient(&other, made + 3_599.seconds()).is_err());
    }
}
