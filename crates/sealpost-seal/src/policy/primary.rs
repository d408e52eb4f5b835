//! Whether a certificate's primary key may be used at a time: revocations, self-signatures, expiry, strength.

use jiff::Timestamp;
use pgp::packet::{Signature, SignatureType};
use pgp::types::{KeyDetails, KeyVersion, Tag};
use sealpost_core::error::codes::seal;

use super::finding::{Finding, end, fingerprint, instant, is_future};
use super::self_signature::{self, SelfSignature};
use super::verified::{self, Signed};
use crate::algorithm;
use crate::certificate::{Certificate, User};

/// What the primary key's own signatures say, where it may be used.
pub(crate) struct Primary<'a> {
    /// User ids in use, the primary one first.
    pub(crate) user_ids: Vec<String>,
    /// When the primary key, and so everything, expires.
    pub(crate) expires_at: Option<Timestamp>,
    /// Where preferences and flags are looked up, in this order.
    pub(crate) preferences: Vec<&'a Signature>,
    /// For people.
    pub(crate) warnings: Vec<String>,
}

impl<'a> Primary<'a> {
    /// The first of the self-signatures that says something about it.
    pub(crate) fn preference<T>(&self, what: impl Fn(&'a Signature) -> Option<T>) -> Option<T> {
        self.preferences.iter().find_map(|signature| what(signature))
    }
}

/// Checks the primary key. Revoked is revoked: a soft reason (superseded, retired) ends the use for new messages as
/// much as a hard one, at whatever time it is dated.
pub(crate) fn check(certificate: &Certificate, now: Timestamp) -> Result<Primary<'_>, Finding> {
    let key = &certificate.primary;
    let name = format!("the primary key {}", fingerprint(key));
    if !matches!(key.version(), KeyVersion::V4 | KeyVersion::V6) {
        return Err(Finding::new(&seal::TOO_WEAK, format!("{name} is of an old version that is not supported")));
    }
    if let Some(why) = algorithm::refusal(key) {
        return Err(Finding::new(&seal::TOO_WEAK, format!("{name}: {why}")));
    }
    let mut warnings = Vec::new();
    for signature in of_type(&certificate.direct, |typ| typ == SignatureType::KeyRevocation) {
        match signature.verify_key(key) {
            Ok(()) => return Err(Finding::new(&seal::REVOKED, format!("{name} {}", revoked(signature)))),
            // By a designated revoker, whose key we don't have, or damaged: said, but it proves nothing.
            Err(_) => warnings.push(format!("{name} carries a revocation that can't be verified")),
        }
    }
    let created = instant(key.created_at());
    if is_future(created, now) {
        return Err(Finding::new(&seal::NOT_YET_VALID, format!("{name} was created at {created}, in the future")));
    }

    let direct = self_signature::newest(
        of_type(&certificate.direct, |typ| typ == SignatureType::Key)
            .filter(|signature| self_signature::is_by(signature, key))
            .map(|signature| {
                self_signature::check(signature, &format!("the direct-key signature of {name}"), now, |signature| {
                    let verify = || signature.verify_key(key);
                    let Ok(by) = verified::octets(key) else { return verify() };
                    verified::once(&Signed { statement: "direct key", parts: &[&by] }, signature, verify)
                })
            }),
    );
    let mut findings = Vec::new();
    let mut users = Vec::new();
    for user in &certificate.users {
        match check_user(certificate, user, now) {
            Some(Ok(signature)) => users.push((text(user), signature)),
            Some(Err(finding)) => findings.push(finding),
            None => {}
        }
    }
    // RFC 9580, 5.2.3.27: the user id marked primary, and of several the one marked last.
    users.sort_by_key(|(_, by)| (!by.signature.is_primary(), std::cmp::Reverse(by.created)));
    let direct = match direct {
        Some(Ok(direct)) => Some(direct),
        Some(Err(finding)) => {
            findings.push(finding);
            None
        }
        None => None,
    };

    let valid: Vec<SelfSignature<'_>> = users.iter().map(|(_, by)| *by).chain(direct).collect();
    // The newest rules; of equally new ones the one that ends first.
    let ends = valid.iter().map(|by| (by.created, end(key.created_at(), by.signature.key_expiration_time())));
    let expires_at = match ends.max_by_key(|(made, end)| (*made, std::cmp::Reverse(end.unwrap_or(Timestamp::MAX)))) {
        Some((_, expires_at)) => expires_at,
        None => {
            let none = Finding::new(&seal::BAD_SIGNATURE, format!("{name} has no self-signature"));
            return Err(findings.into_iter().next().unwrap_or(none));
        }
    };
    if let Some(expired) = expires_at.filter(|end| *end <= now) {
        return Err(Finding::new(&seal::EXPIRED, format!("{name} expired at {expired}")));
    }
    if valid.iter().any(|by| by.weak_hash) {
        warnings
            .push(format!("{name} has self-signatures with SHA-1; renew them, for example by setting a new expiry"));
    }
    warnings.extend(findings.into_iter().map(|finding| format!("not used: {}", finding.detail)));

    // RFC 9580, 10.1: a version 6 certificate speaks by its direct-key signature, a version 4 one by its user id.
    let mut preferences: Vec<&Signature> = users.first().map(|(_, by)| by.signature).into_iter().collect();
    if let Some(direct) = direct {
        let place = if key.version() == KeyVersion::V6 { 0 } else { preferences.len() };
        preferences.insert(place, direct.signature);
    }
    let user_ids = users.into_iter().map(|(id, _)| id).collect();
    Ok(Primary { user_ids, expires_at, preferences, warnings })
}

/// The newest certification of a user id by its own key, unless that was taken back later.
fn check_user<'a>(
    certificate: &'a Certificate,
    user: &'a User,
    now: Timestamp,
) -> Option<Result<SelfSignature<'a>, Finding>> {
    let key = &certificate.primary;
    let what = format!("the self-signature of user id `{}`", text(user));
    let octets = (verified::octets(key), verified::octets(&user.id));
    let verify = |signature: &Signature| {
        let verify = || signature.verify_certification(key, Tag::UserId, &user.id);
        let (Ok(by), Ok(over)) = &octets else { return verify() };
        verified::once(&Signed { statement: "user id certification", parts: &[by, over] }, signature, verify)
    };
    let own = |signature: &&Signature| self_signature::is_by(signature, key);
    let certified = self_signature::newest(
        of_type(&user.signatures, |typ| {
            matches!(
                typ,
                SignatureType::CertGeneric
                    | SignatureType::CertPersona
                    | SignatureType::CertCasual
                    | SignatureType::CertPositive
            )
        })
        .filter(own)
        .map(|signature| self_signature::check(signature, &what, now, verify)),
    )?;
    let taken_back = of_type(&user.signatures, |typ| typ == SignatureType::CertRevocation)
        .filter(own)
        .filter(|signature| verify(signature).is_ok())
        .max_by_key(|signature| signature.created());
    let said = match &certified {
        Ok(certified) => Some(certified.created),
        Err(finding) => finding.made,
    };
    Some(match taken_back {
        Some(revocation) if said.is_some() && revocation.created() >= said => {
            let detail = format!("user id `{}` {}", text(user), revoked(revocation));
            Err(Finding::new(&seal::REVOKED, detail))
        }
        _ => certified,
    })
}

/// Signatures of a type.
pub(super) fn of_type(
    signatures: &[Signature],
    wanted: impl Fn(SignatureType) -> bool,
) -> impl Iterator<Item = &Signature> {
    signatures.iter().filter(move |signature| signature.typ().is_some_and(&wanted))
}

/// `was revoked at …`, with the reason that the owner gave as its code.
pub(super) fn revoked(signature: &Signature) -> String {
    let at = signature.created().map_or_else(|| "an unknown time".to_owned(), |at| instant(at).to_string());
    match signature.revocation_reason_code() {
        Some(reason) => format!("was revoked at {at} ({reason:?})"),
        None => format!("was revoked at {at}"),
    }
}

fn text(user: &User) -> String {
    String::from_utf8_lossy(user.id.id()).into_owned()
}
