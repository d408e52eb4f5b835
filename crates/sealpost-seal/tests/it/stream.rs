//! A large message through gpg, never whole in memory: what comes out has the digest of what went in.

use std::io::Read;
use std::process::Stdio;

use sealpost_core::sink::ByteSink;
use sealpost_testkit::gpg::{Gpg, KeySpec};
use sha2::{Digest, Sha256};

use super::*;

const MEBIBYTE: usize = 1 << 20;
/// Test builds encrypt at a tenth of the speed of release ones.
const SIZE: usize = if cfg!(debug_assertions) { 64 } else { 1024 };

struct Pipe(std::process::ChildStdin);

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

impl ByteSink for Pipe {
    fn finish(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

#[test]
fn a_large_stream_through_gpg() {
    let gpg = Gpg::new();
    let recipients = [gpg.export(&gpg.generate(&KeySpec::default()))];
    let mut child = gpg
        .command()
        .args(["--batch", "--decrypt"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut digest = Sha256::new();
        let mut block = vec![0; MEBIBYTE];
        loop {
            match stdout.read(&mut block).unwrap() {
                0 => return digest.finalize(),
                read => digest.update(&block[..read]),
            }
        }
    });
    let mut sink = OpenPgp.seal(&plan(&recipients), Box::new(Pipe(child.stdin.take().unwrap()))).unwrap();
    let mut written = Sha256::new();
    let block: Vec<u8> = (0..MEBIBYTE).map(|at| (at as u32).wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
    for number in 0..SIZE {
        // No two blocks alike, so that a lost or repeated one shows.
        sink.write_all(&number.to_le_bytes()).unwrap();
        sink.write_all(&block).unwrap();
        written.update(number.to_le_bytes());
        written.update(&block);
    }
    sink.finish().unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(reader.join().unwrap(), written.finalize());
}
