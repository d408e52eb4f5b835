//! The end of a message's way: the sink behind it, and the SHA-256 of all that goes there, where the sink wants it.

use std::io::{self, IoSlice, Write};

use sealpost_cfb_sha1::{SHA_BLOCK, Sha256};
use sealpost_core::error::Result;
use sealpost_core::sink::ByteSink;

use super::partial::CHUNK;

/// Octets that may wait to be digested beside the next that are encrypted. When nobody comes for them, they are digested alone.
const MOST: usize = CHUNK + CHUNK / 2;

/// The sink, and what follows it.
pub(super) struct Tail {
    sink: Box<dyn ByteSink>,
    behind: Option<Behind>,
}

/// A digest that lags behind what is written by up to [`MOST`] octets, which are kept: ciphertext, all of it.
#[derive(Default)]
pub(super) struct Behind {
    digest: Sha256,
    waiting: Vec<u8>,
}

impl Tail {
    pub(super) fn new(sink: Box<dyn ByteSink>) -> Self {
        let behind = sink.wants_sha256().then(Behind::default);
        Self { sink, behind }
    }

    /// The digest, where one is wanted.
    pub(super) fn behind(&mut self) -> Option<&mut Behind> {
        self.behind.as_mut()
    }

    /// Tells the digest, and finishes the sink.
    pub(super) fn finish(mut self) -> Result<()> {
        if let Some(Behind { digest, waiting }) = self.behind {
            self.sink.sha256(digest.finish(&waiting));
        }
        self.sink.finish()
    }
}

impl Write for Tail {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.sink.write(bytes)?;
        if let Some(behind) = &mut self.behind {
            behind.push(&bytes[..taken]);
        }
        Ok(taken)
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let taken = self.sink.write_vectored(pieces)?;
        if let Some(behind) = &mut self.behind {
            let mut left = taken;
            for piece in pieces {
                let (of_it, _) = piece.split_at(left.min(piece.len()));
                behind.push(of_it);
                left -= of_it.len();
            }
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

impl Behind {
    fn push(&mut self, bytes: &[u8]) {
        if self.waiting.len() + bytes.len() > MOST {
            self.catch_up(Sha256::update);
        }
        self.waiting.extend_from_slice(bytes);
    }

    /// Has the whole blocks that wait digested.
    pub(super) fn catch_up(&mut self, digest: impl FnOnce(&mut Sha256, &[[u8; SHA_BLOCK]])) {
        let (blocks, _) = self.waiting.as_chunks();
        digest(&mut self.digest, blocks);
        let whole = blocks.as_flattened().len();
        self.waiting.drain(..whole);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Takes some octets of each write, and keeps them and what it is told.
    #[derive(Clone, Default)]
    struct Picky(Arc<Mutex<Taken>>);

    #[derive(Default)]
    struct Taken {
        bytes: Vec<u8>,
        told: Vec<[u8; 32]>,
    }

    impl Write for Picky {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(50_000);
            self.0.lock().unwrap().bytes.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl ByteSink for Picky {
        fn wants_sha256(&self) -> bool {
            true
        }

        fn sha256(&mut self, digest: [u8; 32]) {
            self.0.lock().unwrap().told.push(digest);
        }

        fn finish(self: Box<Self>) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_digest_is_that_of_what_the_sink_took() {
        use sha2::Digest;
        for (pieces, comes) in
            [(&[1, 63, 64, 65, 0, 200_000, 7][..], 3), (&[CHUNK; 5], 1), (&[CHUNK + 6; 4], 2), (&[], 1)]
        {
            let sink = Picky::default();
            let mut tail = Tail::new(Box::new(sink.clone()));
            for (number, length) in pieces.iter().enumerate() {
                tail.write_all(&vec![u8::try_from(number).unwrap(); *length]).unwrap();
                if number % comes == 0 {
                    tail.behind().unwrap().catch_up(Sha256::update);
                }
                assert!(tail.behind().unwrap().waiting.len() <= MOST, "{pieces:?}");
            }
            tail.finish().unwrap();
            let taken = sink.0.lock().unwrap();
            assert_eq!(taken.told, [<[u8; 32]>::from(sha2::Sha256::digest(&taken.bytes))], "{pieces:?}");
        }
    }

    #[test]
    fn a_sink_that_does_not_ask_costs_no_digest() {
        let mut tail = Tail::new(Box::new(Vec::new()));
        tail.write_all(&[7; 100]).unwrap();
        assert!(tail.behind().is_none());
        tail.finish().unwrap();
    }
}
