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
