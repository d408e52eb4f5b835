//! Short pieces into a buffer: every value of a report goes through it twice, into its batch and into its file.

/// Appends the bytes, as `extend_from_slice` does.
///
/// Up to 32 of them go in as two pieces of a fixed size, which overlap: a piece whose length only the running program knows is a call of
/// `memcpy`, which takes longer to find out what to do than to do it.
#[inline(always)]
pub fn append(bytes: &[u8], out: &mut Vec<u8>) {
    match bytes.len() {
        16..=32 => pair::<16>(bytes, out),
        8..16 => pair::<8>(bytes, out),
        4..8 => pair::<4>(bytes, out),
        2..4 => pair::<2>(bytes, out),
        _ => out.extend_from_slice(bytes),
    }
}

/// The first and the last `N` bytes, of at most twice as many.
#[inline(always)]
fn pair<const N: usize>(bytes: &[u8], out: &mut Vec<u8>) {
    if let (Some(first), Some(last)) = (bytes.first_chunk::<N>(), bytes.last_chunk::<N>()) {
        out.extend_from_slice(first);
        out.truncate(out.len() + bytes.len() - 2 * N);
        out.extend_from_slice(last);
    }
}

#[cfg(test)]
mod tests {
    use super::append;

    #[test]
    fn it_is_extend_from_slice() {
        let bytes: Vec<u8> = (0..100).collect();
        for before in [0, 1, 40] {
            for length in 0..bytes.len() {
                let mut out = vec![0xFF; before];
                let expected = [&out[..], &bytes[..length]].concat();
                append(&bytes[..length], &mut out);
                assert_eq!(out, expected);
            }
        }
    }
}
