//! Packets into a certificate or private key (RFC 9580, 10.1 and 10.2). Parsing verifies nothing: `policy` does.

mod packets;

use std::io::Write;

use pgp::packet::{Packet, PublicKey, PublicSubkey, SecretKey, SecretSubkey, Signature, SignatureType, UserId};
use pgp::types::KeyDetails;
use sealpost_core::certificate::IdentifiedCertificate;
use sealpost_core::error::{Error, Result, codes::seal};

use crate::message::armor::{Armor, Block, Checksum};
use crate::policy::{fingerprint, instant};

/// Most packets of a certificate. Each may be a signature to verify, and a stranger chooses how many there are: a key with
/// ten subkeys and twenty years of renewals has fewer.
const MOST_PARTS: usize = 250;

/// A transferable public or secret key as it came: each part with the signatures that follow it.
pub(crate) struct Certificate {
    /// The primary key.
    pub(crate) primary: PublicKey,
    /// Its secret half, where one was given.
    pub(crate) secret: Option<SecretKey>,
    /// Signatures directly over the primary key, and its revocations wherever they stand.
    pub(crate) direct: Vec<Signature>,
    /// User ids.
    pub(crate) users: Vec<User>,
    /// Subkeys.
    pub(crate) subkeys: Vec<Subkey>,
    /// Why further subkeys can't be parsed, one reason for each.
    pub(crate) unreadable: Vec<String>,
}

/// A user id and what was signed about it.
pub(crate) struct User {
    /// Name and address.
    pub(crate) id: UserId,
    /// Certifications and their revocations, by anyone.
    pub(crate) signatures: Vec<Signature>,
}

/// A subkey and what was signed about it.
pub(crate) struct Subkey {
    /// The public half.
    pub(crate) key: PublicSubkey,
    /// The secret half, where one was given.
    pub(crate) secret: Option<SecretSubkey>,
    /// Bindings and revocations.
    pub(crate) signatures: Vec<Signature>,
}

/// What the signatures that come next belong to.
enum Place {
    Primary,
    User,
    Subkey,
    /// A part that we don't use: a user attribute, a key that can't be parsed.
    Ignored,
}

/// Says which certificate it is, and gives it in an armor of its own.
///
/// # Errors
/// As [`Certificate::read`]. A private key beside the certificate is refused as one too.
pub(crate) fn identify(bytes: &[u8]) -> Result<IdentifiedCertificate> {
    const PRIVATE: &[u8] = b"-----BEGIN PGP PRIVATE KEY BLOCK-----";
    if bytes.windows(PRIVATE.len()).any(|window| window == PRIVATE) {
        return Err(Error::new(&seal::SECRET_GIVEN, "it holds a private key block; nothing of it was kept"));
    }
    let primary = Certificate::read(bytes)?.primary;
    let unwritten = |error| Error::from_io(error, &seal::WRITE);
    let mut armor = Armor::new(Block::PublicKey, Checksum::Crc24, Vec::new()).map_err(unwritten)?;
    armor.write_all(&packets::binary(bytes)?).map_err(unwritten)?;
    let text = armor.finish().map_err(unwritten)?;
    Ok(IdentifiedCertificate {
        fingerprint: fingerprint(&primary),
        created_at: instant(primary.created_at()),
        armored: String::from_utf8_lossy(&text).into_owned(),
    })
}

impl Certificate {
    /// Reads one certificate, armored or binary.
    ///
    /// # Errors
    /// `SP-SEAL-001` where it can't be read or is not exactly one, `SP-SEAL-002` for a private key.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self> {
        let certificate = Self::read_any(bytes)?;
        if certificate.secret.is_some() || certificate.subkeys.iter().any(|subkey| subkey.secret.is_some()) {
            return Err(Error::new(&seal::SECRET_GIVEN, "it holds secret key packets; nothing of it was kept"));
        }
        Ok(certificate)
    }

    /// Reads one certificate or private key.
    ///
    /// # Errors
    /// `SP-SEAL-001`.
    pub(crate) fn read_any(bytes: &[u8]) -> Result<Self> {
        let binary = packets::binary(bytes)?;
        let mut certificate: Option<Self> = None;
        let mut place = Place::Ignored;
        let mut parts = 0;
        for packet in packets::Packets::new(&binary) {
            let packet = packet?;
            parts += 1;
            if parts > MOST_PARTS {
                let detail = format!(
                    "it has more than {MOST_PARTS} parts; export it with `gpg --export-options export-minimal --export --armor`"
                );
                return Err(Error::new(&seal::UNREADABLE, detail));
            }
            match (&mut certificate, packet) {
                (None, packets::Parsed::Packet(Packet::PublicKey(primary))) => {
                    certificate = Some(Self::beginning(primary, None));
                    place = Place::Primary;
                }
                (None, packets::Parsed::Packet(Packet::SecretKey(secret))) => {
                    certificate = Some(Self::beginning(secret.public_key().clone(), Some(secret)));
                    place = Place::Primary;
                }
                (None, packets::Parsed::Packet(Packet::Marker(_))) => {}
                (None, packets::Parsed::Unreadable { tag: packets::PUBLIC_KEY | packets::SECRET_KEY, why }) => {
                    let detail = format!("its primary key is of a kind that is not supported: {why}");
                    return Err(Error::new(&seal::TOO_WEAK, detail));
                }
                (None, _) => {
                    return Err(Error::new(&seal::UNREADABLE, "it does not begin with an OpenPGP key packet"));
                }
                (Some(_), packets::Parsed::Packet(Packet::PublicKey(_) | Packet::SecretKey(_)))
                | (Some(_), packets::Parsed::Unreadable { tag: packets::PUBLIC_KEY | packets::SECRET_KEY, .. }) => {
                    let detail = "several certificates in one block; give each its own entry";
                    return Err(Error::new(&seal::UNREADABLE, detail));
                }
                (Some(certificate), packets::Parsed::Packet(packet)) => certificate.add(packet, &mut place),
                // A signature that can't be parsed proves nothing; any other part takes its signatures with it.
                (Some(certificate), packets::Parsed::Unreadable { tag, why }) => {
                    if tag != packets::SIGNATURE {
                        place = Place::Ignored;
                    }
                    if matches!(tag, packets::PUBLIC_SUBKEY | packets::SECRET_SUBKEY) {
                        certificate.unreadable.push(why);
                    }
                }
            }
        }
        certificate.ok_or_else(|| Error::new(&seal::UNREADABLE, "it is empty"))
    }

    fn beginning(primary: PublicKey, secret: Option<SecretKey>) -> Self {
        Self { primary, secret, direct: Vec::new(), users: Vec::new(), subkeys: Vec::new(), unreadable: Vec::new() }
    }

    fn add(&mut self, packet: Packet, place: &mut Place) {
        match packet {
            // It belongs behind the primary key, but what merely appends it to a certificate revokes it too.
            Packet::Signature(signature) if signature.typ() == Some(SignatureType::KeyRevocation) => {
                self.direct.push(signature);
            }
            Packet::Signature(signature) => {
                let signatures = match place {
                    Place::Primary => Some(&mut self.direct),
                    Place::User => self.users.last_mut().map(|user| &mut user.signatures),
                    Place::Subkey => self.subkeys.last_mut().map(|subkey| &mut subkey.signatures),
                    Place::Ignored => None,
                };
                if let Some(signatures) = signatures {
                    signatures.push(signature);
                }
            }
            Packet::UserId(id) => {
                self.users.push(User { id, signatures: Vec::new() });
                *place = Place::User;
            }
            Packet::PublicSubkey(key) => {
                self.subkeys.push(Subkey { key, secret: None, signatures: Vec::new() });
                *place = Place::Subkey;
            }
            Packet::SecretSubkey(secret) => {
                let key = secret.public_key().clone();
                self.subkeys.push(Subkey { key, secret: Some(secret), signatures: Vec::new() });
                *place = Place::Subkey;
            }
            // GnuPG's trust packets stand between a part and its signatures; markers and padding mean nothing.
            Packet::Trust(_) | Packet::Marker(_) | Packet::Padding(_) => {}
            _ => *place = Place::Ignored,
        }
    }
}
