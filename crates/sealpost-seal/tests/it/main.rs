//! Sealing, judged from outside: by GnuPG and Sequoia's `sq`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic in a test is the report")]

mod accepted;
mod damage;
mod formats;
mod generated;
mod identified;
mod refused;
mod roundtrip;
mod sequoia;
mod signed;
mod stream;

use std::io::Write;

use jiff::Timestamp;
use sealpost_core::error::{Code, Result};
use sealpost_core::partner::MessageFormat;
use sealpost_core::port::{SealPlan, Sealer};
use sealpost_core::secret::Secret;
use sealpost_core::sink::MemorySink;
use sealpost_seal::OpenPgp;

/// Text like a report's: umlauts, separators, no accidental structure.
fn rows(length: usize) -> Vec<u8> {
    "4711;Müller & Söhne;1.234,56;2026-11-22\r\n".bytes().cycle().take(length).collect()
}

fn plan(recipients: &[String]) -> SealPlan<'_> {
    SealPlan {
        recipients,
        message: MessageFormat::Auto,
        armor: false,
        signer: None,
        file_name: "report.csv",
        now: Timestamp::now(),
    }
}

fn seal(plan: &SealPlan<'_>, plain: &[u8]) -> Result<Vec<u8>> {
    let out = MemorySink::default();
    let mut sink = OpenPgp.seal(plan, Box::new(out.clone()))?;
    for part in plain.chunks(100_000) {
        sink.write_all(part).unwrap();
    }
    sink.finish()?;
    Ok(out.finished().expect("finished"))
}

fn open(message: &[u8], secret: &str) -> Result<(Vec<u8>, sealpost_seal::Decrypted)> {
    let mut plain = Vec::new();
    let secret = Secret::new(secret.as_bytes().to_vec());
    let decrypted = sealpost_seal::decrypt(message, &secret, None, &mut plain)?;
    assert_eq!(decrypted.bytes, plain.len() as u64);
    Ok((plain, decrypted))
}

/// The certificate is refused at import and at use, with this code and these words.
#[track_caller]
fn refused_at(certificate: &str, now: Timestamp, code: &Code, words: &[&str]) {
    let at_import = OpenPgp.inspect(certificate.as_bytes(), now).expect_err("refused at import");
    assert!(at_import.is(code), "expected {}, got {at_import}", code.id);
    for word in words {
        assert!(at_import.detail().contains(word), "`{word}` is missing in: {at_import}");
    }
    let recipients = [certificate.to_owned()];
    let sink = MemorySink::default();
    let at_use = OpenPgp.seal(&SealPlan { now, ..plan(&recipients) }, Box::new(sink.clone()));
    let at_use = at_use.err().expect("refused at use");
    assert_eq!(at_use.detail(), at_import.detail());
    assert!(sink.finished().is_none());
}
