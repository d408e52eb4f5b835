//! Lengths and distances as symbols with extra bits (RFC 1951, section 3.2.5).

use super::MAX_LENGTH;
use super::bits::Word;
use super::code::Code;

/// The symbol that ends a block.
pub(super) const END: usize = 256;
/// Literals, the end, and lengths.
pub(super) const LITERALS: usize = 286;
/// Distances.
pub(super) const DISTANCES: usize = 30;

/// The first length of each symbol from 257 on, and the extra bits that tell which of those from there on it is.
const LENGTHS: [(u16, u8); 29] = [
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 1),
    (13, 1),
    (15, 1),
    (17, 1),
    (19, 2),
    (23, 2),
    (27, 2),
    (31, 2),
    (35, 3),
    (43, 3),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 4),
    (115, 4),
    (131, 5),
    (163, 5),
    (195, 5),
    (227, 5),
    (258, 0),
];

/// The symbol of each length, counted from 257.
static LENGTH_SYMBOL: [u8; MAX_LENGTH + 1] = {
    let mut symbols = [0; MAX_LENGTH + 1];
    let mut symbol = 0;
    while symbol < LENGTHS.len() {
        let mut length = LENGTHS[symbol].0 as usize;
        while length <= MAX_LENGTH {
            symbols[length] = symbol as u8;
            length += 1;
        }
        symbol += 1;
    }
    symbols
};

/// The symbol of a distance, its extra bits, and how many they are. Distances come in pairs of symbols for each power of two.
#[inline]
fn distance_symbol(distance: u16) -> (usize, u32, u32) {
    let below = u32::from(distance) - 1;
    if below < 4 {
        return (below as usize, 0, 0);
    }
    let extra = below.ilog2() - 1;
    ((2 * extra + (below >> extra)) as usize, below & ((1 << extra) - 1), extra)
}

/// How often each symbol is needed.
pub(super) struct Counts {
    pub(super) literals: [u32; LITERALS],
    pub(super) distances: [u32; DISTANCES],
}

impl Counts {
    /// With the end of the block.
    pub(super) fn new() -> Self {
        let mut counts = Self { literals: [0; LITERALS], distances: [0; DISTANCES] };
        counts.literals[END] = 1;
        counts
    }

    #[inline]
    pub(super) fn literals(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.literals[usize::from(*byte)] += 1;
        }
    }

    #[inline]
    pub(super) fn repetition(&mut self, length: u16, distance: u16) {
        self.literals[END + 1 + usize::from(LENGTH_SYMBOL[usize::from(length)])] += 1;
        self.distances[distance_symbol(distance).0] += 1;
    }

    /// How many bits all of them are by these codes.
    pub(super) fn bits(&self, literals: &Code<LITERALS>, distances: &Code<DISTANCES>) -> usize {
        let extra = std::iter::repeat_n(0, END + 1).chain(LENGTHS.iter().map(|(_, extra)| *extra));
        let literals = self.literals.iter().zip(&literals.lengths).zip(extra);
        let distances =
            self.distances.iter().zip(&distances.lengths).zip((0..).map(|symbol: u8| (symbol / 2).saturating_sub(1)));
        literals.chain(distances).map(|((count, length), extra)| *count as usize * usize::from(length + extra)).sum()
    }
}

/// What is written for each length.
pub(super) fn lengths(code: &Code<LITERALS>) -> [Word; MAX_LENGTH + 1] {
    let mut words = [Word::default(); MAX_LENGTH + 1];
    for (length, word) in words.iter_mut().enumerate().skip(3) {
        let symbol = usize::from(LENGTH_SYMBOL[length]);
        let (first, extra) = LENGTHS[symbol];
        let Word { bits, count } = code.symbols[END + 1 + symbol];
        let more = length as u32 - u32::from(first);
        *word = Word { bits: bits | more << count, count: count + u32::from(extra) };
    }
    words
}

/// What is written for a distance.
#[inline]
pub(super) fn distance(distance: u16, code: &Code<DISTANCES>) -> Word {
    let (symbol, more, extra) = distance_symbol(distance);
    let Word { bits, count } = code.symbols[symbol];
    Word { bits: bits | more << count, count: count + extra }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_symbols_are_those_of_the_rfc() {
        for (length, symbol) in
            [(3, 0), (10, 7), (11, 8), (12, 8), (13, 9), (114, 22), (130, 23), (131, 24), (257, 27), (258, 28)]
        {
            assert_eq!(LENGTH_SYMBOL[length], symbol, "{length}");
        }
        for (distance, expected) in [
            (1, (0, 0, 0)),
            (4, (3, 0, 0)),
            (5, (4, 0, 1)),
            (6, (4, 1, 1)),
            (7, (5, 0, 1)),
            (9, (6, 0, 2)),
            (24, (8, 7, 3)),
            (25, (9, 0, 3)),
            (16_385, (28, 0, 13)),
            (24_577, (29, 0, 13)),
            (32_768, (29, 8191, 13)),
        ] {
            assert_eq!(distance_symbol(distance), expected, "{distance}");
        }
    }
}
