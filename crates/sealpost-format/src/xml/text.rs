//! Character data of XML 1.0 (sections 2.2, 2.4 and 2.11).

use sealpost_core::append::append;

use crate::scan;

const PLAIN: u8 = 0;
const ESCAPED: u8 = 1;
const ILLEGAL: u8 = 2;
/// The first byte of U+F000 to U+FFFF, among them the two non-characters that XML excludes.
const PERHAPS: u8 = 3;

static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut classes = [PLAIN; 256];
    let mut byte = 0;
    while byte < 0x20 {
        classes[byte] = ILLEGAL;
        byte += 1;
    }
    classes[b'\t' as usize] = PLAIN;
    classes[b'\n' as usize] = PLAIN;
    // A literal CR would be read as LF (section 2.11).
    classes[b'\r' as usize] = ESCAPED;
    classes[b'&' as usize] = ESCAPED;
    classes[b'<' as usize] = ESCAPED;
    classes[b'>' as usize] = ESCAPED;
    classes[0xEF] = PERHAPS;
    classes
}

/// Appends the text as character data; `false` when XML 1.0 does not have one of its characters.
#[inline]
#[must_use]
pub(crate) fn push_escaped(text: &str, out: &mut Vec<u8>) -> bool {
    let markup = |word| scan::has(word, b'&') | scan::has_either(word, b'<', b'>');
    if scan::any(text.as_bytes(), |word| markup(word) | scan::has_control(word) | scan::has(word, 0xEF)) {
        return push_special(text.as_bytes(), out);
    }
    append(text.as_bytes(), out);
    true
}

fn push_special(bytes: &[u8], out: &mut Vec<u8>) -> bool {
    let mut start = 0;
    for (at, byte) in bytes.iter().enumerate() {
        match CLASSES[usize::from(*byte)] {
            PLAIN => continue,
            ILLEGAL => return false,
            PERHAPS => {
                // U+FFFE and U+FFFF.
                if matches!(bytes.get(at + 1..at + 3), Some([0xBF, 0xBE | 0xBF])) {
                    return false;
                }
                continue;
            }
            _ => {}
        }
        out.extend_from_slice(&bytes[start..at]);
        start = at + 1;
        out.extend_from_slice(match byte {
            b'&' => b"&amp;",
            b'<' => b"&lt;",
            b'>' => b"&gt;",
            _ => b"&#13;",
        });
    }
    out.extend_from_slice(&bytes[start..]);
    true
}

#[cfg(test)]
mod tests {
    use super::push_escaped;

    #[test]
    fn markup_is_escaped_and_illegal_characters_are_refused() {
        let mut out = Vec::new();
        assert!(push_escaped("a<b>&\r\n\t\"'ﾟ\u{FFFD}", &mut out));
        assert_eq!(String::from_utf8(out).unwrap(), "a&lt;b&gt;&amp;&#13;\n\t\"'ﾟ\u{FFFD}");
        for text in ["\0", "\u{B}", "\u{1F}", "x\u{FFFE}", "\u{FFFF}"] {
            assert!(!push_escaped(text, &mut Vec::new()), "{text:?}");
        }
    }
}
