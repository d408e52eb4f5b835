//! New keys: for the demo's partner, and for `sealpost key generate`.

use jiff::{SignedDuration, Timestamp};
use pgp::composed::{ArmorOptions, KeyType, SignedKeyDetails, SignedSecretKey, SignedSecretSubKey};
use pgp::crypto::aead::AeadAlgorithm;
use pgp::crypto::ecc_curve::ECCCurve;
use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::packet::{
    Features, KeyFlags, PubKeyInner, PublicKey, PublicSubkey, SecretKey, SecretSubkey, Signature, SignatureConfig,
    SignatureType, Subpacket, SubpacketData, UserId,
};
use pgp::types::{CompressionAlgorithm, Duration, KeyDetails, KeyVersion, Password, SignedUser, Tag};
use rand::rngs::OsRng;
use sealpost_core::error::{Error, Result, codes::seal};
use sealpost_core::secret::Secret;

use crate::policy::fingerprint;
use crate::signer;

/// What kind of key to make: a primary key that certifies and signs, and a subkey that encrypts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// Ed25519 and X25519 in the form that GnuPG 2.2 reads, version 4. The default choice.
    Ed25519,
    /// RSA 3072, version 4, for old software.
    Rsa3072,
    /// RSA 4096, version 4, for old software. Takes seconds to make.
    Rsa4096,
    /// Ed25519 and X25519 of RFC 9580, version 6, with `SEIPDv2`. GnuPG does not read it.
    Ed25519V6,
}

/// A key to make.
pub struct KeyRequest<'a> {
    /// Whose it is: `Name <mail@example.com>`.
    pub user_id: &'a str,
    /// What kind.
    pub kind: KeyKind,
    /// Its creation time.
    pub now: Timestamp,
    /// How long it lives; for ever when not given.
    pub valid_for: Option<SignedDuration>,
    /// Locks the private key; plain when not given.
    pub passphrase: Option<&'a Secret>,
}

/// A new key.
#[derive(Debug)]
pub struct GeneratedKey {
    /// The private key, ASCII-armored.
    pub secret: Secret,
    /// The certificate to give away, ASCII-armored.
    pub public: String,
    /// Upper-case hexadecimal fingerprint of the primary key.
    pub fingerprint: String,
}

/// Makes a key that passes our own policy and advertises what it can read.
///
/// # Errors
/// `SP-SEAL-014` where user id or lifetime make no sense.
pub fn generate(request: &KeyRequest<'_>) -> Result<GeneratedKey> {
    if request.user_id.trim().is_empty() || request.user_id.chars().any(char::is_control) {
        return Err(Error::new(&seal::GENERATE, "the user id is empty or has control characters"));
    }
    let lifetime = request
        .valid_for
        .map(|lifetime| match u32::try_from(lifetime.as_secs()) {
            Ok(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds)),
            _ => Err(Error::new(&seal::GENERATE, "the lifetime must be positive and below 136 years")),
        })
        .transpose()?;
    let created = u32::try_from(request.now.as_second())
        .map_err(|_| Error::new(&seal::GENERATE, "the creation time is outside of 1970 to 2106"))?;
    let plan = Plan { request, created: pgp::types::Timestamp::from_secs(created), lifetime };
    let failed = |error: pgp::errors::Error| Error::new(&seal::GENERATE, error.to_string());
    let mut key = plan.key().map_err(failed)?;
    let public = key.to_public_key();
    let public_text = public.to_armored_string(ArmorOptions::default()).map_err(failed)?;
    if let Some(passphrase) = request.passphrase {
        let password = signer::password(Some(passphrase))?;
        key.primary_key.set_password(OsRng, &password).map_err(failed)?;
        for subkey in &mut key.secret_subkeys {
            subkey.key.set_password(OsRng, &password).map_err(failed)?;
        }
    }
    let secret = key.to_armored_bytes(ArmorOptions::default()).map_err(failed)?;
    Ok(GeneratedKey { secret: Secret::new(secret), public: public_text, fingerprint: fingerprint(&public) })
}

struct Plan<'a> {
    request: &'a KeyRequest<'a>,
    created: pgp::types::Timestamp,
    lifetime: Option<Duration>,
}

impl Plan<'_> {
    fn key(&self) -> pgp::errors::Result<SignedSecretKey> {
        let (version, primary_type, subkey_type) = match self.request.kind {
            KeyKind::Ed25519 => (KeyVersion::V4, KeyType::Ed25519Legacy, KeyType::ECDH(ECCCurve::Curve25519Legacy)),
            KeyKind::Rsa3072 => (KeyVersion::V4, KeyType::Rsa(3072), KeyType::Rsa(3072)),
            KeyKind::Rsa4096 => (KeyVersion::V4, KeyType::Rsa(4096), KeyType::Rsa(4096)),
            KeyKind::Ed25519V6 => (KeyVersion::V6, KeyType::Ed25519, KeyType::X25519),
        };
        let (params, secret) = primary_type.generate(OsRng)?;
        let public =
            PublicKey::from_inner(PubKeyInner::new(version, primary_type.to_alg(), self.created, None, params)?)?;
        let primary = SecretKey::new(public.clone(), secret)?;
        let (params, secret) = subkey_type.generate(OsRng)?;
        let subkey_public =
            PublicSubkey::from_inner(PubKeyInner::new(version, subkey_type.to_alg(), self.created, None, params)?)?;
        let subkey = SecretSubkey::new(subkey_public.clone(), secret)?;
        let unlocked = Password::empty();

        let mut flags = KeyFlags::default();
        flags.set_certify(true);
        flags.set_sign(true);
        let mut direct_signatures = Vec::new();
        if version == KeyVersion::V6 {
            // RFC 9580, 10.1.1: a version 6 certificate says it in a direct-key signature.
            let config = self.config(&primary, SignatureType::Key, &flags, true)?;
            direct_signatures.push(config.sign_key(&primary, &unlocked, &public)?);
        }
        let id = UserId::from_str(pgp::types::PacketHeaderVersion::New, self.request.user_id)?;
        let config = self.config(&primary, SignatureType::CertPositive, &flags, true)?;
        let certification: Signature = config.sign_certification(&primary, &public, &unlocked, Tag::UserId, &id)?;

        let mut flags = KeyFlags::default();
        flags.set_encrypt_comms(true);
        flags.set_encrypt_storage(true);
        let config = self.config(&primary, SignatureType::SubkeyBinding, &flags, false)?;
        let binding = config.sign_subkey_binding(&primary, &public, &unlocked, &subkey_public)?;
        let users = vec![SignedUser::new(id, vec![certification])];
        Ok(SignedSecretKey {
            primary_key: primary,
            details: SignedKeyDetails::new(Vec::new(), direct_signatures, users, Vec::new()),
            public_subkeys: Vec::new(),
            secret_subkeys: vec![SignedSecretSubKey::new(subkey, vec![binding])],
        })
    }

    fn config(
        &self,
        primary: &SecretKey,
        typ: SignatureType,
        flags: &KeyFlags,
        preferences: bool,
    ) -> pgp::errors::Result<SignatureConfig> {
        let v6 = primary.version() == KeyVersion::V6;
        let hash = HashAlgorithm::Sha512;
        let mut config = match v6 {
            true => SignatureConfig::v6(OsRng, typ, primary.algorithm(), hash)?,
            false => SignatureConfig::v4(typ, primary.algorithm(), hash),
        };
        let mut hashed = vec![
            SubpacketData::SignatureCreationTime(self.created),
            SubpacketData::IssuerFingerprint(primary.fingerprint()),
            SubpacketData::KeyFlags(flags.clone()),
        ];
        hashed.extend(self.lifetime.map(SubpacketData::KeyExpirationTime));
        if preferences {
            let mut features = Features::new();
            features.set_seipd_v1(true);
            features.set_seipd_v2(v6);
            hashed.extend([
                SubpacketData::PreferredSymmetricAlgorithms(
                    [SymmetricKeyAlgorithm::AES256, SymmetricKeyAlgorithm::AES192, SymmetricKeyAlgorithm::AES128]
                        .into_iter()
                        .collect(),
                ),
                SubpacketData::PreferredHashAlgorithms(
                    [HashAlgorithm::Sha512, HashAlgorithm::Sha384, HashAlgorithm::Sha256].into_iter().collect(),
                ),
                SubpacketData::PreferredCompressionAlgorithms(
                    [CompressionAlgorithm::ZLIB, CompressionAlgorithm::ZIP].into_iter().collect(),
                ),
                SubpacketData::Features(features),
            ]);
            if v6 {
                let suites = [
                    (SymmetricKeyAlgorithm::AES256, AeadAlgorithm::Gcm),
                    (SymmetricKeyAlgorithm::AES256, AeadAlgorithm::Ocb),
                ];
                hashed.push(SubpacketData::PreferredAeadAlgorithms(suites.into_iter().collect()));
            }
            if typ == SignatureType::CertPositive {
                hashed.push(SubpacketData::IsPrimary(true));
            }
        }
        config.hashed_subpackets = hashed.into_iter().map(Subpacket::regular).collect::<Result<_, _>>()?;
        if !v6 {
            config.unhashed_subpackets = vec![Subpacket::regular(SubpacketData::IssuerKeyId(primary.legacy_key_id()))?];
        }
        Ok(config)
    }
}
