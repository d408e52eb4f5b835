//! The recipient policy: which keys of a certificate a message is encrypted to at a time, and why not to the others.
//!
//! - Every signature that is relied on is verified: self-signatures, bindings, revocations.
//! - The primary key must be alive, not revoked, strong enough, and speak by a valid self-signature.
//! - A message is encrypted to **every** subkey that may encrypt and is bound, alive, not revoked and strong enough,
//!   and to the primary key where its flags say so: the partner may hold any of them on any machine.
//! - A subkey that fails is left out with a warning; where none is left, the certificate is refused with the reasons.
//! - MD5 is refused; SHA-1 is refused in self-signatures since 2023-02, and warned about in older ones.
//! - Of several self-signatures over the same thing the newest rules, and where that is refused, no older one stands in for it.

mod checked;
mod finding;
mod primary;
mod self_signature;
mod subkey;
mod verified;

use jiff::Timestamp;
use pgp::crypto::aead::AeadAlgorithm;
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::packet::{PublicKey, PublicSubkey, SubpacketData};
use sealpost_core::certificate::{CertificateInfo, EncryptionKeyInfo};
use sealpost_core::error::{Code, Error, Result, codes::seal};

pub(crate) use checked::recipient;
pub(crate) use finding::{Finding, fingerprint, instant};
pub(crate) use primary::{Primary, check as check_primary};
pub(crate) use self_signature::check as check_signature;
pub(crate) use subkey::{check as check_subkey, flags, may_sign};

use crate::algorithm;
use crate::certificate::Certificate;

/// A certificate that passed, with the keys to encrypt to.
pub(crate) struct Recipient {
    /// What to tell people.
    pub(crate) info: CertificateInfo,
    /// Where the session key goes.
    pub(crate) keys: Vec<EncryptTo>,
    /// The AEAD ciphersuites that it prefers, best first (RFC 9580, 5.2.3.15).
    pub(crate) ciphersuites: Vec<(SymmetricKeyAlgorithm, AeadAlgorithm)>,
}

/// One key that the session key is encrypted to.
pub(crate) enum EncryptTo {
    /// The primary key itself, as in old RSA certificates.
    Primary(PublicKey),
    /// A subkey.
    Subkey(PublicSubkey),
}

/// Applies the policy.
///
/// # Errors
/// `SP-SEAL-003` to `-007`, `-012`, with key, date and reason.
pub(crate) fn check(certificate: &Certificate, now: Timestamp) -> Result<Recipient> {
    let primary = check_primary(certificate, now)?;
    let mut warnings = primary.warnings.clone();
    let mut usable = Usable::default();
    let key = &certificate.primary;
    if subkey::may_encrypt(primary.preference(flags), key) {
        usable.add(EncryptTo::Primary(key.clone()), fingerprint(key), algorithm::name(key), primary.expires_at);
    }
    let unreadable =
        |why: &String| Finding::new(&seal::TOO_WEAK, format!("a subkey is of a kind that is not supported: {why}"));
    let mut refused: Vec<Finding> = certificate.unreadable.iter().map(unreadable).collect();
    for part in &certificate.subkeys {
        let name = fingerprint(&part.key);
        match check_subkey(certificate, part, now) {
            Ok(bound) if !subkey::may_encrypt(flags(bound.binding), &part.key) => {}
            Ok(bound) => {
                if bound.weak_hash {
                    warnings.push(format!("the binding of subkey {name} uses SHA-1; renew it"));
                }
                let key = part.key.clone();
                usable.add(EncryptTo::Subkey(key), name, algorithm::name(&part.key), bound.expires_at);
            }
            Err(finding) if subkey::may_be_for_encryption(part) => refused.push(finding),
            Err(_) => {}
        }
    }
    if usable.keys.is_empty() {
        return Err(none_left(certificate, &refused));
    }
    warnings.extend(refused.iter().map(|finding| format!("not used: {}", finding.detail)));

    let last = usable.infos.iter().map(|info| info.expires_at.unwrap_or(Timestamp::MAX)).max();
    let last = last.filter(|end| *end != Timestamp::MAX);
    let expires_at = [primary.expires_at, last].into_iter().flatten().min();
    let aead = primary.preference(|signature| signature.features()).is_some_and(|features| features.seipd_v2());
    let mut info = CertificateInfo {
        fingerprint: fingerprint(key),
        user_ids: primary.user_ids.clone(),
        algorithm: algorithm::name(key),
        encryption_keys: usable.infos,
        expires_at,
        aead,
        warnings,
    };
    if let (Some(_), Some(at), Some(days)) = (info.expiry_step(now), info.expires_at, info.days_until_expiry(now)) {
        info.warnings.push(format!("it expires at {at}, in {days} days"));
    }
    Ok(Recipient { info, keys: usable.keys, ciphersuites: ciphersuites(&primary) })
}

#[derive(Default)]
struct Usable {
    keys: Vec<EncryptTo>,
    infos: Vec<EncryptionKeyInfo>,
}

impl Usable {
    fn add(&mut self, key: EncryptTo, fingerprint: String, algorithm: String, expires_at: Option<Timestamp>) {
        self.keys.push(key);
        self.infos.push(EncryptionKeyInfo { fingerprint, algorithm, expires_at });
    }
}

/// Why there is no key to encrypt to: with one common reason that reason's code, else the general one with all.
fn none_left(certificate: &Certificate, refused: &[Finding]) -> Error {
    let name = format!("the certificate {}", fingerprint(&certificate.primary));
    let Some(first) = refused.first() else {
        let detail = format!("{name} has no key that may encrypt; it can only sign, certify or authenticate");
        return Error::new(&seal::NO_ENCRYPTION_KEY, detail);
    };
    let common = refused.iter().all(|finding| finding.code.id == first.code.id);
    let code: &'static Code = if common { first.code } else { &seal::NO_ENCRYPTION_KEY };
    let reasons: Vec<&str> = refused.iter().map(|finding| finding.detail.as_str()).collect();
    Error::new(code, format!("{name} has no usable encryption key: {}", reasons.join("; ")))
}

fn ciphersuites(primary: &Primary<'_>) -> Vec<(SymmetricKeyAlgorithm, AeadAlgorithm)> {
    let stated = primary.preference(|signature| {
        signature.config()?.hashed_subpackets().find_map(|subpacket| match &subpacket.data {
            SubpacketData::PreferredAeadAlgorithms(suites) => Some(suites.to_vec()),
            _ => None,
        })
    });
    stated.unwrap_or_default()
}
