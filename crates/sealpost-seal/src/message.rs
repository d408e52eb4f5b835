//! A message while bytes stream through it, from the inside out: literal data (RFC 9580, 5.9) with an optional
//! one-pass signature around it, the encrypted container, optional armor, the sink behind.

mod aead;
pub(crate) mod armor;
mod ocb;
mod partial;
mod seipd1;
mod seipd2;
mod tail;

use std::io::{self, IoSlice, Write};

use sealpost_core::error::{Error, Result, codes::seal};
use sealpost_core::sink::ByteSink;

use self::armor::{Armor, Block, Checksum};
use self::partial::Partial;
use self::seipd1::Seipd1;
use self::seipd2::Seipd2;
use self::tail::{Behind, Tail};
use crate::session::{Container, Session};
use crate::signer::Signing;

/// The literal data packet's type id.
const LITERAL: u8 = 11;

/// The sink that the plaintext is written to.
pub(crate) struct Message {
    /// Taken by `finish`, and by a failed write: after one, what went out is no longer a whole message.
    literal: Option<Partial<Encrypted>>,
    signing: Option<Signing>,
}

impl Message {
    /// Begins a message: session key packets, container, one-pass signature, literal header.
    pub(crate) fn begin(
        session: &Session,
        armored: bool,
        signing: Option<Signing>,
        literal: &LiteralHeader<'_>,
        out: Box<dyn ByteSink>,
    ) -> io::Result<Self> {
        let out = Tail::new(out);
        let mut out = match (armored, session.container()) {
            (false, _) => Output::Binary(out),
            (true, Container::Seipdv1) => Output::Armored(Armor::new(Block::Message, Checksum::Crc24, out)?),
            (true, Container::Seipdv2(..)) => Output::Armored(Armor::new(Block::Message, Checksum::None, out)?),
        };
        out.write_all(session.packets())?;
        let mut encrypted = match session.container() {
            Container::Seipdv1 => Encrypted::V1(Seipd1::new(session.key(), rand::rngs::OsRng, out)?),
            Container::Seipdv2(cipher, mode) => {
                Encrypted::V2(Seipd2::new((cipher, mode), session.key(), rand::rngs::OsRng, out)?)
            }
        };
        if let Some(signing) = &signing {
            encrypted.write_all(signing.one_pass())?;
        }
        let mut packet = Partial::new(LITERAL, encrypted);
        packet.write_all(&literal.to_bytes())?;
        Ok(Self { literal: Some(packet), signing })
    }

    fn end(&mut self) -> io::Result<Tail> {
        let literal = self.literal.take().ok_or_else(broken)?;
        let mut encrypted = literal.finish()?;
        if let Some(signing) = self.signing.take() {
            encrypted.write_all(&signing.finish().map_err(Error::into_io)?)?;
        }
        let out = match encrypted {
            Encrypted::V1(seipd) => seipd.finish()?,
            Encrypted::V2(seipd) => seipd.finish()?,
        };
        match out {
            Output::Binary(tail) => Ok(tail),
            Output::Armored(armor) => armor.finish(),
        }
    }
}

fn broken() -> io::Error {
    Error::new(&seal::WRITE, "an earlier write of this message failed").into_io()
}

impl Write for Message {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let literal = self.literal.as_mut().ok_or_else(broken)?;
        match literal.write_all(bytes) {
            Ok(()) => {}
            Err(error) => {
                self.literal = None;
                return Err(error);
            }
        }
        // A document signature is over the content alone (RFC 9580, 5.2.4).
        if let Some(signing) = &mut self.signing {
            signing.write_all(bytes)?;
        }
        Ok(bytes.len())
    }

    /// Does nothing: packets have no place for it.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl ByteSink for Message {
    fn finish(mut self: Box<Self>) -> Result<()> {
        self.end().map_err(|error| Error::from_io(error, &seal::WRITE))?.finish()
    }
}

/// What stands before the content in the literal data packet.
pub(crate) struct LiteralHeader<'a> {
    /// At most 255 octets are kept.
    pub(crate) file_name: &'a str,
    /// Seconds since 1970.
    pub(crate) date: u32,
}

impl LiteralHeader<'_> {
    fn to_bytes(&self) -> Vec<u8> {
        let name = &self.file_name[..self.file_name.floor_char_boundary(usize::from(u8::MAX))];
        let length = u8::try_from(name.len()).unwrap_or(u8::MAX);
        let mut bytes = vec![b'b', length];
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(&self.date.to_be_bytes());
        bytes
    }
}

#[expect(clippy::large_enum_variant, reason = "one per message")]
enum Encrypted {
    V1(Seipd1),
    V2(Seipd2<Output>),
}

impl Write for Encrypted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::V1(seipd) => seipd.write(bytes),
            Self::V2(seipd) => seipd.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

enum Output {
    Binary(Tail),
    Armored(Armor<Tail>),
}

impl Output {
    /// The digest of what was written, where one is wanted, and is of that and not of its armor.
    fn behind(&mut self) -> Option<&mut Behind> {
        match self {
            Self::Binary(tail) => tail.behind(),
            Self::Armored(_) => None,
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Binary(tail) => tail.write(bytes),
            Self::Armored(armor) => armor.write(bytes),
        }
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Binary(tail) => tail.write_vectored(pieces),
            Self::Armored(armor) => armor.write_vectored(pieces),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Binary(tail) => tail.flush(),
            Self::Armored(armor) => armor.flush(),
        }
    }
}
