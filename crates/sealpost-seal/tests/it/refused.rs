//! The bad half of the key zoo: refused at import and at use, with code, key and date.

use pgp::composed::{ArmorOptions, Deserializable, SignedPublicKey};
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
