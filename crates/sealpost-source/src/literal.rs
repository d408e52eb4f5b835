//! Values that a database has as text: decimals, dates, times.

use sealpost_core::param::parse_date;
use sealpost_core::temporal::{Clock, Date, DateTime, Time};

/// A decimal as `-?digits(.digits)?` with exactly `scale` digits behind the point.
///
/// # Errors
/// In words, where that would change the value, or the text is no decimal.
pub(crate) fn decimal<'a>(
    text: &'a str,
    precision: u8,
    scale: u8,
    scratch: &'a mut String,
) -> Result<&'a str, &'static str> {
    const NO_DECIMAL: &str = "not a decimal number";
    let (precision, scale) = (usize::from(precision), usize::from(scale));
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = match digits.bytes().position(|byte| byte == b'.') {
        Some(at) => (&digits[..at], &digits[at + 1..]),
        None => (digits, ""),
    };
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) || (digits.ends_with('.')) {
        return Err(NO_DECIMAL);
    }
    // ZEROFILL columns come with leading zeros, which JSON does not allow.
    let significant = whole.trim_start_matches('0');
    if significant.len() > precision.saturating_sub(scale) {
        return Err("more digits before the point than the column's type has");
    }
    let kept = if significant.is_empty() { "0" } else { significant };
    if kept.len() == whole.len() && fraction.len() == scale {
        return Ok(text);
    }
    let fraction = if fraction.len() > scale {
        if fraction[scale..].bytes().any(|byte| byte != b'0') {
            return Err("more digits behind the point than the column's type has");
        }
        &fraction[..scale]
    } else {
        fraction
    };
    scratch.clear();
    if digits.len() != text.len() {
        scratch.push('-');
    }
    scratch.push_str(kept);
    if scale > 0 {
        scratch.push('.');
        scratch.push_str(fraction);
        scratch.extend(std::iter::repeat_n('0', scale - fraction.len()));
    }
    Ok(scratch)
}

/// Whether [`decimal`] would give this text back as it is. Nearly every value of a decimal column is so, and eight characters looked at
/// together take a fraction of the time of one after the other. `false` for what is too long or too short for that, too.
#[inline]
pub(crate) fn is_plain_decimal(text: &[u8], precision: u8, scale: u8) -> bool {
    let (precision, scale) = (usize::from(precision), usize::from(scale));
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let behind = if scale > 0 { scale + 1 } else { 0 };
    let Some(before @ 1..) = digits.len().checked_sub(behind) else { return false };
    let most = if digits.first() == Some(&b'0') { 1 } else { precision.saturating_sub(scale) };
    if before > most {
        return false;
    }
    if scale > 0 && digits.get(before) != Some(&b'.') {
        return false;
    }
    // The first and the last of them, which overlap. The point counts as a digit there.
    let (mut first, mut last, width) = match (digits.len(), digits.first_chunk(), digits.last_chunk()) {
        (..=16, Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last), 8),
        _ => match (digits.len(), digits.first_chunk(), digits.last_chunk()) {
            (..=8, Some(first), Some(last)) => {
                let pad = u64::from(u32::from_le_bytes(*b"0000")) << 32;
                (u64::from(u32::from_le_bytes(*first)) | pad, u64::from(u32::from_le_bytes(*last)) | pad, 4)
            }
            _ => return false,
        },
    };
    if scale > 0 {
        // `.` is `0` less two.
        if before < width {
            first += 2 << (8 * before);
        }
        if scale < width {
            last += 2 << (8 * (width - 1 - scale));
        }
    }
    are_digits(first) && are_digits(last)
}

/// Whether each of eight bytes is an ASCII digit: its upper half is 3, and stays so when 6 is added.
fn are_digits(word: u64) -> bool {
    const UPPER: u64 = 0xF0F0_F0F0_F0F0_F0F0;
    const THREE: u64 = 0x3030_3030_3030_3030;
    word & UPPER == THREE && word.wrapping_add(0x0606_0606_0606_0606) & UPPER == THREE
}

/// `YYYY-MM-DD`, real dates only.
pub(crate) fn date(text: &str) -> Result<Date, &'static str> {
    parse_date(text).ok_or("not a date such as 2026-01-31")
}

/// `YYYY-MM-DD HH:MM[:SS[.ffffff]]`, with `T` or a blank between; and the offset from UTC in minutes behind it, if any.
pub(crate) fn date_time(text: &str) -> Result<(DateTime, Option<i16>), &'static str> {
    const WRONG: &str = "not a date with time such as 2026-01-31 23:59:59";
    let date = text.get(..10).and_then(parse_date).ok_or(WRONG)?;
    let rest = text[10..].strip_prefix([' ', 'T']).ok_or(WRONG)?;
    let (clock, offset) = match rest.find(['Z', '+', '-']) {
        Some(at) => (&rest[..at], Some(offset_minutes(&rest[at..]).ok_or(WRONG)?)),
        None => (rest, None),
    };
    let (hour, minute, second, micro) = clock_parts(clock).ok_or(WRONG)?;
    if hour > 23 || clock.find(':') != Some(2) {
        return Err(WRONG);
    }
    let clock = Clock { hour: hour as u8, minute, second, micro };
    Ok((DateTime { date, clock }, offset))
}

/// `-?H…H:MM[:SS[.ffffff]]`, up to 838 hours.
pub(crate) fn time(text: &str) -> Result<Time, &'static str> {
    let (hours, minute, second, micro) =
        clock_parts(text.strip_prefix('-').unwrap_or(text)).ok_or("not a time such as 23:59:59")?;
    Ok(Time { negative: text.starts_with('-'), hours, minute, second, micro })
}

fn clock_parts(text: &str) -> Option<(u16, u8, u8, u32)> {
    let mut parts = text.splitn(3, ':');
    let hours: u16 = number(parts.next()?, 1, 3)?;
    let minute = number(parts.next()?, 2, 2)? as u8;
    let (second, fraction) = match parts.next() {
        Some(seconds) => seconds.split_once('.').map_or((seconds, None), |(whole, part)| (whole, Some(part))),
        None => ("00", None),
    };
    let second = number(second, 2, 2)? as u8;
    let micro = match fraction {
        Some(part) if (1..=6).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit()) => {
            part.parse::<u32>().ok()? * 10u32.pow(6 - part.len() as u32)
        }
        Some(_) => return None,
        None => 0,
    };
    (hours <= 838 && minute < 60 && second < 60).then_some((hours, minute, second, micro))
}

fn number(text: &str, least: usize, most: usize) -> Option<u16> {
    let fits = (least..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

fn offset_minutes(text: &str) -> Option<i16> {
    if text == "Z" {
        return Some(0);
    }
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    let (hours, minutes) = (number(hours, 2, 2)?, number(minutes, 2, 2)?);
    let total = i16::try_from(hours * 60 + minutes).ok().filter(|_| hours <= 14 && minutes < 60)?;
    Some(if text.starts_with('-') { -total } else { total })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_get_their_scale_and_keep_their_value() {
        for (text, expected) in [
            ("1.50", "1.50"),
            ("-1.5", "-1.50"),
            ("7", "7.00"),
            ("0001.5000", "1.50"),
            ("0", "0.00"),
            ("000", "0.00"),
            ("99999999.99", "99999999.99"),
        ] {
            assert_eq!(decimal(text, 10, 2, &mut String::new()), Ok(expected), "{text}");
        }
        for text in ["", "-", ".", ".5", "5.", "1e3", "1.505", "999999999", "1,5", " 1", "+1", "１"] {
            assert!(decimal(text, 10, 2, &mut String::new()).is_err(), "{text}");
        }
        assert_eq!(decimal("0.5", 1, 1, &mut String::new()), Ok("0.5"));
    }

    #[test]
    fn a_decimal_that_is_plain_is_given_back_as_it_is() {
        let mut plain = 0;
        let mut same = |text: &[u8], precision, scale| {
            let is_plain = is_plain_decimal(text, precision, scale);
            plain += u32::from(is_plain);
            let text = std::str::from_utf8(text).unwrap();
            let kept = decimal(text, precision, scale, &mut String::new()) == Ok(text);
            // What is short or long may be kept, too, by the other way.
            let digits = text.trim_start_matches('-').len();
            assert!(is_plain == kept || kept && !(4..=16).contains(&digits), "{text} {precision} {scale}: {is_plain}");
        };
        const CHARACTERS: &[u8] = b"019./-:,\x10";
        for length in 0..7 {
            for number in 0..CHARACTERS.len().pow(length) {
                let at = |place: u32| CHARACTERS[number / CHARACTERS.len().pow(place) % CHARACTERS.len()];
                let text: Vec<u8> = (0..length).map(at).collect();
                for (precision, scale) in [(10, 2), (3, 0), (4, 4), (65, 1)] {
                    same(&text, precision, scale);
                }
            }
        }
        // Each place of a long one, with each character.
        for length in 7..20 {
            for scale in 0..length as u8 {
                for changed in 0..length {
                    for character in 0..128 {
                        let mut text = vec![b'7'; length];
                        if let Some(point) = length.checked_sub(usize::from(scale) + 1).filter(|_| scale > 0) {
                            text[point] = b'.';
                        }
                        text[changed] = character;
                        same(&text, 20, scale);
                    }
                }
            }
        }
        assert!(plain > 10_000, "{plain}");
    }

    #[test]
    fn dates_and_times_are_read_exactly() {
        let (value, offset) = date_time("2026-01-31T23:59:58.5+02:00").unwrap();
        assert_eq!((value.clock.micro, offset), (500_000, Some(120)));
        assert_eq!(date_time("2026-01-31 00:00").unwrap().0.clock, Clock::default());
        for bad in
            ["2026-01-31", "2026-02-30 00:00:00", "2026-01-31 24:00:00", "2026-01-31 1:00", "2026-01-31 00:00:00x"]
        {
            assert!(date_time(bad).is_err(), "{bad}");
        }
        let expected = Time { negative: true, hours: 100, minute: 0, second: 1, micro: 10_000 };
        assert_eq!(time("-100:00:01.01").unwrap(), expected);
        for bad in ["839:00:00", "1", "1:60:00", "1:00:00.", "--1:00:00", "1:00:00.1234567"] {
            assert!(time(bad).is_err(), "{bad}");
        }
    }
}
