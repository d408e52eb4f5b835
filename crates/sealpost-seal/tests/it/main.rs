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
mod unknown;

use std::io::Write;

use jiff::Timestamp;
use sealpost_core::error::{Code, Result};
use sealpost_core::partner::MessageFormat;
use sealpost_core::port::{SealPlan, Sealer};
use sealpost_core::secret::Secret;
use sealpost_core::sink::{ByteSink, MemorySink};
use sealpost_seal::OpenPgp;
use sha2::{Digest, Sha256};

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

/// Keeps what is written, and holds the digest that it is told against it.
#[derive(Default)]
struct Kept {
    out: MemorySink,
    told: Option<[u8; 32]>,
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

impl ByteSink for Kept {
    fn wants_sha256(&self) -> bool {
        true
    }

    fn sha256(&mut self, digest: [u8; 32]) {
        assert!(self.told.replace(digest).is_none(), "told once");
    }

    fn finish(self: Box<Self>) -> Result<()> {
        Box::new(self.out.clone()).finish()?;
        let message = self.out.finished().expect("finished");
        assert_eq!(self.told, Some(Sha256::digest(message).into()), "the SHA-256 of all that was written");
        Ok(())
    }
}

/// A message; its digest is checked.
fn seal(plan: &SealPlan<'_>, plain: &[u8]) -> Result<Vec<u8>> {
    let kept = Kept::default();
    let out = kept.out.clone();
    let mut sink = OpenPgp.seal(plan, Box::new(kept))?;
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
