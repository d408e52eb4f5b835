//! A value as the database has it to a value of the column's declared type, exactly or not at all.

use sealpost_core::batch::Value;
use sealpost_core::column::ColumnKind;
use serde::de::IgnoredAny;

use crate::literal;
use crate::zone::{Zone, civil};

/// The reason why a value is not of a type, in words, without the value.
pub(crate) type Mismatch = &'static str;

/// Largest whole number up to which every one is a 64-bit float.
const EXACT_IN_FLOAT: u64 = 1 << 53;

/// Makes `value` one of `kind`.
///
/// # Errors
/// In words, where that would change it.
pub(crate) fn convert<'a>(
    kind: ColumnKind,
    value: Value<'a>,
    zone: &mut Zone,
    scratch: &'a mut String,
) -> Result<Value<'a>, Mismatch> {
    Ok(match (kind, value) {
        (_, Value::Null) => Value::Null,
        (ColumnKind::Integer, Value::Int(_))
        | (ColumnKind::Unsigned, Value::UInt(_))
        | (ColumnKind::Boolean, Value::Bool(_))
        | (ColumnKind::Text, Value::Text(_))
        | (ColumnKind::Bytes, Value::Bytes(_))
        | (ColumnKind::Date, Value::Date(_)) => value,
        (ColumnKind::Integer, Value::UInt(number)) => {
            Value::Int(i64::try_from(number).map_err(|_| "too large for a signed integer")?)
        }
        (ColumnKind::Unsigned, Value::Int(number)) => {
            Value::UInt(u64::try_from(number).map_err(|_| "a negative number in an unsigned column")?)
        }
        (ColumnKind::Boolean, Value::Int(0) | Value::UInt(0)) => Value::Bool(false),
        (ColumnKind::Boolean, Value::Int(1) | Value::UInt(1)) => Value::Bool(true),
        (ColumnKind::Boolean, Value::Int(_) | Value::UInt(_)) => return Err("neither 0 nor 1"),
        (ColumnKind::Float32 | ColumnKind::Float64, Value::Float(number)) if !number.is_finite() => {
            return Err("not a finite number");
        }
        (ColumnKind::Float64, Value::Float(_)) => value,
        (ColumnKind::Float32, Value::Float(number)) => {
            if f64::from(number as f32) != number {
                return Err("more digits than a 32-bit number has");
            }
            value
        }
        (ColumnKind::Float64, Value::Int(number)) if number.unsigned_abs() <= EXACT_IN_FLOAT => {
            Value::Float(number as f64)
        }
        (ColumnKind::Decimal { precision, scale }, Value::Decimal(text) | Value::Text(text)) => {
            Value::Decimal(literal::decimal(text, precision, scale, scratch)?)
        }
        (ColumnKind::Decimal { precision, scale }, Value::Int(_) | Value::UInt(_) | Value::Float(_)) => {
            Value::Decimal(decimal_of_number(value, precision, scale, scratch)?)
        }
        (ColumnKind::Text, Value::Decimal(text)) => Value::Text(text),
        (ColumnKind::Text, Value::Int(_) | Value::UInt(_) | Value::Date(_)) => Value::Text(print(value, scratch)),
        (ColumnKind::Json, Value::Text(text)) => {
            serde_json::from_str::<IgnoredAny>(text).map_err(|_| "not one JSON value")?;
            value
        }
        (ColumnKind::Bytes, Value::Text(text)) => Value::Bytes(text.as_bytes()),
        (ColumnKind::Date, Value::Text(text)) => Value::Date(literal::date(text)?),
        (ColumnKind::Time { digits }, Value::Time(time)) => {
            fits(time.micro, digits)?;
            value
        }
        (ColumnKind::Time { digits }, Value::Text(text)) => {
            let time = literal::time(text)?;
            fits(time.micro, digits)?;
            Value::Time(time)
        }
        (ColumnKind::DateTime { digits }, Value::DateTime(time)) => {
            fits(time.clock.micro, digits)?;
            value
        }
        (ColumnKind::DateTime { digits }, Value::Text(text)) => {
            let (time, offset) = literal::date_time(text)?;
            fits(time.clock.micro, digits)?;
            match offset {
                None => Value::DateTime(time),
                Some(_) => return Err("an offset from UTC in a column without time zone"),
            }
        }
        (ColumnKind::Timestamp { digits }, Value::DateTime(utc)) => {
            fits(utc.clock.micro, digits)?;
            Value::Timestamp(zone.local(utc)?)
        }
        (ColumnKind::Timestamp { digits }, Value::Text(text)) => {
            let (time, offset) = literal::date_time(text)?;
            fits(time.clock.micro, digits)?;
            let micros = time.micros_since_epoch().ok_or("not a real date")?;
            Value::Timestamp(zone.local(civil(micros - i64::from(offset.unwrap_or(0)) * 60_000_000)?)?)
        }
        _ => return Err("a value of another type than the column's"),
    })
}

/// Refuses microseconds that the column's type does not have: a format would leave them out without a word.
fn fits(micro: u32, digits: u8) -> Result<(), Mismatch> {
    if micro == 0 || micro.is_multiple_of(10u32.pow(6 - u32::from(digits.min(6)))) {
        Ok(())
    } else {
        Err("more digits behind the second than the column's type has")
    }
}

fn print<'a>(value: Value<'_>, scratch: &'a mut String) -> &'a str {
    scratch.clear();
    match value {
        Value::Int(number) => scratch.push_str(&number.to_string()),
        Value::UInt(number) => scratch.push_str(&number.to_string()),
        Value::Date(date) => scratch.push_str(&date.to_string()),
        _ => {}
    }
    scratch
}

/// A number as decimal. A float is taken where its shortest spelling fits the scale: 12.5 is meant where 12.5 is
/// stored, and 0.1 + 0.2 is not 0.3.
fn decimal_of_number<'a>(
    value: Value<'_>,
    precision: u8,
    scale: u8,
    scratch: &'a mut String,
) -> Result<&'a str, Mismatch> {
    let text = match value {
        Value::Float(number) if number.is_finite() => number.to_string(),
        Value::Float(_) => return Err("not a finite number"),
        other => print(other, scratch).to_owned(),
    };
    let mut padded = String::new();
    let exact = literal::decimal(&text, precision, scale, &mut padded)?;
    scratch.clear();
    scratch.push_str(exact);
    Ok(scratch)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(kind: ColumnKind, value: Value<'_>) -> Result<String, Mismatch> {
        let mut scratch = String::new();
        convert(kind, value, &mut Zone::parse("+02:00").unwrap(), &mut scratch).map(|value| format!("{value:?}"))
    }

    #[test]
    fn what_fits_is_kept_and_what_does_not_is_refused() {
        let decimal = ColumnKind::Decimal { precision: 6, scale: 2 };
        assert_eq!(to(decimal, Value::Float(12.5)).unwrap(), r#"Decimal("12.50")"#);
        assert_eq!(to(decimal, Value::Int(-3)).unwrap(), r#"Decimal("-3.00")"#);
        assert!(to(decimal, Value::Float(0.1 + 0.2)).is_err());
        assert!(to(decimal, Value::Int(10_000)).is_err());
        assert!(to(ColumnKind::Boolean, Value::Int(2)).is_err());
        assert!(to(ColumnKind::Integer, Value::UInt(u64::MAX)).is_err());
        assert!(to(ColumnKind::Unsigned, Value::Int(-1)).is_err());
        assert!(to(ColumnKind::Float64, Value::Float(f64::INFINITY)).is_err());
        assert!(to(ColumnKind::Float32, Value::Float(0.1)).is_err());
        assert!(to(ColumnKind::Json, Value::Text("{} {}")).is_err());
        assert!(to(ColumnKind::Integer, Value::Text("1")).is_err());
        assert!(to(ColumnKind::DateTime { digits: 0 }, Value::Text("2026-01-01 00:00:00.5")).is_err());
        assert!(to(ColumnKind::DateTime { digits: 0 }, Value::Text("2026-01-01 00:00:00Z")).is_err());
        assert_eq!(to(ColumnKind::Text, Value::Int(-7)).unwrap(), r#"Text("-7")"#);
    }

    #[test]
    fn an_instant_lands_on_the_report_zone() {
        let shown = to(ColumnKind::Timestamp { digits: 0 }, Value::Text("2026-01-01T00:30:00+01:00")).unwrap();
        assert!(shown.contains("day: 1") && shown.contains("hour: 1,") && shown.contains("120"), "{shown}");
    }
}
