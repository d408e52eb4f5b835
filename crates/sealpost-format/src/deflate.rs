//! Deflate (RFC 1951) for text of which the writer knows where it repeats itself.
//!
//! A compressor for everything spends most of its time looking for what repeats. Whoever writes a sheet knows it: what stands before a
//! cell's value stood before the value of the same column one row earlier. [`Mark`]s say so, and there the repetition is only measured,
//! not searched. Values are searched for coarsely. Wrong marks cost size, never correctness: what is written is always what is found
//! equal. `docs/performance.md` has what it brings.
//!
//! Each block of input is compressed by itself, so that nothing of the one before has to be kept or copied.

mod bits;
mod code;
mod search;
mod symbols;

use bits::{Bits, Word, Writer};
use code::Code;
use search::Search;
use symbols::{Counts, DISTANCES, LITERALS};

/// Most bits of a symbol. Fewer than the 15 allowed (section 3.2.7): four literals and what is left of a byte always fit into 64 bits. It costs
/// next to no size.
const LONGEST: u8 = 12;
/// The longest repetition (section 3.2.5).
const MAX_LENGTH: usize = 258;
/// The farthest (section 2).
const MAX_DISTANCE: usize = 32 * 1024;

/// A place in a block of text where what follows is likely to be what followed the last mark of the same slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Which places are alike: a column, counted from 0.
    pub(crate) slot: u32,
    /// Where what repeats begins: at the end of the value before.
    pub(crate) at: u32,
    /// Where it ends, and a value begins that is probably another.
    pub(crate) value: u32,
}

/// Some bytes as they are, and then some that were there before.
#[derive(Debug, Clone, Copy)]
struct Sequence {
    literals: u32,
    /// 3 to 258.
    length: u16,
    /// 1 to 32,768.
    distance: u16,
}

/// A stream being compressed.
pub(crate) struct Deflate {
    search: Search,
    sequences: Vec<Sequence>,
    bits: Bits,
}

impl Deflate {
    pub(crate) fn new() -> Self {
        Self { search: Search::new(), sequences: Vec::new(), bits: Bits::new() }
    }

    /// Appends a block of input, compressed; it is in memory as a whole. Marks are in the order of their places. Bits of the last byte may stay behind.
    pub(crate) fn write(&mut self, bytes: &[u8], marks: &[Mark], out: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let Self { search, sequences, bits } = self;
        sequences.clear();
        let mut from = 0;
        search.run(bytes, marks, |at, length, distance| {
            sequences.push(Sequence { literals: (at - from) as u32, length: length as u16, distance: distance as u16 });
            from = at + length;
        });
        block(bytes, sequences, bits, out);
    }

    /// Ends the stream. The next one can begin.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        // An empty last block by the fixed code (section 3.2.6), whose end of block is seven zeros.
        self.bits.put(0b011, 3 + 7, out);
        self.bits.align(out);
    }
}

/// A block by a code of its own (section 3.2.7).
fn block(bytes: &[u8], sequences: &[Sequence], bits: &mut Bits, out: &mut Vec<u8>) {
    let counts = count(bytes, sequences);
    let literals = Code::new(&counts.literals, LONGEST);
    let distances = Code::new(&counts.distances, LONGEST);
    bits.put(0b100, 3, out);
    code::put_lengths(&literals.lengths, &distances.lengths, bits, out);
    let count = counts.bits(&literals, &distances);
    bits.put_all(count, out, |writer| encode(bytes, sequences, &literals, &distances, writer));
}

/// What the codes are made from.
#[inline(never)]
fn count(bytes: &[u8], sequences: &[Sequence]) -> Counts {
    let mut counts = Counts::new();
    let mut rest = bytes;
    for sequence in sequences {
        let (literals, after) = rest.split_at(sequence.literals as usize);
        counts.literals(literals);
        counts.repetition(sequence.length, sequence.distance);
        rest = &after[usize::from(sequence.length)..];
    }
    counts.literals(rest);
    counts
}

/// Kept apart, as is counting: together they have more in hand than there are registers.
#[inline(never)]
fn encode(
    bytes: &[u8],
    sequences: &[Sequence],
    literals: &Code<LITERALS>,
    distances: &Code<DISTANCES>,
    writer: &mut Writer<'_>,
) {
    let lengths = symbols::lengths(literals);
    let mut rest = bytes;
    for sequence in sequences {
        let (run, after) = rest.split_at(sequence.literals as usize);
        let length = lengths[usize::from(sequence.length)];
        writer.run(run, literals, [length, symbols::distance(sequence.distance, distances)]);
        rest = &after[usize::from(sequence.length)..];
    }
    writer.run(rest, literals, [literals.symbols[symbols::END], Word::default()]);
}

#[cfg(test)]
mod tests;
