//! The shape of a result: columns with exact types.

use serde::{Deserialize, Serialize};

/// A column of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// The name in the file's header.
    pub name: String,
    /// The exact type.
    #[serde(flatten)]
    pub kind: ColumnKind,
}

impl Column {
    /// A column of this name and type.
    pub fn new(name: impl Into<String>, kind: ColumnKind) -> Self {
        Self { name: name.into(), kind }
    }
}

/// The type of a column's values. Any column may also hold NULL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ColumnKind {
    /// A signed integer, up to 64 bits. Cells are `Int`.
    Integer,
    /// An unsigned integer, up to 64 bits (`BIGINT UNSIGNED`, `YEAR`, `BIT`). Cells are `UInt`.
    Unsigned,
    /// A binary floating-point number of 32 bits; it prints shorter than its 64-bit value. Cells are `Float`.
    Float32,
    /// A binary floating-point number of 64 bits. Cells are `Float`.
    Float64,
    /// An exact decimal, kept as text. Cells are `Decimal`.
    Decimal {
        /// Digits in all, 1 to 65.
        precision: u8,
        /// Digits behind the point, 0 to 38.
        scale: u8,
    },
    /// True or false. Cells are `Bool`.
    Boolean,
    /// Text (`VARCHAR`, `ENUM`, `SET`). Cells are `Text`.
    Text,
    /// JSON text. Cells are `Text`, and hold one JSON value.
    Json,
    /// Bytes (`BINARY`, `BLOB`). Cells are `Bytes`.
    Bytes,
    /// A calendar date. Cells are `Date`.
    Date,
    /// A span of time (`TIME`). Cells are `Time`.
    Time {
        /// Digits behind the second, 0 to 6.
        digits: u8,
    },
    /// A date with time and no zone (`DATETIME`). Cells are `DateTime`.
    DateTime {
        /// Digits behind the second, 0 to 6.
        digits: u8,
    },
    /// An instant (`TIMESTAMP`), shown in the report's time zone. Cells are `Timestamp`.
    Timestamp {
        /// Digits behind the second, 0 to 6.
        digits: u8,
    },
}
