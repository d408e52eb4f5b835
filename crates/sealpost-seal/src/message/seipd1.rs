//! Version 1 of the Symmetrically Encrypted and Integrity Protected Data packet as a writer (RFC 9580, 5.13.1): AES-256
//! in CFB mode with SHA-1 over the plaintext as modification detection code. This is what GnuPG 2.2 reads.
//!
//! Ours, because `rPGP` drives CFB block by block. Here whole buffers go through cipher and hash at once (`sealpost-cfb-sha1`).

use std::io::{self, Write};

use rand::{CryptoRng, Rng};
use sealpost_cfb_sha1::{AES_BLOCK, CfbSha1, DIGEST};

use super::Output;
use super::partial::{CHUNK, Partial};

/// The packet's type id.
const SEIPD: u8 = 18;
/// Plaintext is hashed and encrypted in runs of this size: whole blocks, and a partial chunk's worth, which goes out without being
/// copied again.
const RUN: usize = CHUNK;

/// Encrypts the packets that are written to it.
pub(super) struct Seipd1 {
    body: Partial<Output>,
    cipher: CfbSha1,
    run: Vec<u8>,
}

impl Seipd1 {
    /// Begins the packet, under a 32-octet session key.
    pub(super) fn new(session_key: &[u8], mut rng: impl CryptoRng + Rng, inner: Output) -> io::Result<Self> {
        let mut body = Partial::new(SEIPD, inner);
        body.write_all(&[1])?;
        // The IV is zero; a random block with its last two octets repeated stands for it (RFC 9580, 5.13.1).
        let cipher = CfbSha1::new(session_key.try_into().map_err(io::Error::other)?, &[0; AES_BLOCK]);
        let mut prefix = [0; AES_BLOCK + 2];
        rng.fill_bytes(&mut prefix[..AES_BLOCK]);
        prefix.copy_within(AES_BLOCK - 2..AES_BLOCK, AES_BLOCK);
        let mut seipd = Self { body, cipher, run: Vec::with_capacity(RUN + DIGEST) };
        seipd.write_all(&prefix)?;
        Ok(seipd)
    }

    /// Writes the modification detection code and ends the packet. Without it the message does not verify.
    pub(super) fn finish(mut self) -> io::Result<Output> {
        self.write_all(&[0xD3, 0x14])?;
        let (blocks, rest) = self.run.as_chunks_mut();
        self.cipher.encrypt(blocks);
        let (code, left) = (self.cipher.digest(rest), rest.len());
        let last = self.run.len() - left;
        self.run.extend_from_slice(&code);
        self.cipher.encrypt_last(&mut self.run[last..]);
        self.body.write_all(&self.run)?;
        self.body.finish()
    }
}

impl Write for Seipd1 {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(RUN - self.run.len());
        self.run.extend_from_slice(&bytes[..taken]);
        if self.run.len() == RUN {
            let (blocks, _) = self.run.as_chunks_mut();
            match self.body.inner().behind() {
                // What went out before is as long as this, and still in the cache.
                Some(behind) => behind.catch_up(|digest, before| self.cipher.encrypt_beside(blocks, digest, before)),
                None => self.cipher.encrypt(blocks),
            }
            self.body.write_all(&self.run)?;
            self.run.clear();
        }
        Ok(taken)
    }

    /// Does nothing: what was written can't be taken out of its run early.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
