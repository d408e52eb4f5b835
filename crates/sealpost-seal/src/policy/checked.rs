//! Certificates that have passed the policy in this second. A partner whose requests come by the hundred has one certificate, which
//! is read and checked for each of them; times in OpenPGP are whole seconds (RFC 9580, 3.5), so that within one the
//! outcome is the same.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use sealpost_core::error::Result;

use super::{Recipient, check};
use crate::certificate::Certificate;

/// As many as are remembered. Each is some ten kilobytes.
const MOST: usize = 64;

/// One that has passed.
struct Checked {
    /// The certificate as it was given.
    text: Box<[u8]>,
    /// When it was checked.
    second: i64,
    recipient: Arc<Recipient>,
}

/// In no order: two certificates differ within their first hundred bytes, so that looking through all of them is less than a
/// hash of one.
static CHECKED: Mutex<Vec<Checked>> = Mutex::new(Vec::new());

/// Reads the certificate and applies the policy, unless that was done with the same bytes in the same second. What does not
/// pass is not remembered.
///
/// # Errors
/// Those of [`Certificate::read`] and [`check`].
pub(crate) fn recipient(certificate: &[u8], now: Timestamp) -> Result<Arc<Recipient>> {
    let second = now.as_second();
    let known = || CHECKED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = known().iter().find(|known| *known.text == *certificate)
        && found.second == second
    {
        return Ok(found.recipient.clone());
    }
    let recipient = Arc::new(check(&Certificate::read(certificate)?, now)?);
    let mut known = known();
    known.retain(|known| *known.text != *certificate);
    if known.len() >= MOST {
        known.clear();
    }
    known.push(Checked { text: certificate.into(), second, recipient: recipient.clone() });
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
