//! Container and armor: chosen by what the certificates advertise, or by the operator.

use sealpost_seal::{GeneratedKey, KeyKind, KeyRequest, generate};
use sealpost_testkit::gpg::{Gpg, KeySpec};

use super::*;

fn key(kind: KeyKind) -> GeneratedKey {
    let request = KeyRequest {
        user_id: "Partner <partner@example.com>",
        kind,
        now: Timestamp::now(),
        valid_for: None,
        passphrase: None,
    };
    generate(&request).unwrap()
}

/// The version octet of the container behind `packets` session key packets.
fn container_version(message: &[u8], packets: usize) -> u8 {
    let mut at = 0;
    for _ in 0..packets {
        assert_eq!(message[at], 0xC0 | 1);
        at += 2 + usize::from(message[at + 1]);
    }
    assert_eq!(message[at], 0xC0 | 18);
    let length_octets = match message[at + 1] {
        0..192 => 1,
        192..224 => 2,
        255 => 5,
        _ => 1,
    };
    message[at + 1 + length_octets]
}

#[test]
fn auto_follows_the_certificates() {
    let (old, new) = (key(KeyKind::Ed25519), key(KeyKind::Ed25519V6));
    assert!(!OpenPgp.inspect(old.public.as_bytes(), Timestamp::now()).unwrap().aead);
    assert!(OpenPgp.inspect(new.public.as_bytes(), Timestamp::now()).unwrap().aead);
    let plain = rows(1000);
    for (recipients, version) in [(vec![&old], 1), (vec![&new], 2), (vec![&new, &old], 1), (vec![&new, &new], 2)] {
        let certificates: Vec<String> = recipients.iter().map(|key| key.public.clone()).collect();
        let message = seal(&plan(&certificates), &plain).unwrap();
        assert_eq!(container_version(&message, certificates.len()), version);
        for key in recipients {
            let secret = std::str::from_utf8(key.secret.expose()).unwrap();
            assert_eq!(open(&message, secret).unwrap().0, plain);
        }
    }
}

#[test]
fn the_operator_may_decide() {
    let (old, new) = (key(KeyKind::Ed25519), key(KeyKind::Ed25519V6));
    let plain = rows(100_000);
    for (key, format, version) in [(old, MessageFormat::Seipdv2, 2), (new, MessageFormat::Seipdv1, 1)] {
        let recipients = [key.public];
        let message = seal(&SealPlan { message: format, ..plan(&recipients) }, &plain).unwrap();
        assert_eq!(container_version(&message, 1), version);
        let secret = std::str::from_utf8(key.secret.expose()).unwrap();
        assert_eq!(open(&message, secret).unwrap().0, plain);
    }
}

#[test]
fn armor_is_read_by_gpg_and_by_us() {
    let gpg = Gpg::new();
    let key = gpg.generate(&KeySpec::default());
    let recipients = [gpg.export(&key)];
    for length in [0, 1, 47, 48, 100_000] {
        let plain = rows(length);
        let message = seal(&SealPlan { armor: true, ..plan(&recipients) }, &plain).unwrap();
        let text = std::str::from_utf8(&message).unwrap();
        assert!(text.starts_with("-----BEGIN PGP MESSAGE-----\n\n") && text.ends_with("-----END PGP MESSAGE-----\n"));
        assert_eq!(gpg.decrypt(&message).unwrap(), plain);
        assert_eq!(open(&message, &gpg.export_secret(&key)).unwrap().0, plain);
    }
}

#[test]
fn armor_of_seipdv2_has_no_checksum() {
    let new = key(KeyKind::Ed25519V6);
    let recipients = [new.public];
    let message = seal(&SealPlan { armor: true, ..plan(&recipients) }, b"rows").unwrap();
    let text = std::str::from_utf8(&message).unwrap();
    assert!(!text.lines().any(|line| line.starts_with('=')), "{text}");
    assert_eq!(open(&message, std::str::from_utf8(new.secret.expose()).unwrap()).unwrap().0, b"rows");
}

#[test]
fn gpg_sees_the_packets_that_we_meant() {
    let gpg = Gpg::new();
    let key = gpg.generate(&KeySpec::default());
    let recipients = [gpg.export(&key)];
    let message = seal(&plan(&recipients), &rows(200_000)).unwrap();
    let packets = gpg.list_packets(&message);
    for words in [":pubkey enc packet: version 3", "mdc_method: 2", ":literal data packet:", "name=\"report.csv\""] {
        assert!(packets.contains(words), "{words} is missing in:\n{packets}");
    }
    let (plain, status) = gpg.decrypt_with_status(&message);
    assert_eq!(plain, rows(200_000));
    assert!(status.contains("GOODMDC") && status.contains("DECRYPTION_OKAY"), "{status}");
}
