//! Date patterns: a small language for how dates and times look.
//!
//! | token | meaning |
//! | --- | --- |
//! | `YYYY` `YY` | year with four or two digits |
//! | `MM` `M` · `DD` `D` | month · day, with or without leading zero |
//! | `HH` `H` · `mm` · `ss` | hour (0 to 23) · minute · second |
//! | `S` to `SSSSSS` | exactly that many digits of the second's fraction |
//! | `F` | a point and as many digits of the fraction as the column has; nothing when it has none |
//! | `Z` · `ZZ` | offset from UTC, `+02:00`; with `Z`, UTC is written `Z` |
//! | `'text'` | the text itself; `''` is an apostrophe |
//!
//! `T`, space and ASCII punctuation stand for themselves; any other letter or digit is refused.

use sealpost_core::temporal::{Clock, Date};

use crate::cell::{push_padded, push_two, two};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Year4,
    Year2,
    Month2,
    Month,
    Day2,
    Day,
    Hour2,
    Hour,
    Minute,
    Second,
    Fraction(u8),
    ColumnFraction,
    Offset,
    OffsetOrZ,
    /// An ASCII character.
    Literal(u8),
    /// `YYYY-MM-DD`, and behind it, where there is a character between them, `HH:mm:ss`: what nearly every file has.
    Iso(Option<u8>),
}

/// What a pattern may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub(crate) enum Reach {
    /// Year, month, day.
    Date,
    /// And a time of day.
    DateTime,
    /// And an offset from UTC.
    Timestamp,
}

/// A pattern, checked. The default is empty and writes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Pattern {
    pieces: Vec<Piece>,
    literals: Vec<u8>,
}

impl Pattern {
    /// Reads a pattern; the error says what is wrong and what may stand there.
    pub(crate) fn parse(text: &str, reach: Reach) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let run = rest.chars().take_while(|next| *next == first).count();
            let mut used = run;
            match (first, run) {
                ('Y', 4) => pieces.push(Piece::Year4),
                ('Y', 2) => pieces.push(Piece::Year2),
                ('M', 2) => pieces.push(Piece::Month2),
                ('M', 1) => pieces.push(Piece::Month),
                ('D', 2) => pieces.push(Piece::Day2),
                ('D', 1) => pieces.push(Piece::Day),
                ('H', 2) => pieces.push(Piece::Hour2),
                ('H', 1) => pieces.push(Piece::Hour),
                ('m', 2) => pieces.push(Piece::Minute),
                ('s', 2) => pieces.push(Piece::Second),
                ('S', 1..=6) => pieces.push(Piece::Fraction(run as u8)),
                ('F', 1) => pieces.push(Piece::ColumnFraction),
                ('Z', 1) => pieces.push(Piece::OffsetOrZ),
                ('Z', 2) => pieces.push(Piece::Offset),
                ('\'', _) => {
                    let (literal, length) = quoted(rest)?;
                    pieces.extend(literal.bytes().map(Piece::Literal));
                    used = length;
                }
                _ if first.is_ascii_punctuation() || matches!(first, 'T' | ' ') => {
                    pieces.extend(rest.bytes().take(run).map(Piece::Literal));
                }
                _ => {
                    let token: String = std::iter::repeat_n(first, run).collect();
                    return Err(format!(
                        "`{token}` is no token; allowed: YYYY YY MM M DD D HH H mm ss S..SSSSSS F Z ZZ, 'text', T, \
                         space and punctuation"
                    ));
                }
            }
            rest = rest.get(used..).unwrap_or_default();
        }
        let needs = pieces.iter().map(|piece| piece.needs()).fold(None, |most: Option<Reach>, need| match need {
            Some(need) if most.is_none_or(|most| need > most) => Some(need),
            _ => most,
        });
        match needs {
            None => Err("has no token, so every value would look the same; example: DD.MM.YYYY".to_owned()),
            Some(need) if need > reach => Err(match reach {
                Reach::Date => "a date has no time of day; allowed: YYYY YY MM M DD D".to_owned(),
                _ => "a datetime has no zone; `Z` and `ZZ` are for timestamp_pattern".to_owned(),
            }),
            Some(_) => Ok(Self { literals: literals(&pieces), pieces: shortened(pieces) }),
        }
    }

    /// The characters that stand for themselves.
    pub(crate) fn literals(&self) -> impl Iterator<Item = u8> {
        self.literals.iter().copied()
    }

    /// Appends a value. `digits` are those of the column's fraction.
    pub(crate) fn write(&self, date: Date, clock: Clock, offset_minutes: i16, digits: u8, out: &mut Vec<u8>) {
        for piece in &self.pieces {
            match *piece {
                Piece::Iso(between) => push_iso(date, clock, between, out),
                Piece::Year4 => {
                    push_two((date.year / 100) as u8, out);
                    push_two((date.year % 100) as u8, out);
                }
                Piece::Year2 => push_two((date.year % 100) as u8, out),
                Piece::Month2 => push_two(date.month, out),
                Piece::Month => push_padded(u32::from(date.month), 1, out),
                Piece::Day2 => push_two(date.day, out),
                Piece::Day => push_padded(u32::from(date.day), 1, out),
                Piece::Hour2 => push_two(clock.hour, out),
                Piece::Hour => push_padded(u32::from(clock.hour), 1, out),
                Piece::Minute => push_two(clock.minute, out),
                Piece::Second => push_two(clock.second, out),
                Piece::Fraction(digits) => push_fraction(clock.micro, digits, out),
                Piece::ColumnFraction if digits > 0 => {
                    out.push(b'.');
                    push_fraction(clock.micro, digits, out);
                }
                Piece::ColumnFraction => {}
                Piece::OffsetOrZ if offset_minutes == 0 => out.push(b'Z'),
                Piece::Offset | Piece::OffsetOrZ => push_offset(offset_minutes, out),
                Piece::Literal(literal) => out.push(literal),
            }
        }
    }
}

impl Piece {
    fn needs(self) -> Option<Reach> {
        match self {
            Self::Literal(_) | Self::Iso(_) => None,
            Self::Year4 | Self::Year2 | Self::Month2 | Self::Month | Self::Day2 | Self::Day => Some(Reach::Date),
            Self::Offset | Self::OffsetOrZ => Some(Reach::Timestamp),
            _ => Some(Reach::DateTime),
        }
    }
}

fn literals(pieces: &[Piece]) -> Vec<u8> {
    let literal = |piece: &Piece| match piece {
        Piece::Literal(literal) => Some(*literal),
        _ => None,
    };
    pieces.iter().filter_map(literal).collect()
}

/// The same pattern with ISO 8601 at its beginning as one piece.
fn shortened(mut pieces: Vec<Piece>) -> Vec<Piece> {
    use Piece::{Day2, Hour2, Iso, Literal, Minute, Month2, Second, Year4};
    if !pieces.starts_with(&[Year4, Literal(b'-'), Month2, Literal(b'-'), Day2]) {
        return pieces;
    }
    let (iso, length) = match pieces.get(5..) {
        Some([Literal(between), Hour2, Literal(b':'), Minute, Literal(b':'), Second, ..]) => (Iso(Some(*between)), 11),
        _ => (Iso(None), 5),
    };
    pieces.splice(..length, [iso]);
    pieces
}

fn push_iso(date: Date, clock: Clock, between: Option<u8>, out: &mut Vec<u8>) {
    let mut text = *b"0000-00-00T00:00:00";
    for (place, value) in [(0, (date.year / 100) as u8), (2, (date.year % 100) as u8), (5, date.month), (8, date.day)] {
        text[place..place + 2].copy_from_slice(&two(value));
    }
    let Some(between) = between else { return out.extend_from_slice(&text[..10]) };
    text[10] = between;
    for (place, value) in [(11, clock.hour), (14, clock.minute), (17, clock.second)] {
        text[place..place + 2].copy_from_slice(&two(value));
    }
    out.extend_from_slice(&text);
}

/// The text between apostrophes, and how many bytes it took.
fn quoted(text: &str) -> Result<(String, usize), String> {
    if text.starts_with("''") {
        return Ok(("'".to_owned(), 2));
    }
    let inside = text.get(1..).unwrap_or_default();
    match inside.find('\'') {
        Some(end) => {
            let literal = inside.get(..end).unwrap_or_default();
            if !literal.is_ascii() || literal.bytes().any(|byte| byte.is_ascii_control()) {
                return Err("quoted text must be printable ASCII".to_owned());
            }
            Ok((literal.to_owned(), end + 2))
        }
        None => Err("an apostrophe opens a text that is never closed; write '' for an apostrophe".to_owned()),
    }
}

/// The first `digits` digits of the fraction; later ones are cut off.
fn push_fraction(micro: u32, digits: u8, out: &mut Vec<u8>) {
    let digits = digits.min(6);
    push_padded(micro / 10_u32.pow(6 - u32::from(digits)), usize::from(digits), out);
}

fn push_offset(minutes: i16, out: &mut Vec<u8>) {
    out.push(if minutes < 0 { b'-' } else { b'+' });
    let minutes = minutes.unsigned_abs();
    push_two((minutes / 60) as u8, out);
    out.push(b':');
    push_two((minutes % 60) as u8, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(pattern: &str, offset: i16, digits: u8) -> String {
        let date = Date { year: 2026, month: 3, day: 9 };
        let clock = Clock { hour: 7, minute: 5, second: 4, micro: 120_034 };
        let mut out = Vec::new();
        Pattern::parse(pattern, Reach::Timestamp).unwrap().write(date, clock, offset, digits, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn tokens_say_what_the_table_says() {
        assert_eq!(written("YYYY-MM-DDTHH:mm:ssFZ", 0, 6), "2026-03-09T07:05:04.120034Z");
        assert_eq!(written("YYYY-MM-DD HH:mm:ssFZZ", 0, 0), "2026-03-09 07:05:04+00:00");
        assert_eq!(written("D.M.YY H:mm Z", -210, 3), "9.3.26 7:05 -03:30");
        assert_eq!(written("HH 'Uhr' mm''ss,SSS", 0, 0), "07 Uhr 05'04,120");
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_the_reason() {
        for (pattern, reach, word) in [
            ("YYYY-mm-DD", Reach::Date, "no time of day"),
            ("YYY", Reach::Date, "`YYY` is no token"),
            ("dd.MM.yyyy", Reach::Date, "`dd` is no token"),
            ("YYYY'x", Reach::Date, "never closed"),
            ("--", Reach::Date, "no token"),
            ("HH:mmZ", Reach::DateTime, "timestamp_pattern"),
        ] {
            let error = Pattern::parse(pattern, reach).unwrap_err();
            assert!(error.contains(word), "{pattern}: {error}");
        }
    }

    #[test]
    fn iso_as_one_piece_is_what_its_tokens_say() {
        // Quotes around the separators: the same text, token for token.
        for (short, long) in [
            ("YYYY-MM-DD", "YYYY'-'MM'-'DD"),
            ("YYYY-MM-DDTHH:mm:ss", "YYYY'-'MM'-'DD'T'HH':'mm':'ss"),
            ("YYYY-MM-DD HH:mm:ssFZ", "YYYY'-'MM'-'DD' 'HH':'mm':'ssFZ"),
            ("YYYY-MM-DD HH:mm", "YYYY-MM-DD' 'HH:mm"),
        ] {
            let short = Pattern::parse(short, Reach::Timestamp).unwrap();
            let long = Pattern::parse(long, Reach::Timestamp).unwrap();
            assert_eq!(short, long);
            let mut dates: Vec<Date> = (0..=9999).map(|year| Date { year, month: 1, day: 1 }).collect();
            dates.extend((0..=99).map(|value| Date { year: 0, month: value, day: value }));
            for date in dates {
                let clock = Clock { hour: date.day, minute: date.month, second: (date.year % 60) as u8, micro: 7 };
                let mut out = Vec::new();
                short.write(date, clock, 0, 6, &mut out);
                let text = String::from_utf8(out).unwrap();
                let day = format!("{:04}-{:02}-{:02}", date.year, date.month, date.day);
                let time = format!("{:02}:{:02}:{:02}", clock.hour, clock.minute, clock.second);
                assert!(text.starts_with(&day), "{text} {day}");
                assert!(text.len() < 19 || text[11..].starts_with(&time), "{text} {time}");
            }
        }
        assert_eq!(
            Pattern::parse("YYYY-MM-DDTHH:mm:ss", Reach::DateTime).unwrap().literals().collect::<Vec<_>>(),
            b"--T::"
        );
    }
}
