//! The bad half of the key zoo: refused at import and at use, with code, key and date.

use bytes::Bytes;
use pgp::composed::{ArmorOptions, Deserializable, SignedPublicKey, SignedSecretKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{
    KeyFlags, Notation, PacketTrait, Signature, SignatureConfig, SignatureType, Subpacket, SubpacketData,
};
use pgp::ser::Serialize;
use pgp::types::{Duration, KeyDetails, Password, Tag};
use sealpost_core::error::codes::seal as codes;
use sealpost_testkit::gpg::{Gpg, KeySpec, algorithms};

use super::*;

fn parse(certificate: &str) -> SignedPublicKey {
    SignedPublicKey::from_armor_single(certificate.as_bytes()).unwrap().0
}

fn armor(certificate: &SignedPublicKey) -> String {
    certificate.to_armored_string(ArmorOptions::default()).unwrap()
}

#[test]
fn expired_primary() {
    let gpg = Gpg::new();
    let key = gpg.generate(&KeySpec { at: Some("20200101T000000"), expires: "1y", ..KeySpec::default() });
    refused_at(&gpg.export(&key), Timestamp::now(), &codes::EXPIRED, &["primary key", &key, "2020-12-31"]);
    let then = "2020-06-01T00:00:00Z".parse().unwrap();
    OpenPgp.inspect(gpg.export(&key).as_bytes(), then).unwrap();
}

#[test]
fn expired_subkey_as_the_only_one() {
    let gpg = Gpg::new();
    let key =
        gpg.generate(&KeySpec { algorithms: algorithms::SIGN_ONLY, at: Some("20200101T000000"), ..KeySpec::default() });
    gpg.add_subkey(&key, "cv25519", "encr", "30d", Some("20200102T000000"));
    refused_at(&gpg.export(&key), Timestamp::now(), &codes::EXPIRED, &["subkey", "2020-02-01"]);
}

#[test]
fn revoked_primary() {
    let gpg = Gpg::new();
    let key = gpg.generate(&KeySpec::default());
    gpg.revoke(&key);
    refused_at(&gpg.export(&key), Timestamp::now(), &codes::REVOKED, &["primary key", &key, "was revoked at"]);
}

#[test]
fn a_revocation_of_the_primary_key_counts_wherever_it_stands() {
    let gpg = Gpg::new();
    let key = gpg.generate(&KeySpec::default());
    gpg.revoke(&key);
    let mut certificate = parse(&gpg.export(&key));
    let revocation = certificate.details.revocation_signatures.remove(0);
    let rest = certificate.to_bytes().unwrap();
    OpenPgp.inspect(&rest, Timestamp::now()).unwrap();
    let mut packet = Vec::new();
    revocation.to_writer_with_header(&mut packet).unwrap();
    // Behind a packet for private use (RFC 9580, 5) nothing is known to belong to anything.
    let unknown: [&[u8]; 2] = [&[], &[0xfc, 1, 0]];
    for between in unknown {
        let moved = [&rest[..], between, &packet[..]].concat();
        let error = OpenPgp.inspect(&moved, Timestamp::now()).unwrap_err();
        assert!(error.is(&codes::REVOKED) && error.detail().contains(&key), "{error}");
    }
    // That of another key revokes nothing, and is said.
    let other = gpg.export(&gpg.generate(&KeySpec { email: "b@example.com", ..KeySpec::default() }));
    let appended = [parse(&other).to_bytes().unwrap(), packet].concat();
    let info = OpenPgp.inspect(&appended, Timestamp::now()).unwrap();
    assert!(info.warnings.iter().any(|warning| warning.contains("revocation that can't be verified")), "{info:?}");
}

#[test]
fn revoked_subkey_as_the_only_one() {
    let gpg = Gpg::new();
    let key = gpg.generate(&KeySpec::default());
    gpg.revoke_subkey(&key, 1);
    refused_at(&gpg.export(&key), Timestamp::now(), &codes::REVOKED, &["subkey", "was revoked at"]);
}

#[test]
fn revoked_user_id_as_the_only_one() {
    let gpg = Gpg::new();
    let key = gpg.generate(&KeySpec::default());
    gpg.must(["--batch", "--quick-add-uid", &key, "Second <second@example.com>"], b"");
    gpg.must(["--batch", "--quick-revoke-uid", &key, "Second <second@example.com>"], b"");
    let certificate = gpg.export(&key);
    let info = OpenPgp.inspect(certificate.as_bytes(), Timestamp::now()).unwrap();
    assert_eq!(info.user_ids, ["Test <partner@example.com>"]);
    let mut only = parse(&certificate);
    only.details.users.retain(|user| user.id.as_str().unwrap().starts_with("Second"));
    refused_at(&armor(&only), Timestamp::now(), &codes::REVOKED, &["user id `Second", "was revoked at"]);
}

#[test]
fn spliced_foreign_subkey() {
    let gpg = Gpg::new();
    let sign_only = KeySpec { algorithms: algorithms::SIGN_ONLY, ..KeySpec::default() };
    let victim = gpg.export(&gpg.generate(&sign_only));
    let mallory = parse(&gpg.export(&gpg.generate(&KeySpec { email: "mallory@example.com", ..KeySpec::default() })));
    let mut spliced = parse(&victim);
    spliced.public_subkeys.extend(mallory.public_subkeys.clone());
    refused_at(&armor(&spliced), Timestamp::now(), &codes::BAD_SIGNATURE, &["binding of subkey", "does not verify"]);

    // Beside a good one it is left out, and said so.
    let mut beside = parse(&gpg.export(&gpg.generate(&KeySpec { email: "c@example.com", ..KeySpec::default() })));
    beside.public_subkeys.extend(mallory.public_subkeys);
    let certificate = armor(&beside);
    let info = OpenPgp.inspect(certificate.as_bytes(), Timestamp::now()).unwrap();
    assert_eq!(info.encryption_keys.len(), 1);
    assert!(info.warnings.iter().any(|warning| warning.contains("does not verify")), "{info:?}");
    let message = seal(&plan(&[certificate]), b"rows").unwrap();
    assert_eq!(gpg.list_packets(&message).matches(":pubkey enc packet:").count(), 1);
}

#[test]
fn a_foreign_user_id_does_not_speak_for_the_key() {
    let gpg = Gpg::new();
    let mut victim = parse(&gpg.export(&gpg.generate(&KeySpec::default())));
    let other = parse(&gpg.export(&gpg.generate(&KeySpec { email: "b@example.com", ..KeySpec::default() })));
    victim.details.users = other.details.users;
    refused_at(&armor(&victim), Timestamp::now(), &codes::BAD_SIGNATURE, &["no self-signature"]);
}

#[test]
fn sign_only() {
    let gpg = Gpg::new();
    let key = gpg.generate(&KeySpec { algorithms: algorithms::SIGN_ONLY, ..KeySpec::default() });
    refused_at(&gpg.export(&key), Timestamp::now(), &codes::NO_ENCRYPTION_KEY, &[&key, "only sign"]);
}

#[test]
fn brainpool() {
    let gpg = Gpg::new();
    let key = gpg.generate(&KeySpec { algorithms: algorithms::BRAINPOOL, ..KeySpec::default() });
    refused_at(&gpg.export(&key), Timestamp::now(), &codes::TOO_WEAK, &["rainpool", "not supported"]);
}

#[test]
fn brainpool_subkey_under_a_good_primary() {
    let gpg = Gpg::new();
    let key = gpg.generate(&KeySpec { algorithms: algorithms::SIGN_ONLY, ..KeySpec::default() });
    gpg.add_subkey(&key, "brainpoolP256r1", "encr", "0", None);
    refused_at(&gpg.export(&key), Timestamp::now(), &codes::TOO_WEAK, &["subkey", "rainpool", "not supported"]);
}

#[test]
fn rsa_1024() {
    let gpg = Gpg::new();
    let key = gpg.generate(&KeySpec { algorithms: algorithms::RSA1024, ..KeySpec::default() });
    refused_at(&gpg.export(&key), Timestamp::now(), &codes::TOO_WEAK, &["RSA 1024", "2048"]);
}

#[test]
fn secret_key_given() {
    let gpg = Gpg::new();
    let key = gpg.generate(&KeySpec::default());
    let secret = gpg.export_secret(&key);
    refused_at(&secret, Timestamp::now(), &codes::SECRET_GIVEN, &["secret key packets"]);
    // The label of the armor does not matter, the packets do.
    let relabelled = secret.replace("PRIVATE KEY BLOCK", "PUBLIC KEY BLOCK");
    refused_at(&relabelled, Timestamp::now(), &codes::SECRET_GIVEN, &["secret key packets"]);
}

#[test]
fn recent_sha1_self_signatures() {
    let gpg = Gpg::new();
    let options = ["--cert-digest-algo", "SHA1"];
    let key = gpg.generate(&KeySpec { algorithms: algorithms::RSA2048, options: &options, ..KeySpec::default() });
    refused_at(&gpg.export(&key), Timestamp::now(), &codes::TOO_WEAK, &["SHA1", "too weak"]);
}

/// An RSA key of 2024 that ends with 2025, and what its owner says of it later.
struct Renewed {
    secret: SignedSecretKey,
    public: SignedPublicKey,
}

impl Renewed {
    fn new() -> Self {
        let (gpg, algorithms) = (Gpg::new(), algorithms::RSA2048);
        let at = Some("20240101T000000");
        let key = gpg.generate(&KeySpec { algorithms, at, expires: "2y", ..KeySpec::default() });
        let secret = SignedSecretKey::from_armor_single(gpg.export_secret(&key).as_bytes()).unwrap().0;
        Self { secret, public: parse(&gpg.export(&key)) }
    }

    /// What every signature of its own says, and that the key ends so many days after it was made.
    fn says(&self, typ: SignatureType, hash: HashAlgorithm, made: &str, days: u32) -> SignatureConfig {
        let primary = &self.secret.primary_key;
        let made = u32::try_from(instant(made).as_second()).unwrap();
        let mut flags = KeyFlags::default();
        match typ {
            SignatureType::SubkeyBinding => flags.set_encrypt_comms(true),
            _ => flags.set_sign(true),
        }
        let hashed = [
            SubpacketData::SignatureCreationTime(pgp::types::Timestamp::from_secs(made)),
            SubpacketData::IssuerFingerprint(primary.fingerprint()),
            SubpacketData::KeyExpirationTime(Duration::from_secs(days * 86_400)),
            SubpacketData::KeyFlags(flags),
        ];
        let mut config = SignatureConfig::v4(typ, primary.algorithm(), hash);
        config.hashed_subpackets = hashed.into_iter().map(|data| Subpacket::regular(data).unwrap()).collect();
        config
    }

    /// A self-signature of its user id.
    fn certified(&self, config: SignatureConfig) -> Signature {
        let (primary, id) = (&self.secret.primary_key, &self.secret.details.users[0].id);
        config.sign_certification(primary, primary.public_key(), &Password::empty(), Tag::UserId, id).unwrap()
    }

    fn certification(&self, hash: HashAlgorithm, made: &str, days: u32) -> Signature {
        self.certified(self.says(SignatureType::CertPositive, hash, made, days))
    }

    /// The certificate with one more self-signature, before and behind those that it has.
    fn with(&self, newer: &Signature) -> [String; 2] {
        let old = self.public.details.users[0].signatures.len();
        [0, old].map(|place| {
            let mut both = self.public.clone();
            both.details.users[0].signatures.insert(place, newer.clone());
            armor(&both)
        })
    }
}

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn a_newer_self_signature_that_is_refused_is_not_passed_over_for_an_older_one() {
    let key = Renewed::new();
    let made = "2025-01-01T00:00:00Z";
    // The owner ended it in March 2025, or let it live on into 2027; the one before says until the end of 2025.
    for (days, now) in [(425, "2025-06-01T00:00:00Z"), (1_200, "2026-06-01T00:00:00Z")] {
        for certificate in key.with(&key.certification(HashAlgorithm::Sha1, made, days)) {
            refused_at(&certificate, instant(now), &codes::TOO_WEAK, &["self-signature", "2025-01-01", "SHA1"]);
        }
    }
    let mut insists = key.says(SignatureType::CertPositive, HashAlgorithm::Sha256, made, 425);
    let (name, value) = (Bytes::from_static(b"until@example.com"), Bytes::from_static(b"further notice"));
    let notation = SubpacketData::Notation(Notation { readable: true, name, value });
    insists.hashed_subpackets.push(Subpacket::critical(notation).unwrap());
    for certificate in key.with(&key.certified(insists)) {
        let words = ["self-signature", "critical subpacket"];
        refused_at(&certificate, instant("2025-06-01T00:00:00Z"), &codes::BAD_SIGNATURE, &words);
    }
}

#[test]
fn a_refused_self_signature_says_nothing_before_its_time_and_nothing_once_it_is_renewed() {
    let key = Renewed::new();
    let weak = key.certification(HashAlgorithm::Sha1, "2025-01-01T00:00:00Z", 425);
    for certificate in key.with(&weak) {
        OpenPgp.inspect(certificate.as_bytes(), instant("2024-06-01T00:00:00Z")).unwrap();
    }
    let mut both = key.public.clone();
    let signatures = &mut both.details.users[0].signatures;
    signatures.extend([weak, key.certification(HashAlgorithm::Sha256, "2025-02-01T00:00:00Z", 1_200)]);
    let now = instant("2025-06-01T00:00:00Z");
    for turned in [false, true] {
        if turned {
            both.details.users[0].signatures.reverse();
        }
        OpenPgp.inspect(armor(&both).as_bytes(), now).unwrap();
    }
}

#[test]
fn a_newer_binding_that_is_refused_is_not_passed_over_for_an_older_one() {
    let mut key = Renewed::new();
    let primary = &key.secret.primary_key;
    let says = key.says(SignatureType::SubkeyBinding, HashAlgorithm::Sha1, "2025-01-01T00:00:00Z", 425);
    let subkey = &key.public.public_subkeys[0].key;
    let newer = says.sign_subkey_binding(primary, primary.public_key(), &Password::empty(), subkey).unwrap();
    key.public.public_subkeys[0].signatures.push(newer);
    for _ in 0..2 {
        let words = ["the binding of subkey", "2025-01-01", "SHA1"];
        refused_at(&armor(&key.public), instant("2025-06-01T00:00:00Z"), &codes::TOO_WEAK, &words);
        key.public.public_subkeys[0].signatures.reverse();
    }
}

#[test]
fn created_in_the_future() {
    let gpg = Gpg::new();
    let key = gpg.generate(&KeySpec { at: Some("20350101T000000"), ..KeySpec::default() });
    refused_at(&gpg.export(&key), Timestamp::now(), &codes::NOT_YET_VALID, &[&key, "2035-01-01", "future"]);
    // A partner's clock may be a little ahead.
    let before = "2034-12-31T23:55:00Z".parse().unwrap();
    OpenPgp.inspect(gpg.export(&key).as_bytes(), before).unwrap();
}

#[test]
fn several_certificates_in_one_entry() {
    let gpg = Gpg::new();
    gpg.generate(&KeySpec::default());
    gpg.generate(&KeySpec { email: "b@example.com", ..KeySpec::default() });
    let both = String::from_utf8(gpg.must(["--batch", "--armor", "--export"], b"")).unwrap();
    refused_at(&both, Timestamp::now(), &codes::UNREADABLE, &["several certificates"]);
    let one = gpg.export("partner@example.com");
    refused_at(&format!("{one}\n{one}"), Timestamp::now(), &codes::UNREADABLE, &["several armored blocks"]);
}

#[test]
fn damaged_text() {
    let gpg = Gpg::new();
    let certificate = gpg.export(&gpg.generate(&KeySpec::default()));
    let half = &certificate[..certificate.len() / 2];
    for text in ["", "hello", half, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA partner"] {
        let error = OpenPgp.inspect(text.as_bytes(), Timestamp::now()).unwrap_err();
        assert!(error.is(&codes::UNREADABLE), "{text}: {error}");
    }
}

#[test]
fn any_altered_octet_is_refused_or_changes_nothing_that_counts() {
    let gpg = Gpg::new();
    let key = gpg.generate(&KeySpec { expires: "1y", ..KeySpec::default() });
    let binary = gpg.must(["--batch", "--export", &key], b"");
    let now = Timestamp::now();
    let good = OpenPgp.inspect(&binary, now).unwrap();
    for octet in 0..binary.len() {
        let mut altered = binary.clone();
        altered[octet] ^= 0x04;
        if let Ok(info) = OpenPgp.inspect(&altered, now) {
            // Unhashed parts of signatures, such as the issuer's key id, are hints only.
            assert_eq!(info.fingerprint, good.fingerprint, "octet {octet}");
            assert_eq!(info.encryption_keys, good.encryption_keys, "octet {octet}");
            assert_eq!(info.expires_at, good.expires_at, "octet {octet}");
        }
    }
}
