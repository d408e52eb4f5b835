//! Messages signed by our key: gpg verifies them, and says by whom.

use sealpost_core::error::codes::seal as codes;
use sealpost_seal::{KeyKind, KeyRequest, generate};
use sealpost_testkit::gpg::{Gpg, KeySpec, algorithms};

use super::*;

/// Sealed for a partner, signed by a key of ours: the partner's gpg verifies both.
fn verified(signer_algorithms: &str) {
    let (ours, partner) = (Gpg::new(), Gpg::new());
    let spec = KeySpec { algorithms: signer_algorithms, email: "us@example.com", ..KeySpec::default() };
    let signer = ours.generate(&spec);
    let secret = Secret::new(ours.export_secret(&signer).into_bytes());
    let key = partner.generate(&KeySpec::default());
    partner.import(ours.export(&signer).as_bytes());
    let recipients = [partner.export(&key)];
    let plain = rows(150_000);
    let message = seal(&SealPlan { signer: Some((&secret, None)), ..plan(&recipients) }, &plain).unwrap();
    let (opened, status) = partner.decrypt_with_status(&message);
    assert_eq!(opened, plain);
    assert!(status.contains("GOODSIG") && status.contains(&format!("VALIDSIG {signer}")), "{status}");

    let key = Secret::new(partner.export_secret(&key).into_bytes());
    let certificate = ours.export(&signer);
    let mut opened = Vec::new();
    let decrypted =
        sealpost_seal::decrypt_verified(&message[..], &key, None, certificate.as_bytes(), &mut opened).unwrap();
    assert_eq!(opened, plain);
    assert_eq!(decrypted.signatures.len(), 1);
    assert!(decrypted.signatures[0].verified);
    assert_eq!(decrypted.signatures[0].issuer, signer);
    // By another key's certificate it is not verified.
    let other = ours.export(&ours.generate(&KeySpec { email: "other@example.com", ..KeySpec::default() }));
    let decrypted =
        sealpost_seal::decrypt_verified(&message[..], &key, None, other.as_bytes(), &mut Vec::new()).unwrap();
    assert!(!decrypted.signatures[0].verified);
}

#[test]
fn by_ed25519() {
    verified(algorithms::CURVE25519);
}

#[test]
fn by_rsa() {
    verified(algorithms::RSA2048);
}

#[test]
fn by_nist_p384() {
    verified(algorithms::NISTP384);
}

#[test]
fn by_a_signing_subkey_where_there_is_one() {
    let gpg = Gpg::new();
    let key = gpg.generate(&KeySpec::default());
    gpg.add_subkey(&key, "ed25519", "sign", "0", None);
    let secret = Secret::new(gpg.export_secret(&key).into_bytes());
    let recipients = [gpg.export(&key)];
    let message = seal(&SealPlan { signer: Some((&secret, None)), ..plan(&recipients) }, b"rows").unwrap();
    let (opened, status) = gpg.decrypt_with_status(&message);
    assert_eq!(opened, b"rows");
    // VALIDSIG names the subkey first and the primary key last.
    let valid = status.lines().find(|line| line.contains("VALIDSIG")).expect("a valid signature");
    assert!(valid.ends_with(&key) && !valid.contains(&format!("VALIDSIG {key}")), "{status}");
}

#[test]
fn with_a_passphrase_and_not_with_a_wrong_one() {
    let passphrase = Secret::new(b"correct horse\n".to_vec());
    let request = KeyRequest {
        user_id: "Us <us@example.com>",
        kind: KeyKind::Ed25519,
        now: Timestamp::now(),
        valid_for: None,
        passphrase: Some(&passphrase),
    };
    let key = generate(&request).unwrap();
    let gpg = Gpg::new();
    gpg.import(key.public.as_bytes());
    let recipients = [gpg.export(&gpg.generate(&KeySpec::default()))];
    let signed = |passphrase| seal(&SealPlan { signer: Some((&key.secret, passphrase)), ..plan(&recipients) }, b"rows");
    let (_, status) = gpg.decrypt_with_status(&signed(Some(&passphrase)).unwrap());
    assert!(status.contains(&format!("VALIDSIG {}", key.fingerprint)), "{status}");
    let wrong = Secret::new(b"wrong".to_vec());
    for passphrase in [None, Some(&wrong)] {
        let error = signed(passphrase).unwrap_err();
        assert!(error.is(&codes::SIGNING_KEY) && error.detail().contains("passphrase"), "{error}");
        assert!(!format!("{error:?}").contains("correct"));
    }
}

#[test]
fn by_no_key_that_may_not() {
    let gpg = Gpg::new();
    let recipients = [gpg.export(&gpg.generate(&KeySpec::default()))];
    let expired =
        KeySpec { at: Some("20200101T000000"), expires: "1y", email: "old@example.com", ..KeySpec::default() };
    let revoked = gpg.generate(&KeySpec { email: "revoked@example.com", ..KeySpec::default() });
    gpg.revoke(&revoked);
    for (key, words) in [
        (gpg.export_secret(&gpg.generate(&expired)), "expired at 2020-12-31"),
        (gpg.export_secret(&revoked), "was revoked"),
        (recipients[0].clone(), "without the private half"),
        ("nonsense".to_owned(), "neither ASCII armor"),
    ] {
        let key = Secret::new(key.into_bytes());
        let error = seal(&SealPlan { signer: Some((&key, None)), ..plan(&recipients) }, b"rows").unwrap_err();
        assert!(error.is(&codes::SIGNING_KEY) && error.detail().contains(words), "{words}: {error}");
    }
}
