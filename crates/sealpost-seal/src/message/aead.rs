//! A cipher in an AEAD mode, with its key set up once for all chunks: GCM by AWS-LC, OCB by ourselves, which AWS-LC does not have.

use std::io;

use aes::cipher::KeyInit;
use aes::{Aes128, Aes256};
use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use bytes::BytesMut;
use pgp::crypto::aead::AeadAlgorithm;
use pgp::crypto::sym::SymmetricKeyAlgorithm;

use super::ocb::Ocb;

/// Octets of a tag, in every mode.
pub(super) const TAG: usize = 16;

/// Encrypts chunks under one key. Whoever asks sees to it that no nonce comes twice.
pub(super) enum Aead {
    Gcm(LessSafeKey),
    Ocb128(Ocb<Aes128>),
    Ocb256(Ocb<Aes256>),
}

impl Aead {
    /// Takes a key as long as the cipher's.
    pub(super) fn new(cipher: SymmetricKeyAlgorithm, mode: AeadAlgorithm, key: &[u8]) -> io::Result<Self> {
        let gcm = match (cipher, mode) {
            (SymmetricKeyAlgorithm::AES128, AeadAlgorithm::Gcm) => &AES_128_GCM,
            (SymmetricKeyAlgorithm::AES256, AeadAlgorithm::Gcm) => &AES_256_GCM,
            (SymmetricKeyAlgorithm::AES128, AeadAlgorithm::Ocb) => {
                return Ok(Self::Ocb128(Ocb::new(Aes128::new_from_slice(key).map_err(io::Error::other)?)));
            }
            (SymmetricKeyAlgorithm::AES256, AeadAlgorithm::Ocb) => {
                return Ok(Self::Ocb256(Ocb::new(Aes256::new_from_slice(key).map_err(io::Error::other)?)));
            }
            _ => return Err(io::Error::other(format!("{cipher:?} with {mode:?} is not written"))),
        };
        let key = UnboundKey::new(gcm, key).map_err(io::Error::other)?;
        Ok(Self::Gcm(LessSafeKey::new(key)))
    }

    /// Puts the ciphertext in the chunk's place and the tag behind it.
    pub(super) fn seal(&self, nonce: &[u8], associated: &[u8], chunk: &mut BytesMut) -> io::Result<()> {
        let tag = match self {
            Self::Gcm(key) => {
                let nonce: [u8; NONCE_LEN] = nonce.try_into().map_err(io::Error::other)?;
                let nonce = Nonce::assume_unique_for_key(nonce);
                let tag = key.seal_in_place_separate_tag(nonce, Aad::from(associated), chunk);
                <[u8; TAG]>::try_from(tag.map_err(io::Error::other)?.as_ref()).map_err(io::Error::other)?
            }
            Self::Ocb128(ocb) => ocb.encrypt(nonce, associated, chunk),
            Self::Ocb256(ocb) => ocb.encrypt(nonce, associated, chunk),
        };
        chunk.extend_from_slice(&tag);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `rPGP` sets the key up for each chunk, and has its own modes.
    #[test]
    fn every_suite_gives_what_rpgp_gives() {
        for cipher in [SymmetricKeyAlgorithm::AES128, SymmetricKeyAlgorithm::AES256] {
            for mode in [AeadAlgorithm::Gcm, AeadAlgorithm::Ocb] {
                let key: Vec<u8> = (1..).take(cipher.key_size()).collect();
                let aead = Aead::new(cipher, mode, &key).unwrap();
                let lengths = (0..20).chain([1007, 1008, 1024, 1025, 1040, 2048, 2064, 65_535, 65_536]);
                for (length, last) in lengths.zip(0..) {
                    let plain: Vec<u8> = (0..=250).cycle().take(length).collect();
                    let mut nonce = vec![0xA5; mode.nonce_size()];
                    nonce[mode.nonce_size() - 1] = last * 9;
                    let mut ours = BytesMut::from(&plain[..]);
                    let mut theirs = ours.clone();
                    let associated = [0xD2, 2, 9, 3, 10];
                    aead.seal(&nonce, &associated, &mut ours).unwrap();
                    mode.encrypt_in_place(&cipher, &key, &nonce, &associated, &mut theirs).unwrap();
                    assert_eq!(ours.len(), length + TAG);
                    assert!(ours == theirs, "{cipher:?}, {mode:?}, {length} octets");
                }
            }
        }
    }
}
