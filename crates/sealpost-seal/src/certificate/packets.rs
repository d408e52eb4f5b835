//! One packet after the other out of armor or plain bytes (RFC 9580, 4 and 6).

use std::io::Read;

use pgp::armor::{BlockType, Dearmor};
use pgp::packet::{Packet, PacketHeader};
use pgp::types::PacketLength;
use sealpost_core::error::{Error, Result, codes::seal};

/// Packet type ids of RFC 9580, 5.
pub(super) const SIGNATURE: u8 = 2;
pub(super) const SECRET_KEY: u8 = 5;
pub(super) const PUBLIC_KEY: u8 = 6;
pub(super) const SECRET_SUBKEY: u8 = 7;
pub(super) const PUBLIC_SUBKEY: u8 = 14;

/// More than any certificate needs: each signature costs a verification, so a partner's upload has to be bounded.
const MAX_OCTETS: usize = 1 << 20;

/// U+FEFF in UTF-8. As a packet header it would be of a type that no key begins with.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const BEGIN: &[u8] = b"-----BEGIN PGP ";
const END: &[u8] = b"-----END PGP ";

/// The packets' bytes, whether armored or not.
pub(super) fn binary(bytes: &[u8]) -> Result<Vec<u8>> {
    if bytes.len() > MAX_OCTETS {
        let detail = "it is larger than 1 MiB; export it with `gpg --export-options export-minimal --export --armor`";
        return Err(Error::new(&seal::UNREADABLE, detail));
    }
    // Editors of Windows put it before a text.
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    // Bit 7 is set in every packet header and in no character of armor (RFC 9580, 4.2).
    match bytes.first() {
        None => return Err(Error::new(&seal::UNREADABLE, "it is empty")),
        Some(first) if first & 0x80 != 0 => return Ok(bytes.to_vec()),
        Some(_) => {}
    }
    match bytes.windows(BEGIN.len()).filter(|window| *window == BEGIN).count() {
        0 => return Err(Error::new(&seal::UNREADABLE, "it is neither ASCII armor nor binary OpenPGP packets")),
        1 => {}
        _ => {
            let detail = "several armored blocks in one text; give each certificate its own entry";
            return Err(Error::new(&seal::UNREADABLE, detail));
        }
    }
    let damaged = |error: String| Error::new(&seal::UNREADABLE, format!("its ASCII armor is damaged: {error}"));
    // The footer's CRC-24 must not decide anything (RFC 9580, 6.1.1); damaged packets fail their signatures.
    let mut dearmor = Dearmor::new(block(bytes));
    dearmor.read_header().map_err(|error| damaged(error.to_string()))?;
    match &dearmor.typ {
        Some(BlockType::PublicKey | BlockType::PrivateKey) => {}
        Some(other) => {
            let detail = format!("it is a {other}, not a PGP PUBLIC KEY BLOCK");
            return Err(Error::new(&seal::UNREADABLE, detail));
        }
        None => return Err(damaged("no header line".to_owned())),
    }
    let mut binary = Vec::with_capacity(bytes.len());
    dearmor.read_to_end(&mut binary).map_err(|error| damaged(error.to_string()))?;
    Ok(binary)
}

/// The armored block alone. The parser looks for headers in everything that follows, so a `Regards: …` below the block
/// would become a part of it.
fn block(text: &[u8]) -> &[u8] {
    let find = |from: usize, what: &[u8]| {
        text.get(from..)?.windows(what.len()).position(|window| window == what).map(|at| from + at)
    };
    let begin = find(0, BEGIN).unwrap_or(0);
    let last_line = find(begin, END).unwrap_or(text.len());
    let end = find(last_line, b"\n").map_or(text.len(), |at| at + 1);
    text.get(begin..end).unwrap_or(text)
}

/// A packet, or that it is of a kind or version that can't be parsed.
#[expect(clippy::large_enum_variant, reason = "one at a time, on the stack")]
pub(super) enum Parsed {
    Packet(Packet),
    Unreadable { tag: u8, why: String },
}

/// Packets of a certificate: all of definite length (RFC 9580, 4.2.1.4 allows partial lengths for data only).
pub(super) struct Packets<'a> {
    rest: &'a [u8],
}

impl<'a> Packets<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn next_packet(&mut self) -> Result<Parsed> {
        let damaged = |detail: String| Error::new(&seal::UNREADABLE, detail);
        let header = PacketHeader::try_from_reader(&mut self.rest)
            .map_err(|error| damaged(format!("a packet header is damaged: {error}")))?;
        let PacketLength::Fixed(length) = header.packet_length() else {
            return Err(damaged("a packet of a key has no definite length".to_owned()));
        };
        let Some((mut body, rest)) = self.rest.split_at_checked(length as usize) else {
            return Err(damaged("it is cut off".to_owned()));
        };
        self.rest = rest;
        Ok(match Packet::from_reader(header, &mut body) {
            Ok(packet) => Parsed::Packet(packet),
            Err(error) => Parsed::Unreadable { tag: u8::from(header.tag()), why: error.to_string() },
        })
    }
}

impl Iterator for Packets<'_> {
    type Item = Result<Parsed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let packet = self.next_packet();
        if packet.is_err() {
            self.rest = &[];
        }
        Some(packet)
    }
}

#[cfg(test)]
mod tests {
    use pgp::types::Tag;

    use super::*;

    #[test]
    fn the_tags_are_those_of_the_standard() {
        assert_eq!(u8::from(Tag::Signature), SIGNATURE);
        assert_eq!(u8::from(Tag::SecretKey), SECRET_KEY);
        assert_eq!(u8::from(Tag::PublicKey), PUBLIC_KEY);
        assert_eq!(u8::from(Tag::SecretSubkey), SECRET_SUBKEY);
        assert_eq!(u8::from(Tag::PublicSubkey), PUBLIC_SUBKEY);
    }

    #[test]
    fn what_is_no_key_is_said_so() {
        for (bytes, words) in [
            (&b""[..], "empty"),
            (b"hello", "neither"),
            (&[0x99; MAX_OCTETS + 1], "larger than 1 MiB"),
            (b"-----BEGIN PGP MESSAGE-----\n\nxA0DAAoW\n-----END PGP MESSAGE-----\n", "PGP MESSAGE"),
        ] {
            let error = binary(bytes).unwrap_err();
            assert!(error.is(&seal::UNREADABLE) && error.detail().contains(words), "{error}");
        }
    }
}
