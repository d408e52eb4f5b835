//! The good half of the key zoo: what we seal for it, its owner's gpg decrypts.

use sealpost_core::error::codes::seal as codes;
use sealpost_testkit::gpg::{Gpg, KeySpec, algorithms};

use super::*;

/// Sealed for a fresh key of these algorithms, and decrypted by gpg.
fn zoo(algorithms: &str, primary: &str, encryption: &str) {
    let gpg = Gpg::new();
    let key = gpg.generate(&KeySpec { algorithms, ..KeySpec::default() });
    let certificate = gpg.export(&key);
    let info = OpenPgp.inspect(certificate.as_bytes(), Timestamp::now()).unwrap();
    assert_eq!(info.fingerprint, key);
    assert_eq!(info.user_ids, ["Test <partner@example.com>"]);
    assert_eq!(info.algorithm, primary);
    assert_eq!(info.encryption_keys.len(), 1);
    assert_eq!(info.encryption_keys[0].algorithm, encryption);
    assert_eq!((info.expires_at, info.aead, info.warnings.len()), (None, false, 0), "{info:?}");
    let plain = rows(200_000);
    let message = seal(&plan(&[certificate]), &plain).unwrap();
    assert_eq!(gpg.decrypt(&message).unwrap(), plain);
    let (ours, decrypted) = open(&message, &gpg.export_secret(&key)).unwrap();
    assert_eq!(ours, plain);
    assert_eq!(decrypted.file_name, "report.csv");
    assert_eq!(decrypted.recipients.len(), 1);
    assert!(info.encryption_keys[0].fingerprint.ends_with(&decrypted.recipients[0]));
}

#[test]
fn rsa_2048() {
    zoo(algorithms::RSA2048, "RSA 2048", "RSA 2048");
}

#[test]
fn rsa_3072() {
    zoo(algorithms::RSA3072, "RSA 3072", "RSA 3072");
}

#[test]
fn rsa_4096() {
    zoo(algorithms::RSA4096, "RSA 4096", "RSA 4096");
}

#[test]
fn curve25519() {
    zoo(algorithms::CURVE25519, "Ed25519", "ECDH Curve25519");
}

#[test]
fn nist_p256() {
    zoo(algorithms::NISTP256, "ECDSA NIST P-256", "ECDH NIST P-256");
}

#[test]
fn nist_p384() {
    zoo(algorithms::NISTP384, "ECDSA NIST P-384", "ECDH NIST P-384");
}

#[test]
fn nist_p521() {
    zoo(algorithms::NISTP521, "ECDSA NIST P-521", "ECDH NIST P-521");
}

#[test]
fn an_rsa_key_that_does_everything_itself() {
    let gpg = Gpg::new();
    let algorithms = "Key-Type: RSA\nKey-Length: 2048\nKey-Usage: encrypt,sign";
    let key = gpg.generate(&KeySpec { algorithms, ..KeySpec::default() });
    let message = seal(&plan(&[gpg.export(&key)]), b"rows").unwrap();
    assert_eq!(gpg.decrypt(&message).unwrap(), b"rows");
}

#[test]
fn binary_certificates_are_read_too() {
    let gpg = Gpg::new();
    let key = gpg.generate(&KeySpec::default());
    let binary = gpg.must(["--batch", "--export", &key], b"");
    assert_eq!(OpenPgp.inspect(&binary, Timestamp::now()).unwrap().fingerprint, key);
}

#[test]
fn two_encryption_subkeys_both_open_it() {
    let gpg = Gpg::new();
    let key = gpg.generate(&KeySpec::default());
    gpg.add_subkey(&key, "cv25519", "encr", "0", None);
    let info = OpenPgp.inspect(gpg.export(&key).as_bytes(), Timestamp::now()).unwrap();
    assert_eq!(info.encryption_keys.len(), 2);
    let message = seal(&plan(&[gpg.export(&key)]), b"rows").unwrap();
    // A machine that holds only one of the two subkeys.
    for subkey in &info.encryption_keys {
        let selected = format!("{}!", subkey.fingerprint);
        let half = gpg.must(["--batch", "--armor", "--export-secret-subkeys", &selected], b"");
        let laptop = Gpg::new();
        laptop.import(&half);
        assert_eq!(laptop.decrypt(&message).unwrap(), b"rows", "{}", subkey.fingerprint);
    }
}

#[test]
fn a_revoked_subkey_is_left_out() {
    let gpg = Gpg::new();
    let key = gpg.generate(&KeySpec::default());
    gpg.add_subkey(&key, "cv25519", "encr", "0", None);
    let before = OpenPgp.inspect(gpg.export(&key).as_bytes(), Timestamp::now()).unwrap();
    gpg.revoke_subkey(&key, 1);
    let certificate = gpg.export(&key);
    let after = OpenPgp.inspect(certificate.as_bytes(), Timestamp::now()).unwrap();
    assert_eq!(after.encryption_keys.len(), 1);
    let gone = before.encryption_keys.iter().find(|key| !after.encryption_keys.contains(key)).unwrap();
    assert!(after.warnings.iter().any(|warning| warning.contains(&gone.fingerprint) && warning.contains("revoked")));
    let message = seal(&plan(&[certificate]), b"rows").unwrap();
    assert_eq!(gpg.decrypt(&message).unwrap(), b"rows");
    let (_, decrypted) = open(&message, &gpg.export_secret(&key)).unwrap();
    assert_eq!(decrypted.recipients.len(), 1);
    assert!(after.encryption_keys[0].fingerprint.ends_with(&decrypted.recipients[0]));
}

#[test]
fn an_expired_subkey_is_left_out() {
    let gpg = Gpg::new();
    let key = gpg.generate(&KeySpec { at: Some("20200101T000000"), ..KeySpec::default() });
    gpg.add_subkey(&key, "cv25519", "encr", "30d", Some("20200102T000000"));
    let info = OpenPgp.inspect(gpg.export(&key).as_bytes(), Timestamp::now()).unwrap();
    assert_eq!(info.encryption_keys.len(), 1);
    assert!(info.warnings.iter().any(|warning| warning.contains("expired at 2020-02-01")), "{:?}", info.warnings);
    // The one that never expires decides.
    assert_eq!(info.expires_at, None);
}

#[test]
fn several_recipients_each_open_it() {
    let (one, two) = (Gpg::new(), Gpg::new());
    let first = one.export(&one.generate(&KeySpec::default()));
    let second = two.export(&two.generate(&KeySpec { algorithms: algorithms::RSA2048, ..KeySpec::default() }));
    let message = seal(&plan(&[first, second]), b"rows").unwrap();
    assert_eq!(one.decrypt(&message).unwrap(), b"rows");
    assert_eq!(two.decrypt(&message).unwrap(), b"rows");
}

#[test]
fn one_bad_recipient_refuses_the_whole_message() {
    let gpg = Gpg::new();
    let good = gpg.export(&gpg.generate(&KeySpec::default()));
    let sign_only = KeySpec { algorithms: algorithms::SIGN_ONLY, email: "b@example.com", ..KeySpec::default() };
    let bad = gpg.export(&gpg.generate(&sign_only));
    assert!(seal(&plan(&[good, bad]), b"rows").unwrap_err().is(&codes::NO_ENCRYPTION_KEY));
    assert!(seal(&plan(&[]), b"rows").unwrap_err().is(&codes::NO_RECIPIENT));
}

#[test]
fn expiry_is_told_and_warned_about() {
    let gpg = Gpg::new();
    let certificate = gpg.export(&gpg.generate(&KeySpec { expires: "100d", ..KeySpec::default() }));
    let now = Timestamp::now();
    let info = OpenPgp.inspect(certificate.as_bytes(), now).unwrap();
    let expires = info.expires_at.unwrap();
    assert_eq!((info.expiry_step(now), info.warnings.len()), (None, 0));
    for (days, step) in [(80, 90), (20, 30), (5, 7), (0, 1)] {
        let later = expires - jiff::SignedDuration::from_hours(24 * days + 1);
        let info = OpenPgp.inspect(certificate.as_bytes(), later).unwrap();
        assert_eq!(info.expiry_step(later), Some(step));
        assert!(info.warnings.iter().any(|warning| warning.contains(&format!("in {days} days"))), "{info:?}");
    }
}

#[test]
fn an_extended_expiry_counts_and_the_old_one_does_not() {
    let gpg = Gpg::new();
    let key = gpg.generate(&KeySpec { at: Some("20200101T000000"), expires: "30d", ..KeySpec::default() });
    refused_at(&gpg.export(&key), Timestamp::now(), &codes::EXPIRED, &["2020-01-31"]);
    let then = "2020-01-15T00:00:00Z".parse().unwrap();
    let subkey = OpenPgp.inspect(gpg.export(&key).as_bytes(), then).unwrap().encryption_keys.remove(0).fingerprint;
    gpg.must(["--batch", "--quick-set-expire", &key, "2y"], b"");
    gpg.must(["--batch", "--quick-set-expire", &key, "2y", &subkey], b"");
    let info = OpenPgp.inspect(gpg.export(&key).as_bytes(), Timestamp::now()).unwrap();
    assert!(info.expires_at.unwrap() > Timestamp::now());
}

#[test]
fn old_sha1_self_signatures_are_warned_about() {
    let gpg = Gpg::new();
    let options = ["--cert-digest-algo", "SHA1"];
    let key = gpg.generate(&KeySpec {
        algorithms: algorithms::RSA2048,
        at: Some("20150101T000000"),
        options: &options,
        ..KeySpec::default()
    });
    let info = OpenPgp.inspect(gpg.export(&key).as_bytes(), Timestamp::now()).unwrap();
    assert_eq!(info.warnings.iter().filter(|warning| warning.contains("SHA-1")).count(), 2, "{info:?}");
}
