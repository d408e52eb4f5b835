//! How fast sealing is, beside `gpg`: `cargo run --release -p sealpost-seal --example seal_throughput -- [MiB]`.
//!
//! Seals CSV-like text for an RSA 4096 key into a sink that forgets it, as `measurements` did, and lets
//! `gpg --encrypt --compress-algo none` do the same.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a measuring tool for the terminal")]

use std::io::Write;
use std::process::Stdio;
use std::time::Instant;

use sealpost_core::partner::MessageFormat;
use sealpost_core::port::{SealPlan, Sealer};
use sealpost_core::sink::ByteSink;
use sealpost_seal::OpenPgp;
use sealpost_testkit::gpg::{Gpg, KeySpec, algorithms};

struct Nowhere;

impl Write for Nowhere {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl ByteSink for Nowhere {
    fn finish(self: Box<Self>) -> sealpost_core::Result<()> {
        Ok(())
    }
}

fn main() {
    let mebibytes: usize = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(512);
    let block: Vec<u8> = "4711;Müller & Söhne;1.234,56;2026-11-22\r\n".bytes().cycle().take(1 << 20).collect();
    let gpg = Gpg::new();
    let key = gpg.generate(&KeySpec { algorithms: algorithms::RSA4096, ..KeySpec::default() });
    let recipients = [gpg.export(&key)];
    let rate = |name: &str, start: Instant| {
        let seconds = start.elapsed().as_secs_f64();
        println!("{name:<28} {:>6.0} MB/s", (mebibytes << 20) as f64 / 1e6 / seconds);
    };
    for (name, message) in [("SEIPDv1", MessageFormat::Seipdv1), ("SEIPDv2", MessageFormat::Seipdv2)] {
        let plan = SealPlan {
            recipients: &recipients,
            message,
            armor: false,
            signer: None,
            file_name: "report.csv",
            now: jiff::Timestamp::now(),
        };
        let start = Instant::now();
        let mut sink = OpenPgp.seal(&plan, Box::new(Nowhere)).unwrap();
        for _ in 0..mebibytes {
            sink.write_all(&block).unwrap();
        }
        sink.finish().unwrap();
        rate(name, start);
    }
    let start = Instant::now();
    let mut child = gpg
        .command()
        .args(["--batch", "--compress-algo", "none", "--encrypt", "--recipient", &key])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    for _ in 0..mebibytes {
        stdin.write_all(&block).unwrap();
    }
    drop(stdin);
    child.wait().unwrap();
    rate("gpg --compress-algo none", start);
}
