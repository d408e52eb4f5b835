//! Signatures that have verified before. A partner's certificate is checked several times for every report, and most of that is
//! arithmetic whose outcome nothing but the bytes decides: it is done once. Times, hashes and flags are looked at each time.

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, PoisonError};

use pgp::packet::Signature;
use pgp::ser::Serialize;
use sha2::{Digest, Sha256};

/// As many as are remembered: some thousands of certificates. A digest has 32 octets.
const MOST: usize = 16_384;

/// Digests of what was signed, by whom, and how.
static VERIFIED: LazyLock<Mutex<HashSet<[u8; 32]>>> = LazyLock::new(Mutex::default);

/// What a signature is over and by: all that its verification reads beside the signature itself.
pub(super) struct Signed<'a> {
    /// What kind of statement is verified.
    pub(super) statement: &'static str,
    /// The key that signed, and everything that it signed, each as its octets.
    pub(super) parts: &'a [&'a [u8]],
}

/// Verifies, unless exactly this has verified before. What fails is not remembered: it costs whoever sends it.
pub(super) fn once(
    signed: &Signed<'_>,
    signature: &Signature,
    verify: impl FnOnce() -> pgp::errors::Result<()>,
) -> pgp::errors::Result<()> {
    let Some(digest) = digest(signed, signature) else { return verify() };
    let known = || VERIFIED.lock().unwrap_or_else(PoisonError::into_inner);
    if known().contains(&digest) {
        return Ok(());
    }
    verify()?;
    let mut known = known();
    if known.len() >= MOST {
        known.clear();
    }
    known.insert(digest);
    Ok(())
}

/// Lengths go in too, so that no two sets of parts have the same octets in a row. `None` for what can't be written down.
fn digest(signed: &Signed<'_>, signature: &Signature) -> Option<[u8; 32]> {
    let signature = signature.to_bytes().ok()?;
    let mut digest = Sha256::new();
    for part in std::iter::once(signed.statement.as_bytes()).chain(signed.parts.iter().copied()).chain([&signature[..]])
    {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    Some(digest.finalize().into())
}

/// The octets of a packet.
///
/// # Errors
/// For what can't be written down, which then has to be verified each time.
pub(super) fn octets(packet: &impl Serialize) -> pgp::errors::Result<Vec<u8>> {
    packet.to_bytes()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use jiff::Timestamp;

    use super::*;
    use crate::certificate::Certificate;
    use crate::generate::{KeyKind, KeyRequest, generate};

    fn certificate() -> Certificate {
        let now = Timestamp::now();
        let request = KeyRequest {
            user_id: "Partner <p@example.com>",
            kind: KeyKind::Ed25519,
            now,
            valid_for: None,
            passphrase: None,
        };
        Certificate::read(generate(&request).unwrap().public.as_bytes()).unwrap()
    }

    #[test]
    fn the_same_verifies_once_and_anything_else_anew() {
        let (one, other) = (certificate(), certificate());
        let signature = &one.subkeys[0].signatures[0];
        let calls = Cell::new(0);
        let ask = |statement, parts: &[&[u8]], signature: &Signature| {
            once(&Signed { statement, parts }, signature, || {
                calls.set(calls.get() + 1);
                Ok(())
            })
            .unwrap();
            calls.get()
        };
        assert_eq!(ask("a", &[b"key", b"sub"], signature), 1);
        assert_eq!(ask("a", &[b"key", b"sub"], signature), 1);
        assert_eq!(ask("b", &[b"key", b"sub"], signature), 2);
        assert_eq!(ask("a", &[b"keys", b"ub"], signature), 3);
        assert_eq!(ask("a", &[b"key", b"sub"], &other.subkeys[0].signatures[0]), 4);
    }

    #[test]
    fn what_does_not_verify_is_tried_again_each_time() {
        let (one, other) = (certificate(), certificate());
        let (binding, key) = (&one.subkeys[0].signatures[0], octets(&one.subkeys[0].key).unwrap());
        let verify = |by: &Certificate| {
            let signed = Signed { statement: "subkey binding", parts: &[&octets(&by.primary).unwrap(), &key] };
            once(&signed, binding, || binding.verify_subkey_binding(&by.primary, &one.subkeys[0].key))
        };
        // A subkey bound to one primary key is not bound to another, however often that one has been seen to bind it.
        assert!(verify(&one).is_ok() && verify(&other).is_err() && verify(&one).is_ok() && verify(&other).is_err());
    }
}
