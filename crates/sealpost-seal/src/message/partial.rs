//! A packet of unknown length as a writer: partial body lengths (RFC 9580, 4.2.1.4).

use std::io::{self, IoSlice, Write};

/// Bytes per partial chunk: a power of two. 64 KiB; larger ones cost throughput (they leave the cache).
pub(super) const CHUNK: usize = 1 << CHUNK_BITS;
const CHUNK_BITS: u8 = 16;
/// Room for type octet and the longest length before the chunk, so that both go out in one write.
const HEAD: usize = 6;

/// Frames what is written to it as the body of one packet. A body of less than a chunk gets a definite length.
pub(super) struct Partial<W> {
    inner: W,
    /// `HEAD` octets of room, then the chunk that is being filled.
    buffer: Vec<u8>,
    /// The packet's type octet, until it is written.
    type_octet: Option<u8>,
}

impl<W: Write> Partial<W> {
    /// Begins a packet of this type id.
    pub(super) fn new(type_id: u8, inner: W) -> Self {
        let mut buffer = Vec::with_capacity(HEAD + CHUNK);
        buffer.resize(HEAD, 0);
        Self { inner, buffer, type_octet: Some(0xC0 | type_id) }
    }

    /// The writer behind it, which must not be written to.
    pub(super) fn inner(&mut self) -> &mut W {
        &mut self.inner
    }

    /// Ends the packet and gives the writer behind it back.
    pub(super) fn finish(mut self) -> io::Result<W> {
        let length = self.buffer.len() - HEAD;
        // At most a chunk is left, so the five-octet form takes every length.
        let mut header = [0xFF, 0, 0, 0, 0];
        header[1..].copy_from_slice(&u32::try_from(length).map_err(io::Error::other)?.to_be_bytes());
        match length {
            0..192 => self.emit(&[header[4]], &[])?,
            _ => self.emit(&header, &[])?,
        }
        Ok(self.inner)
    }

    /// A chunk: its length, what of it was gathered, and the rest of it, from where that is.
    fn emit(&mut self, length: &[u8], rest: &[u8]) -> io::Result<()> {
        let mut start = HEAD - length.len();
        self.buffer[start..HEAD].copy_from_slice(length);
        if let Some(type_octet) = self.type_octet.take() {
            start -= 1;
            self.buffer[start] = type_octet;
        }
        let gathered = &self.buffer[start..];
        // Both at once, where the writer takes more than one piece.
        let taken = loop {
            match self.inner.write_vectored(&[IoSlice::new(gathered), IoSlice::new(rest)]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                taken => break taken?,
            }
        };
        self.inner.write_all(&gathered[taken.min(gathered.len())..])?;
        self.inner.write_all(&rest[taken.saturating_sub(gathered.len())..])?;
        self.buffer.truncate(HEAD);
        Ok(())
    }
}

impl<W: Write> Write for Partial<W> {
    /// What fills a chunk goes out with it, from where it is: of large pieces only the rest is copied.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut left = bytes;
        // A full chunk waits for the next octet: a packet can't end with a partial one.
        while let Some((rest, later)) = left.split_at_checked(HEAD + CHUNK - self.buffer.len())
            && !later.is_empty()
        {
            self.emit(&[0xE0 | CHUNK_BITS], rest)?;
            left = later;
        }
        self.buffer.extend_from_slice(left);
        Ok(bytes.len())
    }

    /// Does nothing: a chunk goes out when it is full, since its length is its place in the format.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(length: usize) -> Vec<u8> {
        let mut partial = Partial::new(11, Vec::new());
        partial.write_all(&vec![7; length]).unwrap();
        partial.finish().unwrap()
    }

    #[test]
    fn a_body_does_not_depend_on_the_writes() {
        let body: Vec<u8> = (0..=250).cycle().take(3 * CHUNK + 10).collect();
        let framed = |steps: &[usize]| {
            let mut partial = Partial::new(11, Vec::new());
            let mut left = &body[..];
            for step in steps.iter().cycle() {
                let (now, later) = left.split_at(left.len().min(*step));
                partial.write_all(now).unwrap();
                left = later;
                if left.is_empty() {
                    return partial.finish().unwrap();
                }
            }
            unreachable!("steps are endless")
        };
        let whole = framed(&[body.len()]);
        assert_eq!(whole.len(), body.len() + 1 + 3 + 1);
        for steps in [&[1][..], &[1, CHUNK], &[CHUNK], &[CHUNK - 1], &[CHUNK + 1], &[CHUNK - 1, 1, 1], &[7, 2 * CHUNK]]
        {
            assert!(framed(steps) == whole, "written {steps:?} at a time");
        }
    }

    #[test]
    fn a_short_body_has_a_definite_length() {
        assert_eq!(framed(0), [0xCB, 0]);
        assert_eq!(framed(3), [0xCB, 3, 7, 7, 7]);
        assert_eq!(framed(192)[..6], [0xCB, 0xFF, 0, 0, 0, 192]);
        assert_eq!(framed(CHUNK)[..6], [0xCB, 0xFF, 0, 1, 0, 0]);
    }

    #[test]
    fn a_long_body_is_chunks_and_a_definite_rest() {
        let bytes = framed(2 * CHUNK + 1);
        assert_eq!(bytes[..2], [0xCB, 0xF0]);
        assert_eq!(bytes[2 + CHUNK], 0xF0);
        assert_eq!(bytes[3 + 2 * CHUNK..], [1, 7]);
        // A whole number of chunks: the last one is definite, since a packet can't end with a partial one.
        assert_eq!(framed(2 * CHUNK)[2 + CHUNK..][..5], [0xFF, 0, 1, 0, 0]);
    }
}
