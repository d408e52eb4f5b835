//! Session keys encrypted to RSA keys by AWS-LC: rPGP's own arithmetic of large numbers takes a twentieth of all that a small
//! report takes.

use aws_lc_rs::rsa::{Pkcs1PublicEncryptingKey, PublicEncryptingKey, PublicKeyComponents};
use pgp::crypto::public_key::PublicKeyAlgorithm;
use pgp::errors::Result;
use pgp::ser::Serialize;
use pgp::types::{
    EncryptionKey, EskType, Fingerprint, KeyDetails, KeyId, KeyVersion, Mpi, PkeskBytes, PublicParams, Timestamp,
};

/// A key that RSA is done for by AWS-LC, and everything else by rPGP.
#[derive(Debug)]
pub(super) struct AwsLcRsa<'a, K>(pub(super) &'a K);

impl<K: KeyDetails> KeyDetails for AwsLcRsa<'_, K> {
    fn version(&self) -> KeyVersion {
        self.0.version()
    }

    fn legacy_key_id(&self) -> KeyId {
        self.0.legacy_key_id()
    }

    fn fingerprint(&self) -> Fingerprint {
        self.0.fingerprint()
    }

    fn algorithm(&self) -> PublicKeyAlgorithm {
        self.0.algorithm()
    }

    fn created_at(&self) -> Timestamp {
        self.0.created_at()
    }

    fn legacy_v3_expiration_days(&self) -> Option<u16> {
        self.0.legacy_v3_expiration_days()
    }

    fn public_params(&self) -> &PublicParams {
        self.0.public_params()
    }
}

impl<K: EncryptionKey> EncryptionKey for AwsLcRsa<'_, K> {
    fn encrypt<R: rand::CryptoRng + rand::Rng>(&self, rng: R, plain: &[u8], kind: EskType) -> Result<PkeskBytes> {
        match encrypt(self.public_params(), plain) {
            Some(mpi) => Ok(PkeskBytes::Rsa { mpi }),
            None => self.0.encrypt(rng, plain, kind),
        }
    }
}

/// By PKCS #1 v1.5 (RFC 9580, section 5.1.3). `None` where it is another algorithm, or a key that AWS-LC does not take.
fn encrypt(key: &PublicParams, plain: &[u8]) -> Option<Mpi> {
    let PublicParams::RSA(key) = key else { return None };
    let numbers = key.to_bytes().ok()?;
    let (n, rest) = number(&numbers)?;
    let (e, _) = number(rest)?;
    let key: PublicEncryptingKey = PublicKeyComponents { n, e }.try_into().ok()?;
    let key = Pkcs1PublicEncryptingKey::new(key).ok()?;
    let mut encrypted = vec![0; key.ciphertext_size()];
    key.encrypt(plain, &mut encrypted).ok().map(|encrypted| Mpi::from_slice(encrypted))
}

/// The first multiprecision integer (RFC 9580, section 3.2) and what follows it.
fn number(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (bits, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*bits)).div_ceil(8))
}

#[cfg(test)]
mod tests {
    use pgp::composed::{KeyType, PlainSessionKey, RawSessionKey};
    use pgp::crypto::sym::SymmetricKeyAlgorithm;
    use pgp::packet::{PubKeyInner, PublicKeyEncryptedSessionKey, PublicSubkey, SecretSubkey};
    use pgp::types::{DecryptionKey, Password};
    use rand::rngs::OsRng;

    use super::*;

    fn key(kind: &KeyType) -> SecretSubkey {
        let (params, secret) = kind.generate(OsRng).expect("a key");
        let inner = PubKeyInner::new(KeyVersion::V4, kind.to_alg(), Timestamp::from_secs(1), None, params);
        let public = inner.and_then(PublicSubkey::from_inner).expect("a public key");
        SecretSubkey::new(public, secret).expect("a private key")
    }

    #[test]
    fn rpgp_decrypts_what_aws_lc_encrypted() {
        let key = key(&KeyType::Rsa(2048));
        let public = key.public_key();
        assert!(encrypt(public.public_params(), &[7; 35]).is_some(), "by AWS-LC");
        let cipher = SymmetricKeyAlgorithm::AES256;
        let session_key = RawSessionKey::from([9; 32].as_slice());
        let packet = PublicKeyEncryptedSessionKey::from_session_key_v3(OsRng, &session_key, cipher, &AwsLcRsa(public));
        let packet = packet.expect("a packet");
        let values = packet.values().expect("a version that has values");
        let found = key.decrypt(&Password::empty(), values, EskType::V3_4).expect("unlocked").expect("decrypted");
        assert!(
            matches!(&found, PlainSessionKey::V3_4 { sym_alg, key } if *sym_alg == cipher && key.as_ref() == [9; 32]),
            "{found:?}"
        );
    }

    #[test]
    fn what_is_no_rsa_is_left_to_rpgp() {
        let key = key(&KeyType::X25519);
        assert!(encrypt(key.public_key().public_params(), &[7; 35]).is_none());
        let key = AwsLcRsa(key.public_key());
        assert!(matches!(key.encrypt(OsRng, &[9; 33], EskType::V3_4), Ok(PkeskBytes::X25519 { .. })));
    }

    #[test]
    fn numbers_end_where_they_say() {
        assert_eq!(number(&[0, 9, 1, 2, 3]), Some((&[1, 2][..], &[3][..])));
        assert_eq!(number(&[0, 17, 1, 2]), None);
        assert_eq!(number(&[0]), None);
    }
}
