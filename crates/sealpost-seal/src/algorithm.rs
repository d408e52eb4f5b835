//! Which public-key algorithms and sizes are good enough, and their names for people.

use pgp::crypto::public_key::PublicKeyAlgorithm;
use pgp::ser::Serialize;
use pgp::types::{EcdhPublicParams, EcdsaPublicParams, EddsaLegacyPublicParams, KeyDetails, PublicParams};

/// RSA below this is refused: NIST SP 800-57 ends 112-bit security there.
const RSA_MIN_BITS: u16 = 2048;
/// RSA above this is refused: GnuPG makes no larger keys, and each costs seconds.
const RSA_MAX_BITS: u16 = 4096;

/// Algorithm and size, for example `RSA 4096`.
pub(crate) fn name(key: &impl KeyDetails) -> String {
    match key.public_params() {
        params @ PublicParams::RSA(_) => format!("RSA {}", rsa_bits(params)),
        PublicParams::DSA(_) => "DSA".to_owned(),
        PublicParams::Elgamal(_) => "ElGamal".to_owned(),
        PublicParams::ECDSA(ecdsa) => format!("ECDSA {}", ecdsa.curve().name()),
        PublicParams::ECDH(EcdhPublicParams::Curve25519Legacy { .. }) => "ECDH Curve25519".to_owned(),
        PublicParams::ECDH(ecdh) => format!("ECDH {}", ecdh.curve().name()),
        PublicParams::EdDSALegacy(_) | PublicParams::Ed25519(_) => "Ed25519".to_owned(),
        PublicParams::X25519(_) => "X25519".to_owned(),
        PublicParams::X448(_) => "X448".to_owned(),
        PublicParams::Ed448(_) => "Ed448".to_owned(),
        PublicParams::Unknown { .. } => format!("algorithm {}", u8::from(key.algorithm())),
    }
}

/// Why keys of this algorithm and size are not used; `None` when they are.
pub(crate) fn refusal(key: &impl KeyDetails) -> Option<String> {
    let why = match key.public_params() {
        params @ PublicParams::RSA(_) => match rsa_bits(params) {
            bits if bits < RSA_MIN_BITS => format!("too weak, at least {RSA_MIN_BITS} bits are needed"),
            bits if bits > RSA_MAX_BITS => format!("not supported, at most {RSA_MAX_BITS} bits are"),
            _ => return None,
        },
        PublicParams::ECDSA(
            EcdsaPublicParams::P256 { .. } | EcdsaPublicParams::P384 { .. } | EcdsaPublicParams::P521 { .. },
        )
        | PublicParams::ECDH(
            EcdhPublicParams::Curve25519Legacy { .. }
            | EcdhPublicParams::P256 { .. }
            | EcdhPublicParams::P384 { .. }
            | EcdhPublicParams::P521 { .. },
        )
        | PublicParams::Ed25519(_)
        | PublicParams::X25519(_) => return None,
        PublicParams::EdDSALegacy(EddsaLegacyPublicParams::Ed25519 { .. }) => return None,
        _ => "not supported".to_owned(),
    };
    Some(format!("{} is {why}", name(key)))
}

/// Whether the algorithm can encrypt at all, whatever the key flags say.
pub(crate) fn encrypts(key: &impl KeyDetails) -> bool {
    match key.public_params() {
        // RSA keys may be made for one use alone, by their algorithm's number (RFC 9580, 9.1).
        PublicParams::RSA(_) => key.algorithm() != PublicKeyAlgorithm::RSASign,
        PublicParams::ECDH(_) | PublicParams::X25519(_) | PublicParams::X448(_) | PublicParams::Elgamal(_) => true,
        _ => false,
    }
}

/// Whether nobody here knows what the algorithm can do.
pub(crate) fn is_unknown(key: &impl KeyDetails) -> bool {
    matches!(key.public_params(), PublicParams::Unknown { .. })
}

/// Whether the algorithm can sign at all, whatever the key flags say.
pub(crate) fn signs(key: &impl KeyDetails) -> bool {
    match key.public_params() {
        PublicParams::RSA(_) => key.algorithm() != PublicKeyAlgorithm::RSAEncrypt,
        PublicParams::ECDSA(_) | PublicParams::EdDSALegacy(_) | PublicParams::Ed25519(_) => true,
        _ => false,
    }
}

/// The bits of the modulus: the length that its MPI begins with (RFC 9580, 3.2).
fn rsa_bits(params: &PublicParams) -> u16 {
    let mut mpis = Vec::with_capacity(params.write_len());
    match params.to_writer(&mut mpis) {
        Ok(()) => mpis.first_chunk().map_or(0, |length| u16::from_be_bytes(*length)),
        Err(_) => 0,
    }
}
