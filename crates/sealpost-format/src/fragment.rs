//! The fixed text between values, such as `</city><email>` or `","email":"`, appended without a call of `memcpy`.

/// Bytes that are copied at once: most fragments fit.
const AT_ONCE: usize = 48;

/// A fixed text, of which the first or the last byte may be left out.
pub(crate) struct Fragment {
    /// With so much room behind it that `AT_ONCE` bytes can be copied from the first or second on.
    padded: [u8; AT_ONCE + 1],
    text: Vec<u8>,
}

impl Fragment {
    pub(crate) fn new(text: impl Into<Vec<u8>>) -> Self {
        let text = text.into();
        let mut padded = [0; AT_ONCE + 1];
        if text.len() <= AT_ONCE {
            padded[..text.len()].copy_from_slice(&text);
        }
        Self { padded, text }
    }

    /// Appends the text.
    #[inline]
    pub(crate) fn push(&self, out: &mut Vec<u8>) {
        self.push_part(false, false, out);
    }

    /// Appends the text without its first byte, its last, or both. A text of which parts are wanted has at least two.
    #[inline]
    pub(crate) fn push_part(&self, without_first: bool, without_last: bool, out: &mut Vec<u8>) {
        let (from, length) = (usize::from(without_first), self.text.len() - usize::from(without_last));
        if self.text.len() <= AT_ONCE {
            let end = out.len() + length - from;
            out.extend_from_slice(&self.padded[from..][..AT_ONCE]);
            out.truncate(end);
        } else {
            out.extend_from_slice(&self.text[from..length]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_texts_are_appended_whole_and_in_part() {
        for length in 2..3 * AT_ONCE {
            let text: Vec<u8> = (0..=255).cycle().take(length).collect();
            let fragment = Fragment::new(text.clone());
            let mut out = vec![1, 2];
            fragment.push(&mut out);
            fragment.push_part(true, false, &mut out);
            fragment.push_part(false, true, &mut out);
            fragment.push_part(true, true, &mut out);
            let expected = [&[1, 2][..], &text, &text[1..], &text[..length - 1], &text[1..length - 1]].concat();
            assert_eq!(out, expected, "{length}");
        }
        let mut out = Vec::new();
        Fragment::new("").push(&mut out);
        assert!(out.is_empty());
    }
}
