//! The session key of a message, and the packets that carry it to each recipient (RFC 9580, 5.1).

use std::sync::Arc;

use pgp::composed::RawSessionKey;
use pgp::crypto::aead::AeadAlgorithm;
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::packet::{PacketTrait, PublicKeyEncryptedSessionKey};
use pgp::types::EncryptionKey;
use rand::RngCore;
use rand::rngs::OsRng;
use sealpost_core::error::{Error, Result, codes::seal};
use sealpost_core::partner::MessageFormat;
use zeroize::Zeroizing;

use crate::policy::{EncryptTo, Recipient, fingerprint};

mod rsa;

use rsa::AwsLcRsa;

/// The encrypted container of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Container {
    /// AES-256 with MDC.
    Seipdv1,
    /// AEAD with this cipher and mode.
    Seipdv2(SymmetricKeyAlgorithm, AeadAlgorithm),
}

/// Ciphersuites that we write, best first: GCM takes a fraction of OCB's processor time here. The last one is what every
/// reader of `SEIPDv2` understands without saying so (RFC 9580, 5.2.3.15).
const CIPHERSUITES: [(SymmetricKeyAlgorithm, AeadAlgorithm); 4] = [
    (SymmetricKeyAlgorithm::AES256, AeadAlgorithm::Gcm),
    (SymmetricKeyAlgorithm::AES256, AeadAlgorithm::Ocb),
    (SymmetricKeyAlgorithm::AES128, AeadAlgorithm::Gcm),
    (SymmetricKeyAlgorithm::AES128, AeadAlgorithm::Ocb),
];

impl Container {
    /// The container for these recipients. `SEIPDv2` needs feature bit 0x08 of every certificate; GnuPG 2.3's bit 0x02
    /// stands for its own packet type 20, which is no standard, and does not count. An operator who asks for `SEIPDv2` gets
    /// it whatever the certificates advertise: some partners' software reads it before their old certificates say so.
    pub(crate) fn choose(format: MessageFormat, recipients: &[Arc<Recipient>]) -> Self {
        let advertised = recipients.iter().all(|recipient| recipient.info.aead);
        match format {
            MessageFormat::Seipdv1 => Self::Seipdv1,
            MessageFormat::Auto if !advertised => Self::Seipdv1,
            MessageFormat::Auto | MessageFormat::Seipdv2 => {
                let [.., implicit] = CIPHERSUITES;
                let common = |suite: &_| recipients.iter().all(|recipient| recipient.ciphersuites.contains(suite));
                let (cipher, mode) = CIPHERSUITES.into_iter().find(common).unwrap_or(implicit);
                Self::Seipdv2(cipher, mode)
            }
        }
    }

    fn cipher(self) -> SymmetricKeyAlgorithm {
        match self {
            Self::Seipdv1 => SymmetricKeyAlgorithm::AES256,
            Self::Seipdv2(cipher, _) => cipher,
        }
    }
}

/// A fresh session key, encrypted to every key of every recipient.
pub(crate) struct Session {
    key: Zeroizing<Vec<u8>>,
    container: Container,
    packets: Vec<u8>,
}

impl Session {
    /// Makes a key and encrypts it.
    ///
    /// # Errors
    /// `SP-SEAL-010` where a key that passed the policy can't be encrypted to.
    pub(crate) fn begin(container: Container, recipients: &[Arc<Recipient>]) -> Result<Self> {
        let mut key = Zeroizing::new(vec![0; container.cipher().key_size()]);
        OsRng.try_fill_bytes(&mut key).map_err(|error| {
            Error::new(&seal::WRITE, "the operating system gave no random numbers").caused_by(error)
        })?;
        let mut session = Self { key, container, packets: Vec::new() };
        for to in recipients.iter().flat_map(|recipient| &recipient.keys) {
            match to {
                EncryptTo::Primary(key) => session.encrypt_to(key)?,
                EncryptTo::Subkey(key) => session.encrypt_to(key)?,
            }
        }
        Ok(session)
    }

    fn encrypt_to(&mut self, key: &impl EncryptionKey) -> Result<()> {
        let (session_key, key) = (RawSessionKey::from(self.key.as_slice()), AwsLcRsa(key));
        // The packet's version follows the container's (RFC 9580, 10.3.2.1), not the key's.
        let packet = match self.container {
            Container::Seipdv1 => {
                PublicKeyEncryptedSessionKey::from_session_key_v3(OsRng, &session_key, self.container.cipher(), &key)
            }
            Container::Seipdv2(..) => PublicKeyEncryptedSessionKey::from_session_key_v6(OsRng, &session_key, &key),
        };
        packet.and_then(|packet| packet.to_writer_with_header(&mut self.packets)).map_err(|error| {
            Error::new(&seal::WRITE, format!("the session key can't be encrypted to {}: {error}", fingerprint(&key)))
        })
    }

    /// The session key itself.
    pub(crate) fn key(&self) -> &[u8] {
        &self.key
    }

    /// The container that it is for.
    pub(crate) fn container(&self) -> Container {
        self.container
    }

    /// The packets to write before the container.
    pub(crate) fn packets(&self) -> &[u8] {
        &self.packets
    }
}
