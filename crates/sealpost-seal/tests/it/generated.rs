//! Keys of our own making: GnuPG 2.2 imports them, reads with them, and trusts what they sign.

use jiff::SignedDuration;
use sealpost_core::error::codes::seal as codes;
use sealpost_seal::{KeyKind, KeyRequest, generate};
use sealpost_testkit::gpg::Gpg;

use super::*;

fn request(kind: KeyKind) -> KeyRequest<'static> {
    KeyRequest {
        user_id: "Demo Partner <demo@example.com>",
        kind,
        now: Timestamp::now(),
        valid_for: Some(SignedDuration::from_hours(24 * 365)),
        passphrase: None,
    }
}

fn gpg_reads(kind: KeyKind) {
    let key = generate(&request(kind)).unwrap();
    let info = OpenPgp.inspect(key.public.as_bytes(), Timestamp::now()).unwrap();
    assert_eq!(info.fingerprint, key.fingerprint);
    assert_eq!(info.days_until_expiry(Timestamp::now()), Some(364));
    assert!(info.warnings.is_empty(), "{info:?}");
    let gpg = Gpg::new();
    gpg.import(key.secret.expose());
    let message = seal(&plan(&[key.public]), &rows(100_000)).unwrap();
    assert_eq!(gpg.decrypt(&message).unwrap(), rows(100_000));
    // And the other way round: gpg finds the subkey and encrypts to it.
    let theirs = gpg.must(["--batch", "--encrypt", "--recipient", &key.fingerprint], b"rows");
    let secret = std::str::from_utf8(key.secret.expose()).unwrap();
    assert_eq!(open(&theirs, secret).unwrap().0, b"rows");
}

#[test]
fn ed25519() {
    gpg_reads(KeyKind::Ed25519);
}

#[test]
fn rsa_3072() {
    gpg_reads(KeyKind::Rsa3072);
}

#[test]
fn a_passphrase_locks_the_private_key() {
    let passphrase = Secret::new(b"correct horse".to_vec());
    let key = generate(&KeyRequest { passphrase: Some(&passphrase), ..request(KeyKind::Ed25519) }).unwrap();
    let message = seal(&plan(&[key.public]), b"rows").unwrap();
    let mut plain = Vec::new();
    sealpost_seal::decrypt(&message[..], &key.secret, Some(&passphrase), &mut plain).unwrap();
    assert_eq!(plain, b"rows");
    let wrong = Secret::new(b"wrong".to_vec());
    for passphrase in [None, Some(&wrong)] {
        let error = sealpost_seal::decrypt(&message[..], &key.secret, passphrase, &mut plain).unwrap_err();
        assert!(error.is(&codes::DECRYPT), "{error}");
    }
    let gpg = Gpg::new();
    gpg.import(key.secret.expose());
    assert!(gpg.decrypt(&message).is_err(), "gpg opened it without the passphrase");
    let opened = gpg.must(["--batch", "--passphrase", "correct horse", "--decrypt"], &message);
    assert_eq!(opened, b"rows");
}

#[test]
fn what_makes_no_sense_is_refused() {
    for user_id in ["", "  ", "two\nlines"] {
        let error = generate(&KeyRequest { user_id, ..request(KeyKind::Ed25519) }).unwrap_err();
        assert!(error.is(&codes::GENERATE));
    }
    let past = KeyRequest { valid_for: Some(SignedDuration::from_hours(-1)), ..request(KeyKind::Ed25519) };
    assert!(generate(&past).unwrap_err().is(&codes::GENERATE));
}
