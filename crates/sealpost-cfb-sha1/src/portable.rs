//! Cipher and hash one after the other, by crates. Says what is right where `interleaved` says something else.

use aes::Aes256;
use aes::cipher::array::Array;
use aes::cipher::{Block, BlockModeEncrypt, KeyIvInit};
use cfb_mode::Encryptor;
use sha1::{Digest, Sha1};

use super::{AES_BLOCK, DIGEST, KEY, SHA_BLOCK};

/// Blocks that are hashed before they are encrypted: 16 KiB, so that they are still in the first cache then.
const AT_ONCE: usize = 256;

/// The state of both.
pub(crate) struct Portable {
    cipher: Encryptor<Aes256>,
    hash: Sha1,
}

impl Portable {
    pub(crate) fn new(key: &[u8; KEY], iv: &[u8; AES_BLOCK]) -> Self {
        Self { cipher: Encryptor::new(key.into(), iv.into()), hash: Sha1::new() }
    }

    pub(crate) fn encrypt(&mut self, blocks: &mut [[u8; SHA_BLOCK]]) {
        for blocks in blocks.chunks_mut(AT_ONCE) {
            let octets = blocks.as_flattened_mut();
            self.hash.update(&*octets);
            let (blocks, _): (&mut [Block<Aes256>], _) = Array::slice_as_chunks_mut(octets);
            self.cipher.encrypt_blocks(blocks);
        }
    }

    pub(crate) fn digest(&self, rest: &[u8]) -> [u8; DIGEST] {
        self.hash.clone().chain_update(rest).finalize().into()
    }

    pub(crate) fn encrypt_last(&mut self, rest: &mut [u8]) {
        let (blocks, last): (&mut [Block<Aes256>], _) = Array::slice_as_chunks_mut(rest);
        self.cipher.encrypt_blocks(blocks);
        let mut padded = Block::<Aes256>::default();
        padded[..last.len()].copy_from_slice(last);
        self.cipher.encrypt_block(&mut padded);
        last.copy_from_slice(&padded[..last.len()]);
    }
}
