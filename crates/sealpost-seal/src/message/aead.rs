//! A cipher in an AEAD mode, with its key: GCM by AWS-LC, which sets the key up once and knows the processor's widest instructions; the other
//! modes, which it does not have, by `rPGP`.

use std::io;

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use bytes::BytesMut;
use pgp::crypto::aead::AeadAlgorithm;
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use zeroize::Zeroizing;

/// Octets of a tag, in every mode.
pub(super) const TAG: usize = 16;

/// Encrypts chunks under one key. Whoever asks sees to it that no nonce comes twice.
pub(super) enum Aead {
    Gcm(LessSafeKey),
    Other { cipher: SymmetricKeyAlgorithm, mode: AeadAlgorithm, key: Zeroizing<Vec<u8>> },
}

impl Aead {
    /// Takes a key as long as the cipher's.
    pub(super) fn new(cipher: SymmetricKeyAlgorithm, mode: AeadAlgorithm, key: &[u8]) -> io::Result<Self> {
        let gcm = match (cipher, mode) {
            (SymmetricKeyAlgorithm::AES128, AeadAlgorithm::Gcm) => &AES_128_GCM,
            (SymmetricKeyAlgorithm::AES256, AeadAlgorithm::Gcm) => &AES_256_GCM,
            _ => return Ok(Self::Other { cipher, mode, key: Zeroizing::new(key.to_vec()) }),
        };
        let key = UnboundKey::new(gcm, key).map_err(io::Error::other)?;
        Ok(Self::Gcm(LessSafeKey::new(key)))
    }

    /// Puts the ciphertext in the chunk's place and the tag behind it.
    pub(super) fn seal(&self, nonce: &[u8], associated: &[u8], chunk: &mut BytesMut) -> io::Result<()> {
        match self {
            Self::Gcm(key) => {
                let nonce: [u8; NONCE_LEN] = nonce.try_into().map_err(io::Error::other)?;
                let nonce = Nonce::assume_unique_for_key(nonce);
                let tag = key.seal_in_place_separate_tag(nonce, Aad::from(associated), chunk);
                chunk.extend_from_slice(tag.map_err(io::Error::other)?.as_ref());
                Ok(())
            }
            Self::Other { cipher, mode, key } => {
                mode.encrypt_in_place(cipher, key, nonce, associated, chunk).map_err(io::Error::other)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gcm_gives_what_rpgp_gives() {
        for cipher in [SymmetricKeyAlgorithm::AES128, SymmetricKeyAlgorithm::AES256] {
            let key: Vec<u8> = (1..).take(cipher.key_size()).collect();
            let aead = Aead::new(cipher, AeadAlgorithm::Gcm, &key).unwrap();
            assert!(matches!(aead, Aead::Gcm(_)));
            for length in [0, 1, 16, 1000, 65_536] {
                let mut ours = BytesMut::from(&vec![7; length][..]);
                let mut theirs = ours.clone();
                // Two chunks with one key, as in a message.
                for nonce in [[3; 12], [4; 12]] {
                    aead.seal(&nonce, &[0xD2, 2, 9, 3, 10], &mut ours).unwrap();
                    AeadAlgorithm::Gcm
                        .encrypt_in_place(&cipher, &key, &nonce, &[0xD2, 2, 9, 3, 10], &mut theirs)
                        .unwrap();
                    assert_eq!(ours.len() % (length + TAG).max(1), 0);
                    assert!(ours == theirs, "{cipher:?}, {length} octets");
                    ours.truncate(length);
                    theirs.truncate(length);
                }
            }
        }
    }
}
