//! The SSH algorithms of one connection: those that the connector offers, host keys in an order that suits what is approved.

use std::borrow::Cow;

use russh::keys::Algorithm;
use russh::{Preferred, compression, kex};

use super::host_key::Approved;

/// Whether two host key algorithms use the same type of key, whatever the signature's digest.
pub(super) fn same_type(left: &Algorithm, right: &Algorithm) -> bool {
    match (left, right) {
        (Algorithm::Rsa { .. }, Algorithm::Rsa { .. }) => true,
        (left, right) => left == right,
    }
}

/// Whether a key of this type was asked for where the types in `shown` were left out. Nothing in the key exchange holds a
/// server to the algorithm that was agreed on: it may show any key that it can sign with.
pub(super) fn asked_for(approved: &Approved, shown: &[Algorithm], algorithm: &Algorithm) -> bool {
    let has = |types: &[Algorithm]| types.iter().any(|one| same_type(one, algorithm));
    has(&approved.offer().host_key) && !has(shown)
}

/// What to offer: the types of the approved keys first, so that a server with several keys shows an approved one
/// (RFC 4253 section 7.1: the client's order decides); never the types in `shown`. `None` when nothing is left.
pub(super) fn preferred(approved: &Approved, shown: &[Algorithm]) -> Option<Preferred> {
    let offer = approved.offer();
    let (mut key, others): (Vec<_>, Vec<_>) = offer
        .host_key
        .iter()
        .filter(|algorithm| !shown.iter().any(|seen| same_type(seen, algorithm)))
        .cloned()
        .partition(|algorithm| approved.has_type(algorithm));
    key.extend(others);
    if key.is_empty() {
        return None;
    }
    // A certificate of SHA-1 is none: `ssh-rsa` may be excepted as a bare key only.
    let certified = key.iter().filter(|algorithm| !matches!(algorithm, Algorithm::Rsa { hash: None })).cloned();
    let certificates = if approved.has_authorities() { certified.collect() } else { Vec::new() };
    let mut exchanges = offer.kex.clone();
    exchanges.extend([kex::EXTENSION_SUPPORT_AS_CLIENT, kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT]);
    Some(Preferred {
        kex: Cow::Owned(exchanges),
        key: Cow::Owned(key),
        host_key_certificates: Cow::Owned(certificates),
        cipher: Cow::Owned(offer.cipher.clone()),
        mac: Cow::Owned(offer.mac.clone()),
        // Ciphertext does not compress.
        compression: Cow::Borrowed(&[compression::NONE]),
    })
}
