//! Bits into bytes, the lowest first (RFC 1951, section 3.1.1).

use super::code::Code;
use super::symbols::LITERALS;

/// Some bits: a symbol, and perhaps the extra bits behind it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) bits: u32,
    pub(super) count: u32,
}

/// The bits that do not make a byte yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bits {
    held: u64,
    /// Fewer than 8.
    count: u32,
}

/// What is stored at once, though fewer bytes may count.
const STORE: usize = 8;

impl Bits {
    pub(super) fn new() -> Self {
        Self { held: 0, count: 0 }
    }

    /// Appends up to 32 bits.
    pub(super) fn put(&mut self, bits: u32, count: u32, out: &mut Vec<u8>) {
        self.take(Word { bits, count });
        while self.count >= 8 {
            out.push(self.held as u8);
            self.held >>= 8;
            self.count -= 8;
        }
    }

    /// Fills the last byte with zeros.
    pub(super) fn align(&mut self, out: &mut Vec<u8>) {
        if self.count > 0 {
            self.put(0, 8 - self.count, out);
        }
    }

    /// Appends by a faster way what makes so many bits in all.
    pub(super) fn put_all(&mut self, count: usize, out: &mut Vec<u8>, write: impl FnOnce(&mut Writer<'_>)) {
        let from = out.len();
        out.resize(from + count.div_ceil(8) + 2 * STORE, 0);
        let mut writer = Writer { bits: *self, at: 0, out: &mut out[from..] };
        write(&mut writer);
        let at = writer.at;
        *self = writer.bits;
        out.truncate(from + at);
    }

    #[inline]
    fn take(&mut self, word: Word) {
        self.held |= u64::from(word.bits) << self.count;
        self.count += word.count;
    }
}

/// Writes symbols of at most [`super::LONGEST`] bits.
pub(super) struct Writer<'a> {
    bits: Bits,
    at: usize,
    out: &'a mut [u8],
}

impl Writer<'_> {
    /// Stores whole bytes; fewer than 8 bits stay. No more than 63 may be held.
    #[inline]
    fn store(&mut self) {
        // Without room more would be written than was counted: a panic then, and no file with a hole.
        self.out[self.at..self.at + STORE].copy_from_slice(&self.bits.held.to_le_bytes());
        self.at += (self.bits.count / 8) as usize;
        self.bits.held >>= self.bits.count & !7;
        self.bits.count &= 7;
    }

    /// Bytes as they are, and what follows them: a length and its distance (at most 42 bits), or the end.
    #[inline]
    pub(super) fn run(&mut self, bytes: &[u8], code: &Code<LITERALS>, then: [Word; 2]) {
        // Four are at most 48 bits.
        let (fours, rest) = bytes.as_chunks::<4>();
        for four in fours {
            for byte in four {
                self.bits.take(code.symbols[usize::from(*byte)]);
            }
            self.store();
        }
        for byte in rest {
            self.bits.take(code.symbols[usize::from(*byte)]);
        }
        // With a single one there is room for what follows.
        if rest.len() > 1 {
            self.store();
        }
        for word in then {
            self.bits.take(word);
        }
        self.store();
    }
}
