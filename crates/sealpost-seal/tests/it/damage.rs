//! Altered, cut off or unfinished messages are refused, by gpg and by us.

use sealpost_core::error::codes::seal as codes;
use sealpost_seal::{KeyKind, KeyRequest, generate};
use sealpost_testkit::gpg::{Gpg, KeySpec};

use super::*;

struct Case {
    message: Vec<u8>,
    /// Where the encrypted container begins, behind the session key packets.
    container: usize,
    secret: String,
    plain: Vec<u8>,
}

fn case(kind: KeyKind, format: MessageFormat, length: usize) -> Case {
    let request = KeyRequest {
        user_id: "Partner <partner@example.com>",
        kind,
        now: Timestamp::now(),
        valid_for: None,
        passphrase: None,
    };
    let key = generate(&request).unwrap();
    let plain = rows(length);
    let recipients = [key.public];
    let message = seal(&SealPlan { message: format, ..plan(&recipients) }, &plain).unwrap();
    let secret = String::from_utf8(key.secret.expose().to_vec()).unwrap();
    // Type octet and one-octet length, then the session key packet's body.
    let container = 2 + usize::from(message[1]);
    assert_eq!(message[container], 0xC0 | 18);
    Case { message, container, secret, plain }
}

/// The reader must fail, or give the very same bytes where the flip is in the framing around the container.
fn flip_every_octet(case: &Case) {
    for octet in 0..case.message.len() {
        let mut altered = case.message.clone();
        altered[octet] ^= 1 << (octet % 8);
        match open(&altered, &case.secret) {
            Ok((plain, _)) => {
                assert!(octet < case.container, "octet {octet} of the container was altered unnoticed");
                assert_eq!(plain, case.plain, "octet {octet} changed what was read");
            }
            Err(error) => assert!(error.is(&codes::DECRYPT), "octet {octet}: {error}"),
        }
    }
}

#[test]
fn every_altered_octet_of_seipdv1_is_noticed() {
    flip_every_octet(&case(KeyKind::Ed25519, MessageFormat::Seipdv1, 300));
}

#[test]
fn every_altered_octet_of_seipdv2_is_noticed() {
    flip_every_octet(&case(KeyKind::Ed25519V6, MessageFormat::Auto, 300));
}

#[test]
fn every_cut_is_noticed() {
    for (kind, format) in [(KeyKind::Ed25519, MessageFormat::Seipdv1), (KeyKind::Ed25519V6, MessageFormat::Seipdv2)] {
        let case = case(kind, format, 300);
        for length in 0..case.message.len() {
            let error = open(&case.message[..length], &case.secret).expect_err("a cut message");
            assert!(error.is(&codes::DECRYPT), "{length}: {error}");
        }
    }
}

#[test]
fn cuts_of_long_messages_are_noticed() {
    for (kind, format) in [(KeyKind::Ed25519, MessageFormat::Seipdv1), (KeyKind::Ed25519V6, MessageFormat::Seipdv2)] {
        let case = case(kind, format, 300_000);
        // At and around the borders of partial chunks and AEAD chunks, and within the last code.
        let borders = (1..5).flat_map(|chunk| [chunk * 65_536, chunk * 65_537, chunk * 65_552]);
        let ends = (1..45).map(|back| case.message.len() - back);
        for length in borders.chain(ends).filter(|length| *length < case.message.len()) {
            let error = open(&case.message[..length], &case.secret).expect_err("a cut message");
            assert!(error.is(&codes::DECRYPT), "{length}: {error}");
        }
    }
}

#[test]
fn gpg_notices_altered_and_cut_messages() {
    let gpg = Gpg::new();
    let key = gpg.generate(&KeySpec::default());
    let recipients = [gpg.export(&key)];
    let message = seal(&plan(&recipients), &rows(200_000)).unwrap();
    gpg.decrypt(&message).unwrap();
    let container = 2 + usize::from(message[1]);
    for octet in [container + 3, container + 40, message.len() / 2, message.len() - 30, message.len() - 1] {
        let mut altered = message.clone();
        altered[octet] ^= 0x10;
        assert!(gpg.decrypt(&altered).is_err(), "octet {octet}");
    }
    for length in [container + 1, container + 100, message.len() / 2, message.len() - 22, message.len() - 1] {
        assert!(gpg.decrypt(&message[..length]).is_err(), "cut at {length}");
    }
}

/// What a dropped sink leaves behind: the bytes that went out, without the end.
#[derive(Clone, Default)]
struct Leak(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl Write for Leak {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl sealpost_core::sink::ByteSink for Leak {
    fn finish(self: Box<Self>) -> Result<()> {
        panic!("an unfinished message must not finish what is behind it")
    }
}

#[test]
fn an_unfinished_message_does_not_verify() {
    let gpg = Gpg::new();
    let key = gpg.generate(&KeySpec::default());
    let secret = gpg.export_secret(&key);
    let recipients = [gpg.export(&key)];
    for message in [MessageFormat::Seipdv1, MessageFormat::Seipdv2] {
        for armor in [false, true] {
            let leak = Leak::default();
            let mut sink =
                OpenPgp.seal(&SealPlan { message, armor, ..plan(&recipients) }, Box::new(leak.clone())).unwrap();
            sink.write_all(&rows(1_000_000)).unwrap();
            drop(sink);
            let bytes = leak.0.lock().unwrap().clone();
            assert!(bytes.len() > 500_000);
            assert!(open(&bytes, &secret).unwrap_err().is(&codes::DECRYPT));
            assert!(gpg.decrypt(&bytes).is_err());
        }
    }
}

/// A store that fails after some bytes.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or_else(|| {
            sealpost_core::Error::new(&sealpost_core::error::codes::store::UNREACHABLE, "disk full").into_io()
        })?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl sealpost_core::sink::ByteSink for Full {
    fn finish(self: Box<Self>) -> Result<()> {
        panic!("a broken sink must not be finished")
    }
}

#[test]
fn an_error_behind_keeps_its_code_and_poisons_the_message() {
    let gpg = Gpg::new();
    let recipients = [gpg.export(&gpg.generate(&KeySpec::default()))];
    let mut sink = OpenPgp.seal(&plan(&recipients), Box::new(Full(200_000))).unwrap();
    let error = sink.write_all(&rows(1_000_000)).unwrap_err();
    let error = sealpost_core::Error::from_io(error, &codes::WRITE);
    assert!(error.is(&sealpost_core::error::codes::store::UNREACHABLE), "{error}");
    assert!(sink.write_all(b"more").is_err());
    assert!(sink.finish().unwrap_err().is(&codes::WRITE));
}

#[test]
fn the_wrong_key_and_the_wrong_passphrase_are_said_so() {
    let case = case(KeyKind::Ed25519, MessageFormat::Auto, 10);
    let gpg = Gpg::new();
    let other = gpg.export_secret(&gpg.generate(&KeySpec::default()));
    let error = open(&case.message, &other).unwrap_err();
    assert!(error.is(&codes::DECRYPT) && error.detail().contains("none of its recipients"), "{error}");
    let error = open(b"no message", &case.secret).unwrap_err();
    assert!(error.is(&codes::DECRYPT), "{error}");
}
