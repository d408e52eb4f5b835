//! Which certificate is it: read, put into an armor of its own, judged by nobody.

use sealpost_core::error::codes::seal;
use sealpost_core::port::Sealer;
use sealpost_seal::OpenPgp;
use sealpost_testkit::gpg::{Gpg, KeySpec};

#[test]
fn armored_and_binary_give_the_same_certificate_that_gpg_reads() {
    let gpg = Gpg::new();
    let fingerprint = gpg.generate(&KeySpec::default());
    let armored = gpg.export(&fingerprint);
    let binary = gpg.must(["--batch", "--export", &fingerprint], b"");
    let noted = armored.replace("BLOCK-----\n", "BLOCK-----\nComment: hello\n");
    let one = OpenPgp.identify(armored.as_bytes()).unwrap();
    assert_eq!(one.fingerprint, fingerprint);
    let (sent, marked) = (format!("mail\n\n{armored}"), format!("\u{feff}{armored}"));
    for other in [&binary[..], noted.as_bytes(), sent.as_bytes(), marked.as_bytes()] {
        assert_eq!(OpenPgp.identify(other).unwrap(), one);
    }
    let other = Gpg::new();
    other.import(one.armored.as_bytes());
    assert_eq!(other.export(&fingerprint), armored);
}

#[test]
fn an_expired_or_revoked_certificate_can_be_named() {
    let gpg = Gpg::new();
    let expired = gpg.generate(&KeySpec { at: Some("20200101T000000"), expires: "1d", ..KeySpec::default() });
    let certificate = gpg.export(&expired);
    assert!(OpenPgp.inspect(certificate.as_bytes(), jiff::Timestamp::now()).unwrap_err().is(&seal::EXPIRED));
    let named = OpenPgp.identify(certificate.as_bytes()).unwrap();
    assert_eq!((named.fingerprint, named.created_at.to_string()), (expired, "2020-01-01T00:00:00Z".to_owned()));
}

#[test]
fn a_private_key_is_refused_wherever_it_stands() {
    let gpg = Gpg::new();
    let fingerprint = gpg.generate(&KeySpec::default());
    let secret = gpg.export_secret(&fingerprint);
    let binary = gpg.must(["--batch", "--export-secret-keys", &fingerprint], b"");
    let both = format!("{}\n{secret}", gpg.export(&fingerprint));
    for given in [secret.as_bytes(), &binary, both.as_bytes()] {
        let error = OpenPgp.identify(given).unwrap_err();
        assert!(error.is(&seal::SECRET_GIVEN), "{error}");
    }
}
