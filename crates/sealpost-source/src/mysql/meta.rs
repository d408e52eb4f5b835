//! The server's description of a column to our types.
//!
//! The driver keeps type, flags, collation and length of a column but offers only a name for them, in which
//! `utf8mb4_bin` text and bytes look the same and lengths are missing. Its `Debug` text has all four; the tests of
//! this module and the exact value table of the integration tests fail if a new version prints them differently.

use sealpost_core::column::ColumnKind;
use sqlx::mysql::MySqlTypeInfo;

/// `binary`: the collation of everything that is not text.
const BINARY: u32 = 63;

/// How a value lies on the wire.
/// <https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_binary_resultset.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    /// A little-endian integer of this many bytes.
    Int(u8),
    /// The same, unsigned.
    UInt(u8),
    Float32,
    Float64,
    /// Decimal digits.
    Decimal,
    Text,
    Json,
    Bytes,
    /// Big-endian bits.
    Bit,
    Date,
    /// `DATETIME`.
    DateTime,
    /// `TIMESTAMP`, in the session's zone, which is UTC.
    Timestamp,
    Time,
    /// Never anything but NULL.
    Null,
}

/// What the server says about a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Meta {
    pub(super) wire: Wire,
    /// Longest value as text, in bytes.
    pub(super) length: u32,
    pub(super) unsigned: bool,
}

impl Meta {
    /// Reads a column's description; `None` for a type that MySQL did not have when this was written.
    pub(super) fn of(info: &MySqlTypeInfo) -> Option<Self> {
        Self::read(&format!("{info:?}"))
    }

    fn read(debug: &str) -> Option<Self> {
        let field = |name: &str| debug.split_once(name).map(|(_, rest)| rest);
        let word = |text: &str| text.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default().to_owned();
        let kind = word(field("type: ")?);
        let flags = field("flags: ColumnFlags(")?.split(')').next()?;
        let collation: u32 = word(field("collation: Collation(")?).parse().ok()?;
        let length: u32 = word(field("max_size: Some(")?).parse().ok()?;
        let unsigned = flags.split(" | ").any(|flag| flag == "UNSIGNED");
        let integer = |bytes| if unsigned { Wire::UInt(bytes) } else { Wire::Int(bytes) };
        let wire = match kind.as_str() {
            "Tiny" => integer(1),
            "Short" => integer(2),
            "Long" | "Int24" => integer(4),
            "LongLong" => integer(8),
            "Year" => Wire::UInt(2),
            "Float" => Wire::Float32,
            "Double" => Wire::Float64,
            "Decimal" | "NewDecimal" => Wire::Decimal,
            "Bit" => Wire::Bit,
            "Date" => Wire::Date,
            "Datetime" => Wire::DateTime,
            "Timestamp" => Wire::Timestamp,
            "Time" => Wire::Time,
            "Null" => Wire::Null,
            "Json" => Wire::Json,
            "Geometry" => Wire::Bytes,
            "VarChar" | "VarString" | "String" | "Enum" | "Set" | "TinyBlob" | "MediumBlob" | "LongBlob" | "Blob" => {
                if collation == BINARY {
                    Wire::Bytes
                } else {
                    Wire::Text
                }
            }
            _ => return None,
        };
        Some(Self { wire, length, unsigned })
    }

    /// The column's type; `None` for a decimal, whose scale the driver leaves out.
    pub(super) fn kind(self) -> Option<ColumnKind> {
        Some(match self.wire {
            Wire::Int(_) => ColumnKind::Integer,
            Wire::UInt(_) | Wire::Bit => ColumnKind::Unsigned,
            Wire::Float32 => ColumnKind::Float32,
            Wire::Float64 => ColumnKind::Float64,
            Wire::Decimal => return None,
            Wire::Text | Wire::Null => ColumnKind::Text,
            Wire::Json => ColumnKind::Json,
            Wire::Bytes => ColumnKind::Bytes,
            Wire::Date => ColumnKind::Date,
            Wire::DateTime => ColumnKind::DateTime { digits: self.digits(19) },
            Wire::Timestamp => ColumnKind::Timestamp { digits: self.digits(19) },
            Wire::Time => ColumnKind::Time { digits: self.digits(10) },
        })
    }

    /// Digits behind the second: the length beyond `2026-01-31 23:59:59` or `-838:59:59`, less the point.
    fn digits(self, whole: u32) -> u8 {
        u8::try_from(self.length.saturating_sub(whole + 1).min(6)).unwrap_or(6)
    }

    /// Precision and scale of a decimal, from its own length and that of `TRUNCATE(10 * column, 0)`.
    ///
    /// A decimal of precision p and scale s is p digits long, with a point where s > 0 and a sign where it is not
    /// unsigned; ten times it has two digits more before the point (that is how the server counts), up to 65 in all.
    pub(super) fn decimal(self, tenfold: Self) -> Option<ColumnKind> {
        let digits = self.length.checked_sub(u32::from(!self.unsigned))?;
        let whole = tenfold.length.checked_sub(u32::from(!tenfold.unsigned))?;
        let (precision, scale) = if whole == (digits + 2).min(65) {
            (digits, 0)
        } else {
            let precision = digits.checked_sub(1)?;
            (precision, (precision + 2).min(65).checked_sub(whole)?)
        };
        let (precision, scale) = (u8::try_from(precision).ok()?, u8::try_from(scale).ok()?);
        let possible = (1..=65).contains(&precision) && scale <= precision.min(38);
        possible.then_some(ColumnKind::Decimal { precision, scale })
    }
}

/// Whether a value as the wire has it is of this type without further ado.
pub(super) fn is_natural(wire: Wire, kind: ColumnKind) -> bool {
    matches!(
        (wire, kind),
        (Wire::Int(_), ColumnKind::Integer)
            | (Wire::UInt(_) | Wire::Bit, ColumnKind::Unsigned)
            | (Wire::Float32, ColumnKind::Float32)
            | (Wire::Float64, ColumnKind::Float64)
            | (Wire::Text, ColumnKind::Text)
            | (Wire::Json, ColumnKind::Json)
            | (Wire::Bytes, ColumnKind::Bytes)
            | (Wire::Date, ColumnKind::Date)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drivers_text_is_understood() {
        let info = <i64 as sqlx::Type<sqlx::MySql>>::type_info();
        // Types of parameters have no length.
        let debug = format!("{info:?}").replace("max_size: None", "max_size: Some(20)");
        assert_eq!(Meta::read(&debug), Some(Meta { wire: Wire::Int(8), length: 20, unsigned: false }));
        let info = <u8 as sqlx::Type<sqlx::MySql>>::type_info();
        let debug = format!("{info:?}").replace("max_size: None", "max_size: Some(3)");
        assert_eq!(Meta::read(&debug), Some(Meta { wire: Wire::UInt(1), length: 3, unsigned: true }));
    }
}
