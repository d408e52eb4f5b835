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
    unscaled(text, precision, scale)?.parse().ok()
}

/// For up to 76 digits.
pub(super) fn int256(text: &str, precision: u8, scale: u8) -> Option<Int256> {
    Int256::from_string(&unscaled(text, precision, scale)?)
}

#[cfg(test)]
mod tests {
    use super::*;

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
