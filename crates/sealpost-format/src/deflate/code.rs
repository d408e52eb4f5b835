//! Huffman codes of bounded length, and how a block tells them (RFC 1951, sections 3.2.2 and 3.2.7).

use super::bits::{Bits, Word};

/// A prefix code for N symbols.
#[derive(Debug)]
pub(super) struct Code<const N: usize> {
    /// Bits of each symbol; 0 is one that does not occur.
    pub(super) lengths: [u8; N],
    /// What is written for each: the code's highest bit comes first, so it is turned round.
    pub(super) symbols: [Word; N],
}

impl<const N: usize> Code<N> {
    /// A code of at most so many bits for symbols that occur so often, of which there may be at most two to the power of `longest`.
    pub(super) fn new(counts: &[u32; N], longest: u8) -> Self {
        let lengths = lengths(counts, longest);
        let mut next = first_codes(&lengths);
        let mut symbols = [Word::default(); N];
        for (word, length) in symbols.iter_mut().zip(&lengths).filter(|(_, length)| **length > 0) {
            let code = &mut next[usize::from(*length)];
            *word = Word { bits: code.reverse_bits() >> (32 - u32::from(*length)), count: u32::from(*length) };
            *code += 1;
        }
        Self { lengths, symbols }
    }
}

/// The first code of each length (section 3.2.2, step 2).
fn first_codes(lengths: &[u8]) -> [u32; 16] {
    let mut many = [0; 16];
    for length in lengths.iter().filter(|length| **length > 0) {
        many[usize::from(*length)] += 1;
    }
    let mut first = [0; 16];
    for length in 1..first.len() {
        first[length] = (first[length - 1] + many[length - 1]) << 1;
    }
    first
}

/// Huffman's lengths, none above the longest. At least two symbols get one, since readers differ in what they make of a code of one.
fn lengths<const N: usize>(counts: &[u32; N], longest: u8) -> [u8; N] {
    let mut used: Vec<(u32, usize)> = Vec::with_capacity(N);
    used.extend(counts.iter().copied().zip(0..).filter(|(count, _)| *count > 0));
    let unused = (0..N).filter(|symbol| counts[*symbol] == 0);
    used.extend(unused.take(2_usize.saturating_sub(used.len())).map(|symbol| (0, symbol)));
    used.sort_unstable();

    let mut many = [0_usize; 16];
    for depth in depths(&used) {
        many[depth.min(usize::from(longest))] += 1;
    }
    shorten(&mut many[..=usize::from(longest)]);

    let mut lengths = [0; N];
    // The rarest first, so the longest first.
    let all = (1..=longest).rev().flat_map(|length| std::iter::repeat_n(length, many[usize::from(length)]));
    for ((_, symbol), length) in used.iter().zip(all) {
        lengths[*symbol] = length;
    }
    lengths
}

/// How deep each leaf is in Huffman's tree; they come with the rarest first. The two lightest of what has no parent yet get one: leaves
/// in their order, and inner nodes in the order in which they were made, which is that of their weights too.
fn depths(leaves: &[(u32, usize)]) -> impl Iterator<Item = usize> {
    let count = leaves.len();
    let mut weights: Vec<u64> = leaves.iter().map(|(weight, _)| u64::from(*weight)).collect();
    let mut parents = vec![0; 2 * count - 1];
    let (mut leaf, mut inner) = (0, count);
    for made in count..2 * count - 1 {
        let mut weight = 0;
        for _ in 0..2 {
            let lighter =
                if leaf < count && (inner == made || weights[leaf] <= weights[inner]) { &mut leaf } else { &mut inner };
            weight += weights[*lighter];
            parents[*lighter] = made;
            *lighter += 1;
        }
        weights.push(weight);
    }
    let mut depths = vec![0; 2 * count - 1];
    for node in (0..2 * count - 2).rev() {
        depths[node] = depths[parents[node]] + 1;
    }
    depths.into_iter().take(count)
}

/// Makes a code of what became one too large when depths were cut to the longest: the sum of two to the power of minus each length must be
/// one (Kraft). Each step takes a longest leaf away and hangs it beside a shorter one, both a bit deeper than that was.
fn shorten(many: &mut [usize]) {
    let longest = many.len() - 1;
    let mut sum: usize = many.iter().enumerate().skip(1).map(|(length, count)| count << (longest - length)).sum();
    while sum > 1 << longest {
        let Some(shorter) = (1..longest).rev().find(|length| many[*length] > 0) else { return };
        many[longest] -= 1;
        many[shorter] -= 1;
        many[shorter + 1] += 2;
        sum -= 1;
    }
}

/// The order in which a block tells the lengths of the code of lengths.
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// Tells both codes, as runs of lengths.
pub(super) fn put_lengths(literals: &[u8], distances: &[u8], bits: &mut Bits, out: &mut Vec<u8>) {
    let told = |lengths: &[u8], least: usize| {
        least.max(lengths.iter().rposition(|length| *length > 0).map_or(0, |last| last + 1))
    };
    let (literals, distances) = (&literals[..told(literals, 257)], &distances[..told(distances, 1)]);
    let runs = runs(&[literals, distances].concat());
    let mut counts = [0; 19];
    for (symbol, ..) in &runs {
        counts[*symbol] += 1;
    }
    let code = Code::new(&counts, 7);
    let order = ORDER.map(|symbol| code.lengths[symbol]);
    let order = &order[..told(&order, 4)];
    bits.put(literals.len() as u32 - 257, 5, out);
    bits.put(distances.len() as u32 - 1, 5, out);
    bits.put(order.len() as u32 - 4, 4, out);
    for length in order {
        bits.put(u32::from(*length), 3, out);
    }
    for (symbol, more, extra) in runs {
        let Word { bits: code, count } = code.symbols[symbol];
        bits.put(code | more << count, count + extra, out);
    }
}

/// Lengths as symbols of the code of lengths, with their extra bits and how many those are: 16 repeats the one before 3 to 6 times, 17 and 18 are 3 to 10
/// and 11 to 138 zeros.
fn runs(lengths: &[u8]) -> Vec<(usize, u32, u32)> {
    let mut runs = Vec::with_capacity(lengths.len());
    for run in lengths.chunk_by(|a, b| a == b) {
        let (length, mut left) = (usize::from(run[0]), run.len());
        if length > 0 {
            runs.push((length, 0, 0));
            left -= 1;
        }
        while left >= 3 {
            let (symbol, least, most, extra) = match (length, left) {
                (0, 11..) => (18, 11, 138, 7),
                (0, _) => (17, 3, 10, 3),
                _ => (16, 3, 6, 2),
            };
            let now = left.min(most);
            runs.push((symbol, (now - least) as u32, extra));
            left -= now;
        }
        runs.extend(std::iter::repeat_n((length, 0, 0), left));
    }
    runs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::any;
    use proptest::proptest;

    use super::*;

    #[test]
    fn the_code_is_that_of_the_rfc_s_example() {
        // A to H with lengths 3, 3, 3, 3, 3, 2, 4, 4 (section 3.2.2).
        let lengths = [3, 3, 3, 3, 3, 2, 4, 4];
        assert_eq!(first_codes(&lengths)[2..5], [0b00, 0b010, 0b1110]);
        let code = Code::new(&[4, 4, 4, 4, 4, 8, 2, 2], 15);
        assert_eq!(code.lengths, lengths);
        assert_eq!(code.symbols[0], Word { bits: 0b010, count: 3 });
        // 110, turned round.
        assert_eq!(code.symbols[4], Word { bits: 0b011, count: 3 });
        assert_eq!(code.symbols[7], Word { bits: 0b1111, count: 4 });
    }

    #[test]
    fn one_symbol_and_none_get_a_partner() {
        assert_eq!(Code::new(&[0, 0, 9, 0], 15).lengths, [1, 0, 1, 0]);
        assert_eq!(Code::new(&[0, 0, 0], 15).lengths, [1, 1, 0]);
    }

    #[test]
    fn runs_are_told_in_the_fewest_symbols() {
        let lengths = [[7; 8].as_slice(), &[0; 150], &[3, 3, 3], &[0, 0]].concat();
        let expected = [
            (7, 0, 0),
            (16, 3, 2),
            (7, 0, 0),
            (18, 127, 7),
            (18, 1, 7),
            (3, 0, 0),
            (3, 0, 0),
            (3, 0, 0),
            (0, 0, 0),
            (0, 0, 0),
        ];
        assert_eq!(runs(&lengths), expected);
    }

    proptest! {
        #[test]
        fn any_counts_make_a_whole_code_of_bounded_length(
            small in any::<[u32; 30]>(), powers in any::<[u8; 30]>(), longest in 5_u8..=15,
        ) {
            // Powers of two make the deepest trees.
            for counts in [small, powers.map(|power| 1 << (power % 32)), powers.map(|power| u32::from(power < 40))] {
                let code = Code::new(&counts, longest);
                let used: Vec<u8> = code.lengths.iter().copied().filter(|length| *length > 0).collect();
                assert!(used.iter().all(|length| *length <= longest));
                let sum: u32 = used.iter().map(|length| 1 << (15 - length)).sum();
                assert_eq!(sum, 1 << 15, "{:?}", code.lengths);
                assert!(counts.iter().zip(&code.lengths).all(|(count, length)| *count == 0 || *length > 0));
            }
        }
    }
}
