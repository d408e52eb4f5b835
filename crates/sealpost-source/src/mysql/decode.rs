//! Values as the binary protocol has them.
//! <https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_binary_resultset.html>

use sealpost_core::batch::Value;
use sealpost_core::temporal::{Clock, Date, DateTime, Time};

use super::meta::Wire;
use crate::convert::Mismatch;
use crate::intake::NOT_UTF8;

const SHORT: Mismatch = "the server sent a value of the wrong length";

/// Decodes one value and gives it to a function. Zero dates stay zero dates.
///
/// The function is called for each kind in a place of its own, where the compiler knows which kind it is; a value that is returned is put
/// together in memory and fetched again.
///
/// # Errors
/// In words, for bytes that are no value of this kind.
#[inline(always)]
pub(super) fn value<T>(wire: Wire, bytes: &[u8], take: impl FnOnce(Value<'_>) -> T) -> Result<T, Mismatch> {
    Ok(match wire {
        Wire::Text | Wire::Json => take(Value::Text(std::str::from_utf8(bytes).map_err(|_| NOT_UTF8)?)),
        Wire::Int(_) => take(Value::Int(match *bytes {
            [a] => i64::from(a as i8),
            [a, b] => i64::from(i16::from_le_bytes([a, b])),
            [a, b, c, d] => i64::from(i32::from_le_bytes([a, b, c, d])),
            _ => i64::from_le_bytes(bytes.try_into().map_err(|_| SHORT)?),
        })),
        Wire::UInt(_) => take(Value::UInt(match *bytes {
            [a] => u64::from(a),
            [a, b] => u64::from(u16::from_le_bytes([a, b])),
            [a, b, c, d] => u64::from(u32::from_le_bytes([a, b, c, d])),
            _ => u64::from_le_bytes(bytes.try_into().map_err(|_| SHORT)?),
        })),
        Wire::Decimal => take(Value::Decimal(std::str::from_utf8(bytes).map_err(|_| SHORT)?)),
        Wire::Float32 => take(Value::Float(f64::from(f32::from_le_bytes(bytes.try_into().map_err(|_| SHORT)?)))),
        Wire::Float64 => take(Value::Float(f64::from_le_bytes(bytes.try_into().map_err(|_| SHORT)?))),
        Wire::Bytes => take(Value::Bytes(bytes)),
        Wire::Bit if bytes.len() <= 8 => {
            take(Value::UInt(bytes.iter().fold(0, |bits, byte| bits << 8 | u64::from(*byte))))
        }
        Wire::Bit => return Err(SHORT),
        Wire::Date => take(Value::Date(date_time(bytes)?.date)),
        Wire::DateTime | Wire::Timestamp => take(Value::DateTime(date_time(bytes)?)),
        Wire::Time => take(Value::Time(time(bytes)?)),
        Wire::Null => return Err("a value in a column that has none"),
    })
}

/// Length, then year (2), month, day; hour, minute, second; microsecond (4): as many as are not zero.
fn date_time(bytes: &[u8]) -> Result<DateTime, Mismatch> {
    let (date, rest) = match bytes {
        [0] => (Date { year: 0, month: 0, day: 0 }, &[][..]),
        [4 | 7 | 11, low, high, month, day, rest @ ..] => {
            (Date { year: u16::from_le_bytes([*low, *high]), month: *month, day: *day }, rest)
        }
        _ => return Err(SHORT),
    };
    Ok(DateTime { date, clock: clock(rest)? })
}

fn clock(bytes: &[u8]) -> Result<Clock, Mismatch> {
    match *bytes {
        [] => Ok(Clock::default()),
        [hour, minute, second] => Ok(Clock { hour, minute, second, micro: 0 }),
        [hour, minute, second, a, b, c, d] => {
            Ok(Clock { hour, minute, second, micro: u32::from_le_bytes([a, b, c, d]) })
        }
        _ => Err(SHORT),
    }
}

/// Length, then sign, days (4), hour, minute, second; microsecond (4).
fn time(bytes: &[u8]) -> Result<Time, Mismatch> {
    match bytes {
        [0] => Ok(Time { negative: false, hours: 0, minute: 0, second: 0, micro: 0 }),
        [8 | 12, negative, a, b, c, d, rest @ ..] => {
            let Clock { hour, minute, second, micro } = clock(rest)?;
            let hours = u32::from_le_bytes([*a, *b, *c, *d]).saturating_mul(24).saturating_add(u32::from(hour));
            let hours = u16::try_from(hours).map_err(|_| SHORT)?;
            Ok(Time { negative: *negative != 0, hours, minute, second, micro })
        }
        _ => Err(SHORT),
    }
}
