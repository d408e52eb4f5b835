//! JSON strings (RFC 8259 section 7): only what must be escaped is.

use sealpost_core::append::append;

use crate::scan;

/// Appends the text as a JSON string.
pub(super) fn push_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    push_characters(text, out);
    out.push(b'"');
}

/// Appends what stands between the quotes.
#[inline]
pub(super) fn push_characters(text: &str, out: &mut Vec<u8>) {
    let special = |word| scan::has_control_or_quote(word) | scan::has(word, b'\\');
    if scan::any(text.as_bytes(), special) {
        push_escaped(text.as_bytes(), out);
    } else {
        append(text.as_bytes(), out);
    }
}

fn push_escaped(bytes: &[u8], out: &mut Vec<u8>) {
    let mut start = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if *byte >= b' ' && *byte != b'"' && *byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[start..at]);
        start = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            other => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                let (high, low) = (usize::from(other >> 4), usize::from(other & 15));
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', HEX[high], HEX[low]]);
            }
        }
    }
    out.extend_from_slice(&bytes[start..]);
}

#[cfg(test)]
mod tests {
    use super::push_string;

    #[test]
    fn every_character_reads_back() {
        let text: String = (0..=0x2FF).chain([0xFFFE, 0xFFFF, 0x1F6B2]).filter_map(char::from_u32).collect();
        let mut out = Vec::new();
        push_string(&text, &mut out);
        assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
    }
}
