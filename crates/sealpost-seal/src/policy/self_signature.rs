//! Whether a self-signature may be relied on at a time: it verifies, its hash is good enough, it is alive and we
//! understand all that it insists on (RFC 9580, 5.2.3.7 and 13.7).

use jiff::Timestamp;
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{Signature, SubpacketData};
use pgp::types::{Fingerprint, KeyDetails};
use sealpost_core::error::codes::seal;

use super::finding::{Finding, end, instant, is_future};

/// 2023-02-01T00:00:00Z. SHA-1 self-signatures made from here on are refused, earlier ones warned about: chosen-prefix
/// collisions cost a few ten thousand dollars since 2020, while GnuPG has used SHA-256 since 2.0 and Sequoia's
/// standard policy drew its line here.
const SHA1_CUTOFF: i64 = 1_675_209_600;

/// A self-signature that may be relied on.
#[derive(Clone, Copy)]
pub(crate) struct SelfSignature<'a> {
    /// The packet.
    pub(crate) signature: &'a Signature,
    /// When it was made.
    pub(crate) created: pgp::types::Timestamp,
    /// Whether its hash is only tolerated because of its age.
    pub(crate) weak_hash: bool,
}

/// Checks one signature; `what` names it in the finding.
pub(crate) fn check<'a>(
    signature: &'a Signature,
    what: &str,
    now: Timestamp,
    verify: impl FnOnce(&Signature) -> pgp::errors::Result<()>,
) -> Result<SelfSignature<'a>, Finding> {
    let (Some(config), Some(created)) = (signature.config(), signature.created()) else {
        return Err(Finding::new(&seal::BAD_SIGNATURE, format!("{what} is of a version that can't be read")));
    };
    // Cryptography first: what a forger wrote into a signature must not choose the reason.
    if let Err(error) = verify(signature) {
        return Err(Finding::new(&seal::BAD_SIGNATURE, format!("{what} does not verify: {error}")));
    }
    let made = instant(created);
    let weak_hash = match config.hash_alg {
        HashAlgorithm::Sha256
        | HashAlgorithm::Sha384
        | HashAlgorithm::Sha512
        | HashAlgorithm::Sha224
        | HashAlgorithm::Sha3_256
        | HashAlgorithm::Sha3_512 => false,
        HashAlgorithm::Sha1 if i64::from(created.as_secs()) < SHA1_CUTOFF => true,
        weak => {
            let detail = format!("{what}, made at {made}, uses {weak}, which is too weak");
            return Err(Finding::new(&seal::TOO_WEAK, detail));
        }
    };
    let unknown = config.hashed_subpackets().find(|subpacket| {
        let understood = !matches!(
            subpacket.data,
            SubpacketData::Other(..) | SubpacketData::Experimental(..) | SubpacketData::Notation(_)
        );
        subpacket.is_critical && !understood
    });
    if unknown.is_some() {
        let detail = format!("{what} has a critical subpacket that is not understood");
        return Err(Finding::new(&seal::BAD_SIGNATURE, detail));
    }
    if is_future(made, now) {
        return Err(Finding::new(&seal::NOT_YET_VALID, format!("{what} is dated {made}, in the future")));
    }
    match end(created, signature.signature_expiration_time()) {
        Some(end) if end <= now => Err(Finding::new(&seal::EXPIRED, format!("{what} expired at {end}"))),
        _ => Ok(SelfSignature { signature, created, weak_hash }),
    }
}

/// The newest that may be relied on, or why none may: `None` when there is none at all.
pub(crate) fn newest<'a>(
    checked: impl Iterator<Item = Result<SelfSignature<'a>, Finding>>,
) -> Option<Result<SelfSignature<'a>, Finding>> {
    checked.reduce(|best, next| match (best, next) {
        (Ok(best), Ok(next)) => Ok(if next.created > best.created { next } else { best }),
        (Ok(best), Err(_)) => Ok(best),
        (Err(_), Ok(next)) => Ok(next),
        // That one does not verify says less than that one verifies and is expired or weak.
        (Err(best), Err(next)) => Err(if best.code.id == seal::BAD_SIGNATURE.id { next } else { best }),
    })
}

/// Whether a signature claims to be by this key, or claims nothing. Certifications by others are none of our business.
pub(crate) fn is_by(signature: &Signature, key: &impl KeyDetails) -> bool {
    let fingerprints: Vec<&Fingerprint> = signature.issuer_fingerprint();
    if !fingerprints.is_empty() {
        return fingerprints.contains(&&key.fingerprint());
    }
    let ids = signature.issuer_key_id();
    ids.is_empty() || ids.contains(&&key.legacy_key_id())
}
