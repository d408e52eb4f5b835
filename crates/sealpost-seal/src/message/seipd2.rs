//! Version 2 of the Symmetrically Encrypted and Integrity Protected Data packet as a writer (RFC 9580, 5.13.2): chunks
//! with an authentication tag each, and a last tag over the whole length, without which the message does not verify.

use std::io::{self, Write};

use bytes::BytesMut;
use hkdf::Hkdf;
use pgp::crypto::aead::{AeadAlgorithm, ChunkSize};
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use rand::{CryptoRng, Rng};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::aead::{Aead, TAG};
use super::partial::Partial;

/// The packet's type id, and its type octet as the key derivation wants it.
const SEIPD: u8 = 18;
const CHUNK: ChunkSize = ChunkSize::C64KiB;
const CHUNK_OCTETS: usize = CHUNK.as_byte_size() as usize;

/// Encrypts the packets that are written to it.
pub(super) struct Seipd2<W> {
    body: Partial<W>,
    aead: Aead,
    /// The derived part, then the index of the next chunk in the last 8 octets.
    nonce: Vec<u8>,
    /// Type octet, version, cipher, mode and chunk size: what every chunk is bound to.
    associated: [u8; 5],
    chunk: BytesMut,
    index: u64,
    octets: u64,
}

impl<W: Write> Seipd2<W> {
    /// Begins the packet, under a session key as long as the cipher's.
    pub(super) fn new(
        (cipher, mode): (SymmetricKeyAlgorithm, AeadAlgorithm),
        session_key: &[u8],
        mut rng: impl CryptoRng + Rng,
        inner: W,
    ) -> io::Result<Self> {
        let mut salt = [0; 32];
        rng.fill_bytes(&mut salt);
        let associated = [0xC0 | SEIPD, 2, cipher.into(), mode.into(), CHUNK.into()];
        // Message key, then the first octets of the nonce (RFC 9580, 5.13.2).
        let derived_nonce = mode.nonce_size().saturating_sub(8);
        let mut derived = Zeroizing::new(vec![0; cipher.key_size() + derived_nonce]);
        Hkdf::<Sha256>::new(Some(&salt), session_key).expand(&associated, &mut derived).map_err(io::Error::other)?;
        let (key, start) = derived.split_at(cipher.key_size());
        let mut nonce = start.to_vec();
        nonce.extend_from_slice(&[0; 8]);

        let mut body = Partial::new(SEIPD, inner);
        body.write_all(&associated[1..])?;
        body.write_all(&salt)?;
        Ok(Self {
            body,
            aead: Aead::new(cipher, mode, key)?,
            nonce,
            associated,
            chunk: BytesMut::with_capacity(CHUNK_OCTETS + TAG),
            index: 0,
            octets: 0,
        })
    }

    /// Writes the last chunk and the last tag, and ends the packet.
    pub(super) fn finish(mut self) -> io::Result<W> {
        if !self.chunk.is_empty() {
            self.emit(&self.associated.clone())?;
        }
        let mut associated = self.associated.to_vec();
        associated.extend_from_slice(&self.octets.to_be_bytes());
        self.emit(&associated)?;
        self.body.finish()
    }

    fn emit(&mut self, associated: &[u8]) -> io::Result<()> {
        self.octets += self.chunk.len() as u64;
        self.aead.seal(&self.nonce, associated, &mut self.chunk)?;
        self.body.write_all(&self.chunk)?;
        self.chunk.clear();
        self.index += 1;
        let counter = self.nonce.len() - 8;
        self.nonce[counter..].copy_from_slice(&self.index.to_be_bytes());
        Ok(())
    }
}

impl<W: Write> Write for Seipd2<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(CHUNK_OCTETS - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..taken]);
        if self.chunk.len() == CHUNK_OCTETS {
            self.emit(&self.associated.clone())?;
        }
        Ok(taken)
    }

    /// Does nothing: a chunk is encrypted when it is full.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
