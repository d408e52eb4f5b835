//! ASCII armor of a message as a writer (RFC 9580, 6).

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Octets per line: 64 characters.
const LINE: usize = 48;

/// Whether the footer carries a CRC-24.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checksum {
    /// As GnuPG 2.2 writes it.
    Crc24,
    /// RFC 9580, 6.1: not for `SEIPDv2`, which checks itself better.
    None,
}

/// What is armored: the words of the header line and the footer (RFC 9580, 6.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Block {
    /// A message.
    Message,
    /// A certificate.
    PublicKey,
}

impl Block {
    fn words(self) -> &'static str {
        match self {
            Self::Message => "MESSAGE",
            Self::PublicKey => "PUBLIC KEY BLOCK",
        }
    }
}

/// Armors what is written to it.
pub(crate) struct Armor<W> {
    inner: W,
    block: Block,
    /// Less than a line.
    rest: Vec<u8>,
    text: Vec<u8>,
    checksum: Checksum,
    crc: u32,
}

impl<W: Write> Armor<W> {
    /// Writes the header line.
    pub(crate) fn new(block: Block, checksum: Checksum, mut inner: W) -> io::Result<Self> {
        write!(inner, "-----BEGIN PGP {}-----\n\n", block.words())?;
        Ok(Self { inner, block, rest: Vec::with_capacity(LINE), text: Vec::new(), checksum, crc: 0x00B7_04CE })
    }

    /// Writes the footer.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.text.clear();
        if !self.rest.is_empty() {
            let rest = std::mem::take(&mut self.rest);
            self.line(&rest)?;
        }
        if self.checksum == Checksum::Crc24 {
            self.text.push(b'=');
            let [_, crc @ ..] = self.crc.to_be_bytes();
            self.line(&crc)?;
        }
        writeln!(self.text, "-----END PGP {}-----", self.block.words())?;
        self.inner.write_all(&self.text)?;
        Ok(self.inner)
    }

    fn line(&mut self, octets: &[u8]) -> io::Result<()> {
        let mut characters = [0; LINE / 3 * 4];
        let length = STANDARD.encode_slice(octets, &mut characters).map_err(io::Error::other)?;
        self.text.extend_from_slice(&characters[..length]);
        self.text.push(b'\n');
        Ok(())
    }
}

impl<W: Write> Write for Armor<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.checksum == Checksum::Crc24 {
            self.crc = crc24(self.crc, bytes);
        }
        self.text.clear();
        let mut left = bytes;
        if !self.rest.is_empty() {
            let (head, tail) = left.split_at(left.len().min(LINE - self.rest.len()));
            self.rest.extend_from_slice(head);
            left = tail;
            if self.rest.len() == LINE {
                let mut full = std::mem::take(&mut self.rest);
                self.line(&full)?;
                full.clear();
                self.rest = full;
            }
        }
        let lines = left.chunks_exact(LINE);
        let rest = lines.remainder();
        for line in lines {
            self.line(line)?;
        }
        self.rest.extend_from_slice(rest);
        self.inner.write_all(&self.text)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// CRC-24 of RFC 9580, 6.1.1, an octet at a time.
fn crc24(start: u32, bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = table();
    bytes.iter().fold(start, |crc, byte| {
        let [_, high, ..] = crc.to_be_bytes();
        ((crc << 8) ^ TABLE[usize::from(high ^ byte)]) & 0x00FF_FFFF
    })
}

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = (index as u32) << 16;
        let mut bit = 0;
        while bit < 8 {
            crc <<= 1;
            if crc & 0x0100_0000 != 0 {
                crc ^= 0x0186_4CFB;
            }
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_published_one() {
        // The catalogue of CRC algorithms' check value of CRC-24/OPENPGP.
        assert_eq!(crc24(0x00B7_04CE, b"123456789"), 0x0021_CF02);
    }

    #[test]
    fn lines_do_not_depend_on_the_writes() {
        let bytes: Vec<u8> = (0..=255).cycle().take(1000).collect();
        let armored = |step: usize| {
            let mut armor = Armor::new(Block::Message, Checksum::Crc24, Vec::new()).unwrap();
            for part in bytes.chunks(step) {
                armor.write_all(part).unwrap();
            }
            armor.finish().unwrap()
        };
        let whole = armored(1000);
        assert!(String::from_utf8_lossy(&whole).lines().all(|line| line.len() <= 64));
        for step in [1, 7, 47, 48, 49, 96, 999] {
            assert_eq!(armored(step), whole, "written {step} at a time");
        }
    }
}
