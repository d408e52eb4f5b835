//! Decimal text to the whole number that Parquet stores: digits shifted by the column's scale.

use arrow_array::types::{ArrowPrimitiveType, Decimal256Type};

/// A 256-bit integer.
pub(super) type Int256 = <Decimal256Type as ArrowPrimitiveType>::Native;

/// The digits with exactly `scale` places and no point; `None` when the value has more digits than the type.
fn unscaled(text: &str, precision: u8, scale: u8) -> Option<String> {
    let (negative, number) = match text.strip_prefix('-') {
        Some(number) => (true, number),
        None => (false, text),
    };
    let (whole, places) = number.split_once('.').unwrap_or((number, ""));
    let (whole, scale) = (whole.trim_start_matches('0'), usize::from(scale));
    let places = if places.len() > scale { places.trim_end_matches('0') } else { places };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if places.len() > scale || whole.len() + scale > usize::from(precision) || !digits(whole) || !digits(places) {
        return None;
    }
    let sign = if negative { "-" } else { "" };
    let zeros = scale - places.len();
    // A leading 0, because a pure zero would have no digit at all.
    Some(format!("{sign}0{whole}{places}{:0<zeros$}", ""))
}

/// For up to 38 digits.
pub(super) fn int128(text: &str, precision: u8, scale: u8) -> Option<i128> {
    short(text, precision, scale).or_else(|| unscaled(text, precision, scale)?.parse().ok())
}

/// The same without a detour through text, for what has so few characters and places as nearly every decimal; `None` for the rest.
#[inline]
fn short(text: &str, precision: u8, scale: u8) -> Option<i128> {
    let bytes = text.as_bytes();
    let (negative, number) = match bytes {
        [b'-', number @ ..] => (true, number),
        number => (false, number),
    };
    // 19 digits are less than 2^64.
    if number.len() > 19 {
        return None;
    }
    let mut point = number.len();
    let mut value = 0_u64;
    for (at, byte) in number.iter().enumerate() {
        match byte {
            b'0'..=b'9' => value = value * 10 + u64::from(byte - b'0'),
            b'.' if point == number.len() => point = at,
            _ => return None,
        }
    }
    let places = number.len().saturating_sub(point + 1);
    let zeros = u32::from(scale).checked_sub(u32::try_from(places).ok()?)?;
    let value = i128::from(value).checked_mul(10_i128.checked_pow(zeros)?)?;
    (value < 10_i128.checked_pow(u32::from(precision))?).then_some(if negative { -value } else { value })
}

/// For up to 76 digits.
pub(super) fn int256(text: &str, precision: u8, scale: u8) -> Option<Int256> {
    Int256::from_string(&unscaled(text, precision, scale)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_short_way_says_what_the_long_way_says(text in "-?[0-9]{0,21}(\\.[0-9]{0,5})?", precision in 1..=38_u8, scale in 0..=38_u8) {
            let scale = scale.min(precision);
            if let Some(value) = short(&text, precision, scale) {
                let long = unscaled(&text, precision, scale).and_then(|digits| digits.parse().ok());
                prop_assert_eq!(Some(value), long, "{}", text);
            }
        }
    }

    #[test]
    fn usual_decimals_take_the_short_way() {
        for text in ["0", "-12.50", "1234567.8900", "", "7.", ".5", "9999999999999999999"] {
            let long = unscaled(text, 30, 4).and_then(|digits| digits.parse().ok());
            assert!(short(text, 30, 4).is_some() && short(text, 30, 4) == long, "{text}");
        }
        for text in ["1.2.3", "+1", "1e5", "--1", "12.34567", "12345678901234567890"] {
            assert_eq!(short(text, 30, 4), None, "{text}");
        }
        assert_eq!((short("100.00", 4, 2), short("99.99", 4, 2)), (None, Some(9999)));
    }

    #[test]
    fn decimals_shift_and_never_round() {
        assert_eq!(int128("-12.5", 10, 2), Some(-1250));
        assert_eq!(int128("0", 5, 2), Some(0));
        assert_eq!(int128("000123.4500", 5, 2), Some(12_345));
        assert_eq!(int128("1.005", 10, 2), None);
        assert_eq!(int128("1000.00", 5, 2), None);
        assert_eq!(int128("1e5", 10, 2), None);
        let nines = "9".repeat(65);
        assert_eq!(int256(&nines, 65, 0).map(|value| value.to_string()), Some(nines.clone()));
        assert_eq!(int256(&format!("-{nines}"), 65, 0).map(|value| value.to_string()), Some(format!("-{nines}")));
        assert_eq!(int256("0.000", 65, 30).map(|value| value.to_string()), Some("0".to_owned()));
    }
}
