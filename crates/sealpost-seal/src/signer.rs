//! Our own signing key: chosen, unlocked before the first byte, and used after the last (RFC 9580, 5.4).

use std::io::{self, Write};

use jiff::Timestamp;
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{
    OnePassSignature, PacketTrait, SecretKey, SecretSubkey, Signature, SignatureConfig, SignatureHasher, SignatureType,
    SignatureVersionSpecific, Subpacket, SubpacketData,
};
use pgp::types::{Fingerprint, KeyDetails, KeyVersion, Password, SigningKey};
use rand::rngs::OsRng;
use sealpost_core::error::{Error, Result, codes::seal};
use sealpost_core::secret::Secret;

use crate::certificate::{Certificate, Subkey};
use crate::policy;

/// An unlocked key that may sign.
enum Unlocked {
    Primary(SecretKey),
    Subkey(SecretSubkey),
}

/// A signature in the making over the content of a message.
pub(crate) struct Signing {
    key: Unlocked,
    hasher: SignatureHasher,
    one_pass: Vec<u8>,
}

impl Signing {
    /// Chooses the newest subkey that may sign, else the primary key, unlocks it, and begins a signature.
    ///
    /// # Errors
    /// `SP-SEAL-009`: it can't be read, may not sign at `now`, or the passphrase is wrong.
    pub(crate) fn begin(key: &Secret, passphrase: Option<&Secret>, now: Timestamp) -> Result<Self> {
        let certificate = Certificate::read_any(key.expose()).map_err(|error| refused(error.detail()))?;
        let password = password(passphrase)?;
        match choose(&certificate, now).map_err(|why| refused(&why))? {
            Chosen::Primary(secret) => {
                let mut secret = secret.clone();
                secret.remove_password(&password).map_err(|error| locked(&secret, &error))?;
                Self::with(&secret.clone(), Unlocked::Primary(secret), now)
            }
            Chosen::Subkey(secret) => {
                let mut secret = secret.clone();
                secret.remove_password(&password).map_err(|error| locked(&secret, &error))?;
                Self::with(&secret.clone(), Unlocked::Subkey(secret), now)
            }
        }
        .map_err(|error| if error.is(&seal::SIGNING_KEY) { error } else { refused(error.detail()) })
    }

    fn with(signer: &impl SigningKey, key: Unlocked, now: Timestamp) -> Result<Self> {
        // SHA-256 unless the key needs more (RFC 9580, 5.2.3.3 ff.): SHA-512 costs a quarter of the throughput.
        let hash = match signer.hash_alg() {
            stronger @ (HashAlgorithm::Sha384 | HashAlgorithm::Sha512) if needs_more(signer) => stronger,
            _ => HashAlgorithm::Sha256,
        };
        let begin = || -> pgp::errors::Result<(SignatureHasher, Vec<u8>)> {
            let (algorithm, typ) = (signer.algorithm(), SignatureType::Binary);
            let mut config = match signer.version() {
                KeyVersion::V6 => SignatureConfig::v6(OsRng, typ, algorithm, hash)?,
                _ => SignatureConfig::v4(typ, algorithm, hash),
            };
            let made = pgp::types::Timestamp::from_secs(u32::try_from(now.as_second()).unwrap_or(u32::MAX));
            config.hashed_subpackets = vec![
                Subpacket::critical(SubpacketData::SignatureCreationTime(made))?,
                Subpacket::regular(SubpacketData::IssuerFingerprint(signer.fingerprint()))?,
            ];
            if signer.version() == KeyVersion::V4 {
                config.unhashed_subpackets =
                    vec![Subpacket::regular(SubpacketData::IssuerKeyId(signer.legacy_key_id()))?];
            }
            let packet = match (&config.version_specific, signer.fingerprint()) {
                (SignatureVersionSpecific::V6 { salt }, Fingerprint::V6(fingerprint)) => {
                    OnePassSignature::v6(typ, hash, algorithm, salt.clone(), fingerprint)
                }
                _ => OnePassSignature::v3(typ, hash, algorithm, signer.legacy_key_id()),
            };
            let mut one_pass = Vec::new();
            packet.to_writer_with_header(&mut one_pass)?;
            Ok((config.into_hasher()?, one_pass))
        };
        let (hasher, one_pass) = begin().map_err(|error| refused(&error.to_string()))?;
        Ok(Self { key, hasher, one_pass })
    }

    /// The packet before the literal data.
    pub(crate) fn one_pass(&self) -> &[u8] {
        &self.one_pass
    }

    /// The packet after the literal data.
    ///
    /// # Errors
    /// `SP-SEAL-009`.
    pub(crate) fn finish(self) -> Result<Vec<u8>> {
        let signature: pgp::errors::Result<Signature> = match &self.key {
            Unlocked::Primary(key) => self.hasher.sign(key, &Password::empty()),
            Unlocked::Subkey(key) => self.hasher.sign(key, &Password::empty()),
        };
        let mut packet = Vec::new();
        signature
            .and_then(|signature| signature.to_writer_with_header(&mut packet))
            .map_err(|error| refused(&error.to_string()))?;
        Ok(packet)
    }
}

impl Write for Signing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.hasher.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Curves whose order is longer than SHA-256 is.
fn needs_more(key: &impl KeyDetails) -> bool {
    use pgp::types::{EcdsaPublicParams, PublicParams};
    matches!(key.public_params(), PublicParams::ECDSA(EcdsaPublicParams::P384 { .. } | EcdsaPublicParams::P521 { .. }))
}

enum Chosen<'a> {
    Primary(&'a SecretKey),
    Subkey(&'a SecretSubkey),
}

fn choose(certificate: &Certificate, now: Timestamp) -> Result<Chosen<'_>, String> {
    let primary = policy::check_primary(certificate, now).map_err(|finding| finding.detail)?;
    let mut reasons = Vec::new();
    let mut best: Option<&Subkey> = None;
    for subkey in &certificate.subkeys {
        match policy::check_subkey(certificate, subkey, now) {
            Ok(bound) if policy::may_sign(policy::flags(bound.binding), &subkey.key) => {
                match (back_signed(certificate, subkey, bound.binding, now), &subkey.secret) {
                    (Ok(()), Some(_)) => {
                        if best.is_none_or(|best| best.key.created_at() <= subkey.key.created_at()) {
                            best = Some(subkey);
                        }
                    }
                    (Ok(()), None) => reasons.push(format!("no secret half of {}", policy::fingerprint(&subkey.key))),
                    (Err(finding), _) => reasons.push(finding.detail),
                }
            }
            Ok(_) => {}
            Err(finding) => reasons.push(finding.detail),
        }
    }
    if let Some(secret) = best.and_then(|subkey| subkey.secret.as_ref()) {
        return Ok(Chosen::Subkey(secret));
    }
    match &certificate.secret {
        Some(secret) if policy::may_sign(primary.preference(policy::flags), &certificate.primary) => {
            Ok(Chosen::Primary(secret))
        }
        Some(_) => {
            reasons.insert(0, "no part of it may sign".to_owned());
            Err(reasons.join("; "))
        }
        None => Err("it is a certificate, without the private half".to_owned()),
    }
}

/// A signing subkey must itself agree to belong to the primary key (RFC 9580, 5.2.1.9), or its signatures can be claimed.
pub(crate) fn back_signed(
    certificate: &Certificate,
    subkey: &Subkey,
    binding: &Signature,
    now: Timestamp,
) -> Result<(), policy::Finding> {
    let what = format!("the back signature of subkey {}", policy::fingerprint(&subkey.key));
    let Some(back) = binding.embedded_signature() else {
        return Err(policy::Finding::new(&seal::SIGNING_KEY, format!("{what} is missing")));
    };
    policy::check_signature(back, &what, now, |back| back.verify_primary_key_binding(&subkey.key, &certificate.primary))
        .map(|_| ())
}

/// The passphrase as `rPGP` wants it.
pub(crate) fn password(passphrase: Option<&Secret>) -> Result<Password> {
    Ok(match passphrase {
        Some(passphrase) => Password::from(passphrase.expose_text()?),
        None => Password::empty(),
    })
}

fn refused(why: &str) -> Error {
    Error::new(&seal::SIGNING_KEY, format!("the signing key can't be used: {why}"))
}

fn locked(key: &impl KeyDetails, error: &pgp::errors::Error) -> Error {
    let detail = format!("the signing key {} can't be unlocked: wrong or missing passphrase", policy::fingerprint(key));
    Error::new(&seal::SIGNING_KEY, detail).caused_by(error.to_string())
}
