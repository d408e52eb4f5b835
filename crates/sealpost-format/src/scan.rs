//! Whether a text has a byte that a format must look at: eight bytes at a time, because hardly any has.

/// Every byte the same.
const fn each(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// A byte that no test of this module finds: the room that a short text leaves.
const PLAIN: u8 = b'a';

/// Whether one of eight bytes is this one. (Exact for the lowest one, and so for the question whether there is any: a borrow goes only
/// from a byte that is one into the next.)
#[inline]
pub(crate) fn has(word: u64, byte: u8) -> bool {
    let zero = word ^ each(byte);
    zero.wrapping_sub(each(1)) & !zero & each(0x80) != 0
}

/// Whether one of eight bytes is one of these two, which differ in one bit.
#[inline]
pub(crate) fn has_either(word: u64, one: u8, other: u8) -> bool {
    has(word | each(one ^ other), one | other)
}

/// Whether one of eight bytes is below 0x20: a control character.
#[inline]
pub(crate) fn has_control(word: u64) -> bool {
    word.wrapping_sub(each(0x20)) & !word & each(0x80) != 0
}

/// Whether one of eight bytes is a control character or `"`. With their second bit changed, 0x20 is the next one below which they are,
/// and the quote becomes 0x20.
#[inline]
pub(crate) fn has_control_or_quote(word: u64) -> bool {
    (word ^ each(2)).wrapping_sub(each(0x21)) & !word & each(0x80) != 0
}

/// Whether the test finds something in any eight bytes of the text.
#[inline]
pub(crate) fn any(bytes: &[u8], test: impl Fn(u64) -> bool) -> bool {
    if let (Some((first, _)), Some((_, last))) = (bytes.split_first_chunk::<8>(), bytes.split_last_chunk::<8>()) {
        // The last eight bytes overlap those before.
        let eights = bytes.as_chunks::<8>().0;
        return test(u64::from_ne_bytes(*first))
            | test(u64::from_ne_bytes(*last))
            | eights.iter().skip(1).fold(false, |found, eight| found | test(u64::from_ne_bytes(*eight)));
    }
    if let (Some((first, _)), Some((_, last))) = (bytes.split_first_chunk::<4>(), bytes.split_last_chunk::<4>()) {
        let (first, last) = (u32::from_ne_bytes(*first), u32::from_ne_bytes(*last));
        return test(u64::from(first) << 32 | u64::from(last));
    }
    let mut few = [PLAIN; 8];
    few.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    test(u64::from_ne_bytes(few))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_found_at_every_place() {
        for length in 0..40 {
            for place in 0..length {
                for byte in 0..=255_u8 {
                    // Neighbours that borrow, and such that don't.
                    for around in [b'a', 0x21, 0x80, 0xFF, byte.wrapping_add(1)] {
                        let mut text = vec![around; length];
                        text[place] = byte;
                        let control = any(&text, has_control);
                        assert_eq!(control, text.iter().any(|byte| *byte < 0x20), "{byte} in {text:?}");
                        let quoted = any(&text, has_control_or_quote);
                        assert_eq!(quoted, text.iter().any(|byte| *byte < 0x20 || *byte == b'"'), "{byte} in {text:?}");
                        let either = any(&text, |word| has_either(word, b'<', b'>'));
                        assert_eq!(either, text.contains(&b'<') || text.contains(&b'>'), "{byte} in {text:?}");
                        for wanted in [b'"', b'<', 0xEF, 0x80] {
                            assert_eq!(
                                any(&text, |word| has(word, wanted)),
                                text.contains(&wanted),
                                "{wanted} in {text:?}"
                            );
                        }
                    }
                }
            }
        }
    }
}
