//! Version 1 of the Symmetrically Encrypted and Integrity Protected Data packet as a writer (RFC 9580, 5.13.1): AES-256
//! in CFB mode with SHA-1 over the plaintext as modification detection code. This is what GnuPG 2.2 reads.
//!
//! Ours, because `rPGP` drives CFB block by block; whole buffers save it that.

use std::io::{self, Write};

use aes::Aes256;
use aes::cipher::array::Array;
use aes::cipher::{Block, BlockModeEncrypt, KeyIvInit};
use cfb_mode::Encryptor;
use rand::{CryptoRng, Rng};
use sha1::{Digest, Sha1};

use super::partial::Partial;

/// The packet's type id.
const SEIPD: u8 = 18;
/// AES has blocks of 16 octets.
const BLOCK: usize = 16;
/// Plaintext is hashed and encrypted in runs of this size: whole blocks, small enough to stay in the first cache.
const RUN: usize = 16 * 1024;

/// Encrypts the packets that are written to it.
pub(super) struct Seipd1<W> {
    body: Partial<W>,
    cipher: Encryptor<Aes256>,
    hash: Sha1,
    run: Vec<u8>,
}

impl<W: Write> Seipd1<W> {
    /// Begins the packet, under a 32-octet session key.
    pub(super) fn new(session_key: &[u8], mut rng: impl CryptoRng + Rng, inner: W) -> io::Result<Self> {
        let mut body = Partial::new(SEIPD, inner);
        body.write_all(&[1])?;
        // The IV is zero; a random block with its last two octets repeated stands for it (RFC 9580, 5.13.1).
        let cipher = Encryptor::new_from_slices(session_key, &[0; BLOCK]).map_err(io::Error::other)?;
        let mut prefix = [0; BLOCK + 2];
        rng.fill_bytes(&mut prefix[..BLOCK]);
        prefix.copy_within(BLOCK - 2..BLOCK, BLOCK);
        let mut seipd = Self { body, cipher, hash: Sha1::new(), run: Vec::with_capacity(RUN) };
        seipd.write_all(&prefix)?;
        Ok(seipd)
    }

    /// Writes the modification detection code and ends the packet. Without it the message does not verify.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.write_all(&[0xD3, 0x14])?;
        self.hash.update(&self.run);
        let code = std::mem::take(&mut self.hash).finalize();
        self.run.extend_from_slice(&code);
        let length = self.run.len();
        // CFB needs no padding: the last, incomplete block takes as much key stream as it needs.
        self.run.resize(length.next_multiple_of(BLOCK), 0);
        self.encrypt();
        self.body.write_all(&self.run[..length])?;
        self.body.finish()
    }

    fn encrypt(&mut self) {
        let (blocks, _): (&mut [Block<Aes256>], _) = Array::slice_as_chunks_mut(&mut self.run);
        self.cipher.encrypt_blocks(blocks);
    }
}

impl<W: Write> Write for Seipd1<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(RUN - self.run.len());
        self.run.extend_from_slice(&bytes[..taken]);
        if self.run.len() == RUN {
            self.hash.update(&self.run);
            self.encrypt();
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
