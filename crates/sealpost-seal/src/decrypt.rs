//! Reads a message with a private key, streaming: for the demo, which plays the partner, and for tests.
//!
//! Memory stays constant, so bytes reach the writer before the end of the message has proved them. **Only after `Ok` is
//! what was written the message**; on an error the caller throws it away.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};

use pgp::armor::{BlockType, Dearmor};
use pgp::composed::{DecryptionOptions, Deserializable, Edata, Esk, Message, SignedSecretKey, TheRing};
use pgp::crypto::aead::AeadAlgorithm;
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::packet::{ProtectedDataConfig, Signature, SignatureType, SymEncryptedProtectedDataConfig as SeipdConfig};
use pgp::types::{Seipdv1ReadMode, VerifyingKey};
use sealpost_core::error::{Error, Result, codes::seal};
use sealpost_core::secret::Secret;

use crate::certificate::Certificate;
use crate::policy;
use crate::signer;

/// Octets handed to the writer at once.
const RUN: usize = 64 * 1024;
/// Compression inside encryption inside compression: more layers than this is an attack.
const LAYERS: usize = 4;

/// What a message was, once it has been read to its end and verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decrypted {
    /// Octets of content.
    pub bytes: u64,
    /// Key ids or fingerprints that it is encrypted to, upper-case hexadecimal.
    pub recipients: Vec<String>,
    /// The name in the literal data packet.
    pub file_name: String,
    /// Its signatures, the outermost first.
    pub signatures: Vec<MessageSignature>,
}

/// A signature over the content of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageSignature {
    /// Fingerprint or key id that it claims to be by, upper-case hexadecimal.
    pub issuer: String,
    /// Whether it is by the signer that was asked for. Never true where none was.
    pub verified: bool,
}

/// Decrypts a message, armored or binary, into `out`. Signatures are listed, not verified.
///
/// # Errors
/// `SP-SEAL-013`: not for this key, wrong passphrase, altered or cut off. `SP-SEAL-010` where `out` can't be written.
pub fn decrypt(
    message: impl BufRead + Send,
    secret: &Secret,
    passphrase: Option<&Secret>,
    out: &mut dyn Write,
) -> Result<Decrypted> {
    run(message, secret, passphrase, None, out)
}

/// As [`decrypt`], and says of each signature whether it is by a key of `signer`, a certificate.
///
/// # Errors
/// As [`decrypt`], and `SP-SEAL-001` where the signer's certificate can't be read.
pub fn decrypt_verified(
    message: impl BufRead + Send,
    secret: &Secret,
    passphrase: Option<&Secret>,
    signer: &[u8],
    out: &mut dyn Write,
) -> Result<Decrypted> {
    run(message, secret, passphrase, Some(&Certificate::read(signer)?), out)
}

fn run(
    message: impl BufRead + Send,
    secret: &Secret,
    passphrase: Option<&Secret>,
    signer: Option<&Certificate>,
    out: &mut dyn Write,
) -> Result<Decrypted> {
    let key = read_key(secret)?;
    let password = signer::password(passphrase)?;
    let message = open(message)?;
    let Message::Encrypted { esk, edata, .. } = &message else {
        return Err(Error::new(&seal::DECRYPT, "it is not encrypted"));
    };
    check_container(edata)?;
    let recipients: Vec<String> = esk.iter().filter_map(addressee).collect();
    let ring = TheRing {
        secret_keys: vec![&key],
        key_passwords: vec![&password],
        decrypt_options: DecryptionOptions::new().set_seipdv1_read_mode(Seipdv1ReadMode::Streaming),
        ..TheRing::default()
    };
    let (mut message, _) = message.decrypt_the_ring(ring, true).map_err(|error| match error {
        pgp::errors::Error::MissingKey => {
            let to = recipients.join(", ");
            Error::new(&seal::DECRYPT, format!("the private key is none of its recipients ({to}), or is locked"))
        }
        other => undecryptable(&other),
    })?;
    for _ in 0..LAYERS {
        if !message.is_compressed() {
            break;
        }
        message = message.decompress().map_err(|error| undecryptable(&error))?;
    }
    let file_name = message
        .literal_data_header()
        .map(|header| String::from_utf8_lossy(header.file_name()).into_owned())
        .ok_or_else(|| Error::new(&seal::DECRYPT, "it holds no literal data"))?;
    let bytes = copy(&mut message, out)?;
    Ok(Decrypted { bytes, recipients, file_name, signatures: signatures(&message, signer) })
}

/// Unprotected containers are malleable, and `rPGP` panics on AEAD modes that it doesn't know.
fn check_container(edata: &Edata<'_>) -> Result<()> {
    let known = match edata {
        Edata::SymEncryptedProtectedData { reader } => match reader.config() {
            ProtectedDataConfig::Seipd(SeipdConfig::V1) => true,
            ProtectedDataConfig::Seipd(SeipdConfig::V2 { sym_alg, aead, .. }) => {
                let aes = [SymmetricKeyAlgorithm::AES128, SymmetricKeyAlgorithm::AES192, SymmetricKeyAlgorithm::AES256];
                aes.contains(sym_alg) && matches!(aead, AeadAlgorithm::Eax | AeadAlgorithm::Ocb | AeadAlgorithm::Gcm)
            }
            ProtectedDataConfig::GnupgAead(_) => false,
        },
        _ => false,
    };
    if known { Ok(()) } else { Err(Error::new(&seal::DECRYPT, "its container is of a kind that is not supported")) }
}

/// Copies to the end, where the modification detection code or the last tag is checked.
fn copy(message: &mut Message<'_>, out: &mut dyn Write) -> Result<u64> {
    let mut run = vec![0; RUN];
    let mut bytes = 0;
    loop {
        match message.read(&mut run) {
            Ok(0) => break,
            Ok(read) => {
                out.write_all(&run[..read]).map_err(|error| Error::from_io(error, &seal::WRITE))?;
                bytes += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(undecryptable(&error)),
        }
    }
    out.flush().map_err(|error| Error::from_io(error, &seal::WRITE))?;
    Ok(bytes)
}

fn open<'a>(message: impl BufRead + Send + 'a) -> Result<Message<'a>> {
    let mut input = Input(message);
    let first = input.fill_buf().map_err(|error| undecryptable(&error))?.first().copied();
    // Bit 7 is set in every packet header and in no character of armor (RFC 9580, 4.2).
    match first {
        None => Err(Error::new(&seal::DECRYPT, "it is empty")),
        Some(first) if first & 0x80 != 0 => Message::from_bytes(input).map_err(|error| undecryptable(&error)),
        Some(_) => {
            let mut dearmor = Dearmor::new(input);
            dearmor.read_header().map_err(|error| undecryptable(&error))?;
            match &dearmor.typ {
                Some(BlockType::Message | BlockType::File) => {
                    Message::from_bytes(BufReader::with_capacity(RUN, dearmor)).map_err(|error| undecryptable(&error))
                }
                _ => Err(Error::new(&seal::DECRYPT, "its armor is not that of a message")),
            }
        }
    }
}

/// Only the parts that decrypt: `rPGP` wants its own composed type.
fn read_key(secret: &Secret) -> Result<SignedSecretKey> {
    let unusable = |why: &str| Error::new(&seal::DECRYPT, format!("the private key can't be used: {why}"));
    let parsed = if secret.expose().first().is_some_and(|first| first & 0x80 != 0) {
        SignedSecretKey::from_bytes(secret.expose())
    } else {
        SignedSecretKey::from_armor_single(secret.expose()).map(|(key, _)| key)
    };
    parsed.map_err(|error| unusable(&error.to_string()))
}

fn addressee(esk: &Esk) -> Option<String> {
    let Esk::PublicKeyEncryptedSessionKey(packet) = esk else { return None };
    match (packet.fingerprint(), packet.id()) {
        (Ok(Some(fingerprint)), _) => Some(hex::encode_upper(fingerprint.as_bytes())),
        (_, Ok(id)) => Some(hex::encode_upper(id.as_ref())),
        _ => None,
    }
}

fn signatures(message: &Message<'_>, signer: Option<&Certificate>) -> Vec<MessageSignature> {
    let Message::Signed { reader, .. } = message else { return Vec::new() };
    (0..reader.num_signatures())
        .filter_map(|index| {
            let signature = reader.signature(index)?;
            let verified = signer.is_some_and(|signer| {
                signing_keys(signer, signature).iter().any(|key| message.verify_nested_explicit(index, *key).is_ok())
            });
            Some(MessageSignature { issuer: issuer(signature), verified })
        })
        .collect()
}

/// Keys of the certificate that might sign when the signature was made.
fn signing_keys<'a>(signer: &'a Certificate, signature: &Signature) -> Vec<&'a dyn VerifyingKey> {
    let document = matches!(signature.typ(), Some(SignatureType::Binary | SignatureType::Text));
    let Some(made) = signature.created().filter(|_| document).map(policy::instant) else { return Vec::new() };
    let Ok(primary) = policy::check_primary(signer, made) else { return Vec::new() };
    let mut keys: Vec<&dyn VerifyingKey> = Vec::new();
    if policy::may_sign(primary.preference(policy::flags), &signer.primary) {
        keys.push(&signer.primary);
    }
    for subkey in &signer.subkeys {
        let Ok(bound) = policy::check_subkey(signer, subkey, made) else { continue };
        let agrees = signer::back_signed(signer, subkey, bound.binding, made).is_ok();
        if agrees && policy::may_sign(policy::flags(bound.binding), &subkey.key) {
            keys.push(&subkey.key);
        }
    }
    keys
}

fn issuer(signature: &Signature) -> String {
    match (signature.issuer_fingerprint().first(), signature.issuer_key_id().first()) {
        (Some(fingerprint), _) => hex::encode_upper(fingerprint.as_bytes()),
        (None, Some(id)) => hex::encode_upper(id.as_ref()),
        (None, None) => "unknown".to_owned(),
    }
}

fn undecryptable(error: &dyn fmt::Display) -> Error {
    Error::new(&seal::DECRYPT, error.to_string())
}

/// `rPGP` wants its readers printable.
struct Input<R>(R);

impl<R> fmt::Debug for Input<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Input")
    }
}

impl<R: Read> Read for Input<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.read(bytes)
    }
}

impl<R: BufRead> BufRead for Input<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.0.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.0.consume(amount);
    }
}
