//! Whether a self-signature may be relied on at a time: it verifies, its hash is good enough, it is alive and we
//! understand all that it insists on (RFC 9580, 5.2.3.7 and 13.7).

use std::cmp::Ordering;

use jiff::Timestamp;
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{Signature, SubpacketData};
use pgp::types::{Fingerprint, KeyDetails};
use sealpost_core::error::{Code, codes::seal};

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
    let future = is_future(made, now);
    let ended = end(created, signature.signature_expiration_time()).filter(|end| *end <= now);
    let in_effect = !future && ended.is_none();
    let refused = |code: &'static Code, detail: String| Finding {
        made: in_effect.then_some(created),
        ..Finding::new(code, detail)
    };
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
            return Err(refused(&seal::TOO_WEAK, detail));
        }
    };
    // One with a critical subpacket whose number the library does not know never gets here: it is not verified, and proves nothing.
    let unknown = config.hashed_subpackets().find(|subpacket| {
        let understood = !matches!(
            subpacket.data,
            SubpacketData::Other(..) | SubpacketData::Experimental(..) | SubpacketData::Notation(_)
        );
        subpacket.is_critical && !understood
    });
    if unknown.is_some() {
        let detail = format!("{what} has a critical subpacket that is not understood");
        return Err(refused(&seal::BAD_SIGNATURE, detail));
    }
    if future {
        return Err(Finding::new(&seal::NOT_YET_VALID, format!("{what} is dated {made}, in the future")));
    }
    match ended {
        Some(end) => Err(Finding::new(&seal::EXPIRED, format!("{what} expired at {end}"))),
        None => Ok(SelfSignature { signature, created, weak_hash }),
    }
}

/// The newest that may be relied on, or why none may: `None` when there is none at all. Where the owner made a later one that
/// is refused, none may: it may have ended or changed what the older one says.
pub(crate) fn newest<'a>(
    checked: impl Iterator<Item = Result<SelfSignature<'a>, Finding>>,
) -> Option<Result<SelfSignature<'a>, Finding>> {
    let mut valid: Option<SelfSignature<'a>> = None;
    let mut refused: Option<Finding> = None;
    for outcome in checked {
        match outcome {
            Ok(next) if valid.is_none_or(|best| next.created > best.created) => valid = Some(next),
            Err(next) if refused.as_ref().is_none_or(|best| says_more(&next, best)) => refused = Some(next),
            Ok(_) | Err(_) => {}
        }
    }
    match (valid, refused) {
        (Some(valid), Some(refused)) if refused.made > Some(valid.created) => Some(Err(refused)),
        (Some(valid), _) => Some(Ok(valid)),
        (None, refused) => refused.map(Err),
    }
}

/// Whether a finding is the better reason: of signatures that are in effect the newest, and that one does not verify says less
/// than that one verifies and is expired.
fn says_more(next: &Finding, best: &Finding) -> bool {
    match next.made.cmp(&best.made) {
        Ordering::Greater => true,
        Ordering::Equal => best.code.id == seal::BAD_SIGNATURE.id,
        Ordering::Less => false,
    }
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
