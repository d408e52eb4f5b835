//! Finds what repeats: before values where the marks say, in values where the same four bytes were last seen.

use super::{MAX_DISTANCE, MAX_LENGTH, Mark};

/// The shortest repetition that is taken. Three bytes at a distance are hardly shorter than themselves.
pub(super) const LEAST: usize = 4;
/// Places of four bytes that are remembered, by their hash. In the first level of the cache.
const REMEMBERED: usize = 1 << 12;
/// Nothing seen yet.
const NEVER: u32 = u32::MAX;
/// A value with less left is not searched: a number, mostly.
const WORTH: usize = 8;

/// What was seen in the block.
pub(super) struct Search {
    /// Where the last mark of each slot was.
    slots: Vec<u32>,
    /// Where four bytes of this hash were.
    seen: Box<[u32; REMEMBERED]>,
}

impl Search {
    pub(super) fn new() -> Self {
        Self { slots: Vec::new(), seen: Box::new([NEVER; REMEMBERED]) }
    }

    /// Calls `found` with place, length and distance of what repeats, from front to back. Nothing of earlier blocks is known.
    #[inline]
    pub(super) fn run(&mut self, bytes: &[u8], marks: &[Mark], mut found: impl FnMut(usize, usize, usize)) {
        self.slots.fill(NEVER);
        self.seen.fill(NEVER);
        // Places are kept in 32 bits, which a block of rows has never needed more than.
        let bytes = &bytes[..bytes.len().min(NEVER as usize)];
        let first = marks.first().map_or(bytes.len(), |mark| bytes.len().min(mark.at as usize));
        let mut at = self.values(bytes, 0, first, &mut found);
        for (index, mark) in marks.iter().enumerate() {
            let (start, value) = (mark.at as usize, bytes.len().min(mark.value as usize));
            let end = marks.get(index + 1).map_or(bytes.len(), |next| bytes.len().min(next.at as usize));
            at = at.max(start);
            if let Some(distance) = self.before(mark) {
                at = fixed(bytes, at, value, distance, &mut found);
            }
            at = self.values(bytes, at, end, &mut found);
        }
    }

    /// How far back the last mark of the slot is, which from now on is this one.
    #[inline]
    fn before(&mut self, mark: &Mark) -> Option<usize> {
        let slot = mark.slot as usize;
        if slot >= self.slots.len() {
            self.slots.resize(slot + 1, NEVER);
        }
        let last = std::mem::replace(&mut self.slots[slot], mark.at);
        let distance = mark.at.checked_sub(last)? as usize;
        (1..=MAX_DISTANCE).contains(&distance).then_some(distance)
    }

    /// Searches what begins from here to there, and returns where the last repetition ends.
    #[inline(never)]
    fn values(
        &mut self,
        bytes: &[u8],
        mut at: usize,
        end: usize,
        found: &mut impl FnMut(usize, usize, usize),
    ) -> usize {
        let mut covered = at;
        let mut missed = 0;
        while at + WORTH <= end {
            let Some(next) = bytes[at..].first_chunk::<LEAST>() else { break };
            let seen = &mut self.seen[hash(*next)];
            let last = std::mem::replace(seen, at as u32) as usize;
            let length = match at.checked_sub(last) {
                Some(1..=MAX_DISTANCE) => common(bytes, last, at),
                _ => 0,
            };
            if length >= LEAST {
                found(at, length, at - last);
                at += length;
                covered = at;
                missed = 0;
            } else {
                // What did not repeat for long is looked at more and more rarely.
                at += 1 + missed / 16;
                missed += 1;
            }
        }
        covered
    }
}

/// What stands before a value: the same as so far back, but for a digit here and there.
#[inline(never)]
fn fixed(
    bytes: &[u8],
    mut at: usize,
    value: usize,
    distance: usize,
    found: &mut impl FnMut(usize, usize, usize),
) -> usize {
    while at < value {
        let length = common(bytes, at - distance, at);
        if length >= LEAST {
            found(at, length, distance);
            at += length;
        } else {
            at += 1;
        }
    }
    at
}

/// How many bytes at both places are the same, up to the longest repetition.
#[inline]
fn common(bytes: &[u8], before: usize, at: usize) -> usize {
    let now = &bytes[at..];
    let now = &now[..now.len().min(MAX_LENGTH)];
    let before = &bytes[before..][..now.len()];
    let mut same = 0;
    let ((eights, rest), (before, rest_before)) = (now.as_chunks::<8>(), before.as_chunks::<8>());
    for (eight, before) in eights.iter().zip(before) {
        let differs = u64::from_le_bytes(*eight) ^ u64::from_le_bytes(*before);
        if differs != 0 {
            return same + (differs.trailing_zeros() / 8) as usize;
        }
        same += 8;
    }
    same + rest.iter().zip(rest_before).take_while(|(now, before)| now == before).count()
}

#[inline]
fn hash(four: [u8; LEAST]) -> usize {
    // The golden ratio (Knuth, The Art of Computer Programming, volume 3, section 6.4).
    (u32::from_le_bytes(four).wrapping_mul(0x9E37_79B1) >> (32 - REMEMBERED.ilog2())) as usize
}
