//! Character encodings of text files: UTF-8, Windows-1252 and ISO-8859-15.
//!
//! Strict on purpose: the WHATWG mapping lets the five holes of Windows-1252 through as control characters, which
//! other decoders (Python, Java) refuse. Here a character without a place is an error.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How characters become bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) enum Charset {
    /// UTF-8.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// UTF-8 with a byte order mark, by which Excel recognises it.
    #[serde(rename = "utf-8-bom")]
    Utf8Bom,
    /// Windows-1252 (Western European).
    #[serde(rename = "windows-1252")]
    Windows1252,
    /// ISO-8859-15 (Latin-9).
    #[serde(rename = "iso-8859-15")]
    Latin9,
}

/// Windows-1252 at 0x80 to 0x9F; 0 is a hole. (Unicode's CP1252.TXT)
const WINDOWS_1252: [u32; 32] = [
    0x20AC, 0, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0, 0x017D,
    0, //
    0, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0, 0x017E,
    0x0178,
];

/// Where ISO-8859-15 differs from ISO-8859-1. (Unicode's 8859-15.TXT)
const LATIN_9: [(u8, char); 8] =
    [(0xA4, '€'), (0xA6, 'Š'), (0xA8, 'š'), (0xB4, 'Ž'), (0xB8, 'ž'), (0xBC, 'Œ'), (0xBD, 'œ'), (0xBE, 'Ÿ')];

impl Charset {
    /// The name as in options.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Utf8Bom => "utf-8-bom",
            Self::Windows1252 => "windows-1252",
            Self::Latin9 => "iso-8859-15",
        }
    }

    /// What a file begins with.
    pub(crate) fn mark(self) -> &'static [u8] {
        if self == Self::Utf8Bom { b"\xEF\xBB\xBF" } else { b"" }
    }

    /// Whether text goes out as it is in memory.
    pub(crate) fn is_utf8(self) -> bool {
        matches!(self, Self::Utf8 | Self::Utf8Bom)
    }

    /// The byte of a character in a one-byte encoding.
    fn byte(self, character: char) -> Option<u8> {
        let point = u32::from(character);
        match (self, point) {
            (_, 0..=0x7F) => u8::try_from(point).ok(),
            (Self::Windows1252, 0xA0..=0xFF) => u8::try_from(point).ok(),
            (Self::Windows1252, _) => {
                WINDOWS_1252.iter().position(|known| *known == point).and_then(|at| u8::try_from(0x80 + at).ok())
            }
            (Self::Latin9, _) => match LATIN_9.iter().find(|(_, known)| *known == character) {
                Some((byte, _)) => Some(*byte),
                None => u8::try_from(point).ok().filter(|byte| LATIN_9.iter().all(|(taken, _)| taken != byte)),
            },
            _ => None,
        }
    }

    /// Appends the text in this encoding; `false` when a character has no place in it.
    #[must_use]
    pub(crate) fn encode(self, text: &str, out: &mut Vec<u8>) -> bool {
        if self.is_utf8() || text.is_ascii() {
            out.extend_from_slice(text.as_bytes());
            return true;
        }
        text.chars().all(|character| self.byte(character).map(|byte| out.push(byte)).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every character of the Basic Multilingual Plane against `encoding_rs`, but for the WHATWG fillers.
    #[test]
    fn bytes_agree_with_encoding_rs() {
        for (ours, theirs) in
            [(Charset::Windows1252, encoding_rs::WINDOWS_1252), (Charset::Latin9, encoding_rs::ISO_8859_15)]
        {
            for character in (0..=0xFFFF).filter_map(char::from_u32) {
                let mut out = Vec::new();
                let placed = ours.encode(&character.to_string(), &mut out);
                let text = character.to_string();
                let (bytes, _, unmappable) = theirs.encode(&text);
                let hole = ours == Charset::Windows1252 && (0x80..0xA0).contains(&u32::from(character));
                assert_eq!(placed, !unmappable && !hole, "{character:?} in {}", ours.name());
                assert!(!placed || *bytes == *out, "{character:?} in {}", ours.name());
            }
        }
    }
}
