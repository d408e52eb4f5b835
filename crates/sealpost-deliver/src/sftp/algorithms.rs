//! The SSH algorithms that a connector offers. No SHA-1, no CBC, no `ssh-rsa` signatures.

use std::borrow::Cow;

use russh::keys::{Algorithm, EcdsaCurve, HashAlg};
use russh::{Preferred, cipher, compression, kex, mac};

use super::host_key::Approved;

/// Post-quantum hybrid first; the NIST curves for servers that are limited to FIPS algorithms.
const KEX: &[kex::Name] = &[
    kex::MLKEM768X25519_SHA256,
    kex::CURVE25519,
    kex::CURVE25519_PRE_RFC_8731,
    kex::ECDH_SHA2_NISTP256,
    kex::ECDH_SHA2_NISTP384,
    kex::ECDH_SHA2_NISTP521,
    kex::DH_GEX_SHA256,
    kex::DH_G16_SHA512,
    kex::DH_G18_SHA512,
    kex::DH_G14_SHA256,
    kex::EXTENSION_SUPPORT_AS_CLIENT,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
];

/// AES-GCM first: measured at twice the speed of ChaCha20-Poly1305 where the processor has AES instructions.
const CIPHER: &[cipher::Name] = &[
    cipher::AES_128_GCM,
    cipher::AES_256_GCM,
    cipher::CHACHA20_POLY1305,
    cipher::AES_256_CTR,
    cipher::AES_192_CTR,
    cipher::AES_128_CTR,
];

const MAC: &[mac::Name] = &[mac::HMAC_SHA256_ETM, mac::HMAC_SHA512_ETM, mac::HMAC_SHA256, mac::HMAC_SHA512];

/// Host key algorithms, the preferred first.
const HOST_KEY: &[Algorithm] = &[
    Algorithm::Ed25519,
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
    Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
    Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
];

/// Whether two host key algorithms use the same type of key, whatever the signature's digest.
pub(super) fn same_type(left: &Algorithm, right: &Algorithm) -> bool {
    match (left, right) {
        (Algorithm::Rsa { .. }, Algorithm::Rsa { .. }) => true,
        (left, right) => left == right,
    }
}

/// What to offer: the types of the approved keys first, so that a server with several keys shows an approved one
/// (RFC 4253 section 7.1: the client's order decides); never the types in `shown`. `None` when nothing is left.
pub(super) fn preferred(approved: &Approved, shown: &[Algorithm]) -> Option<Preferred> {
    let (mut key, others): (Vec<_>, Vec<_>) = HOST_KEY
        .iter()
        .filter(|algorithm| !shown.iter().any(|seen| same_type(seen, algorithm)))
        .cloned()
        .partition(|algorithm| approved.has_type(algorithm));
    key.extend(others);
    if key.is_empty() {
        return None;
    }
    Some(Preferred {
        kex: Cow::Borrowed(KEX),
        key: Cow::Owned(key),
        host_key_certificates: Cow::Borrowed(&[]),
        cipher: Cow::Borrowed(CIPHER),
        mac: Cow::Borrowed(MAC),
        // Ciphertext does not compress.
        compression: Cow::Borrowed(&[compression::NONE]),
    })
}
