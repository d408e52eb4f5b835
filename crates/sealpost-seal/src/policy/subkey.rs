//! Whether a subkey may be used at a time: it is bound, not revoked, alive, and strong enough.

use jiff::Timestamp;
use pgp::packet::{KeyFlags, Signature, SignatureType, SubpacketData};
use pgp::types::KeyDetails;
use sealpost_core::error::codes::seal;

use super::finding::{Finding, end, fingerprint, instant, is_future};
use super::primary::{of_type, revoked};
use super::self_signature;
use super::verified::{self, Signed};
use crate::algorithm;
use crate::certificate::{Certificate, Subkey};

/// A subkey that may be used for what its flags say.
pub(crate) struct Bound<'a> {
    /// The binding that rules.
    pub(crate) binding: &'a Signature,
    /// When the subkey expires.
    pub(crate) expires_at: Option<Timestamp>,
    /// Whether the binding's hash is only tolerated because of its age.
    pub(crate) weak_hash: bool,
}

/// Checks one subkey.
pub(crate) fn check<'a>(certificate: &Certificate, subkey: &'a Subkey, now: Timestamp) -> Result<Bound<'a>, Finding> {
    let (primary, key) = (&certificate.primary, &subkey.key);
    let name = format!("subkey {}", fingerprint(key));
    let octets = (verified::octets(primary), verified::octets(key));
    let verify = |signature: &Signature| {
        let verify = || signature.verify_subkey_binding(primary, key);
        let (Ok(by), Ok(over)) = &octets else { return verify() };
        verified::once(&Signed { statement: "subkey binding", parts: &[by, over] }, signature, verify)
    };
    // First, as with the primary key: whatever its bindings are worth, this is why it is not used.
    for signature in of_type(&subkey.signatures, |typ| typ == SignatureType::SubkeyRevocation) {
        if verify(signature).is_ok() {
            return Err(Finding::new(&seal::REVOKED, format!("{name} {}", revoked(signature))));
        }
    }
    let bindings = of_type(&subkey.signatures, |typ| typ == SignatureType::SubkeyBinding);
    let binding = self_signature::newest(
        bindings.map(|signature| self_signature::check(signature, &format!("the binding of {name}"), now, verify)),
    )
    .unwrap_or_else(|| Err(Finding::new(&seal::BAD_SIGNATURE, format!("{name} is not bound to the primary key"))))?;
    if let Some(why) = algorithm::refusal(key) {
        return Err(Finding::new(&seal::TOO_WEAK, format!("{name}: {why}")));
    }
    let created = instant(key.created_at());
    if is_future(created, now) {
        return Err(Finding::new(&seal::NOT_YET_VALID, format!("{name} was created at {created}, in the future")));
    }
    let expires_at = end(key.created_at(), binding.signature.key_expiration_time());
    if let Some(expired) = expires_at.filter(|end| *end <= now) {
        return Err(Finding::new(&seal::EXPIRED, format!("{name} expired at {expired}")));
    }
    Ok(Bound { binding: binding.signature, expires_at, weak_hash: binding.weak_hash })
}

/// The key flags that a signature states (RFC 9580, 5.2.3.29); `None` where it states none.
pub(crate) fn flags(signature: &Signature) -> Option<&KeyFlags> {
    signature.config()?.hashed_subpackets().find_map(|subpacket| match &subpacket.data {
        SubpacketData::KeyFlags(flags) => Some(flags),
        _ => None,
    })
}

/// Whether stated flags allow to encrypt; where none are stated, what the algorithm can do.
pub(crate) fn may_encrypt(flags: Option<&KeyFlags>, key: &impl KeyDetails) -> bool {
    algorithm::encrypts(key) && flags.is_none_or(is_to_encrypt)
}

fn is_to_encrypt(flags: &KeyFlags) -> bool {
    flags.encrypt_comms() || flags.encrypt_storage()
}

/// Whether people have to be told that a subkey is not used: not where it is for something else than to encrypt. Its bindings
/// are taken at their word, since nothing is encrypted to it.
pub(crate) fn may_be_for_encryption(subkey: &Subkey) -> bool {
    let mut bindings = of_type(&subkey.signatures, |typ| typ == SignatureType::SubkeyBinding).peekable();
    let says_so = bindings.peek().is_none() || bindings.any(|binding| flags(binding).is_none_or(is_to_encrypt));
    says_so && (algorithm::encrypts(&subkey.key) || algorithm::is_unknown(&subkey.key))
}

/// Whether stated flags allow to sign; where none are stated, what the algorithm can do.
pub(crate) fn may_sign(flags: Option<&KeyFlags>, key: &impl KeyDetails) -> bool {
    algorithm::signs(key) && flags.is_none_or(KeyFlags::sign)
}
