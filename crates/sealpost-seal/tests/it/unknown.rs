//! Keys that we don't know, or don't need: what is not used is said, unless it is not for encryption.

use bytes::Bytes;
use pgp::composed::{ArmorOptions, Deserializable, SignedPublicKey, SignedPublicSubKey, SignedSecretKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::public_key::PublicKeyAlgorithm;
use pgp::packet::{
    KeyFlags, PubKeyInner, PublicKey, PublicSubkey, SignatureConfig, SignatureType, Subpacket, SubpacketData,
};
use pgp::ser::Serialize;
use pgp::types::{KeyDetails, KeyVersion, Password, PublicParams, Tag};
use sealpost_core::error::codes::seal as codes;
use sealpost_seal::{GeneratedKey, KeyKind, KeyRequest};
use sealpost_testkit::gpg::{Gpg, KeySpec, algorithms};

use super::*;

fn generated() -> GeneratedKey {
    let request = KeyRequest {
        user_id: "Test <partner@example.com>",
        kind: KeyKind::Ed25519,
        now: Timestamp::now(),
        valid_for: None,
        passphrase: None,
    };
    sealpost_seal::generate(&request).unwrap()
}

fn parsed(key: &GeneratedKey) -> SignedPublicKey {
    SignedPublicKey::from_armor_single(key.public.as_bytes()).unwrap().0
}

/// The certificate with one more subkey: of an algorithm that nobody knows, and bound for this use.
fn with_unknown(key: &GeneratedKey, flags: KeyFlags) -> String {
    let (secret, _) = SignedSecretKey::from_armor_single(key.secret.expose()).unwrap();
    let primary = &secret.primary_key;
    let params = PublicParams::Unknown { data: Bytes::from_static(&[7; 32]) };
    let algorithm = PublicKeyAlgorithm::Private100;
    let inner = PubKeyInner::new(KeyVersion::V4, algorithm, primary.created_at(), None, params).unwrap();
    let subkey = PublicSubkey::from_inner(inner).unwrap();
    let mut config = SignatureConfig::v4(SignatureType::SubkeyBinding, primary.algorithm(), HashAlgorithm::Sha512);
    let hashed = [
        SubpacketData::SignatureCreationTime(primary.created_at()),
        SubpacketData::IssuerFingerprint(primary.fingerprint()),
        SubpacketData::KeyFlags(flags),
    ];
    config.hashed_subpackets = hashed.into_iter().map(|data| Subpacket::regular(data).unwrap()).collect();
    let binding = config.sign_subkey_binding(primary, primary.public_key(), &Password::empty(), &subkey).unwrap();
    let mut certificate = parsed(key);
    certificate.public_subkeys.push(SignedPublicSubKey::new(subkey, vec![binding]));
    certificate.to_armored_string(ArmorOptions::default()).unwrap()
}

/// What is said of a certificate that can be used.
fn warnings(certificate: &[u8]) -> Vec<String> {
    let info = OpenPgp.inspect(certificate, Timestamp::now()).unwrap();
    assert_eq!(info.encryption_keys.len(), 1);
    info.warnings
}

#[test]
fn a_subkey_of_an_unknown_algorithm_is_left_out_and_said_so() {
    let key = generated();
    let mut encrypts = KeyFlags::default();
    encrypts.set_encrypt_comms(true);
    let said = warnings(with_unknown(&key, encrypts).as_bytes());
    assert!(said.len() == 1 && said[0].contains("algorithm 100 is not supported"), "{said:?}");
    let mut signs = KeyFlags::default();
    signs.set_sign(true);
    assert_eq!(warnings(with_unknown(&key, signs).as_bytes()), Vec::<String>::new());
}

#[test]
fn a_subkey_that_can_not_be_read_is_left_out_and_said_so() {
    // A public subkey of version 5 (RFC 9580, 4.3): 16 octets.
    let version_5: Vec<u8> = [0xce, 16, 5].into_iter().chain([0; 15]).collect();
    let mut certificate = parsed(&generated());
    let said = warnings(&[certificate.to_bytes().unwrap(), version_5.clone()].concat());
    assert!(said.len() == 1 && said[0].contains("a subkey is of a kind that is not supported"), "{said:?}");
    certificate.public_subkeys.clear();
    let alone = [certificate.to_bytes().unwrap(), version_5].concat();
    let error = OpenPgp.inspect(&alone, Timestamp::now()).unwrap_err();
    assert!(error.is(&codes::TOO_WEAK) && error.detail().contains("not supported"), "{error}");
}

#[test]
fn a_subkey_that_only_signs_is_no_encryption_key_that_is_refused() {
    let gpg = Gpg::new();
    let old = |algorithms, email| KeySpec { algorithms, email, at: Some("20200101T000000"), ..KeySpec::default() };
    let encrypts = gpg.generate(&old(algorithms::CURVE25519, "a@example.com"));
    let signs = gpg.generate(&old(algorithms::SIGN_ONLY, "b@example.com"));
    for key in [&encrypts, &signs] {
        // RSA could do both.
        gpg.add_subkey(key, "rsa2048", "sign", "30d", Some("20200102T000000"));
    }
    assert_eq!(warnings(gpg.export(&encrypts).as_bytes()), Vec::<String>::new());
    refused_at(&gpg.export(&signs), Timestamp::now(), &codes::NO_ENCRYPTION_KEY, &[&signs, "only sign"]);
}

/// A certificate without key flags: an RSA key of this algorithm number, its user id, and nothing else.
fn of_algorithm(gpg: &Gpg, key: &str, algorithm: PublicKeyAlgorithm) -> String {
    let (secret, _) = SignedSecretKey::from_armor_single(gpg.export_secret(key).as_bytes()).unwrap();
    let signer = &secret.primary_key;
    let params = signer.public_params().clone();
    let inner = PubKeyInner::new(KeyVersion::V4, algorithm, signer.created_at(), None, params).unwrap();
    let primary = PublicKey::from_inner(inner).unwrap();
    let mut config = SignatureConfig::v4(SignatureType::CertPositive, algorithm, HashAlgorithm::Sha256);
    let hashed = [
        SubpacketData::SignatureCreationTime(primary.created_at()),
        SubpacketData::IssuerFingerprint(primary.fingerprint()),
    ];
    config.hashed_subpackets = hashed.into_iter().map(|data| Subpacket::regular(data).unwrap()).collect();
    let mut certificate = SignedPublicKey::from_armor_single(gpg.export(key).as_bytes()).unwrap().0;
    let user = &mut certificate.details.users[0];
    user.signatures =
        vec![config.sign_certification(signer, &primary, &Password::empty(), Tag::UserId, &user.id).unwrap()];
    certificate.primary_key = primary;
    certificate.public_subkeys.clear();
    certificate.to_armored_string(ArmorOptions::default()).unwrap()
}

#[test]
fn an_rsa_key_that_only_signs_by_its_algorithm_is_not_encrypted_to() {
    let gpg = Gpg::new();
    let key = gpg.generate(&KeySpec { algorithms: algorithms::RSA2048, ..KeySpec::default() });
    let signs = of_algorithm(&gpg, &key, PublicKeyAlgorithm::RSASign);
    refused_at(&signs, Timestamp::now(), &codes::NO_ENCRYPTION_KEY, &["only sign"]);
    // The same with the number for both uses is accepted: it is the number that decides.
    let both = of_algorithm(&gpg, &key, PublicKeyAlgorithm::RSA);
    assert_eq!(warnings(both.as_bytes()), Vec::<String>::new());
}
