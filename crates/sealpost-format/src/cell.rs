//! Values as text: numbers, dates, times and bytes, the same in every text format.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use sealpost_core::append::append;
use sealpost_core::batch::Value;
use sealpost_core::column::{Column, ColumnKind};
use sealpost_core::temporal::{Clock, Time};
use serde::{Deserialize, Serialize};

use crate::pattern::{Pattern, Reach};

/// How bytes look in text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum BytesText {
    /// Two lower-case hexadecimal digits a byte.
    Hex,
    /// Base64 with padding (RFC 4648 section 4).
    Base64,
}

impl BytesText {
    /// Appends the bytes as text.
    pub(crate) fn write(self, bytes: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        let length = match self {
            Self::Hex => bytes.len() * 2,
            Self::Base64 => bytes.len().div_ceil(3) * 4,
        };
        out.resize(start + length, b'0');
        let room = &mut out[start..];
        // Neither can fail: the room has exactly the right length.
        match self {
            Self::Hex => drop(hex::encode_to_slice(bytes, room)),
            Self::Base64 => drop(STANDARD.encode_slice(bytes, room)),
        }
    }
}

/// What a column's cells need to know of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// Whether floats print as 32-bit values.
    pub(crate) float32: bool,
    /// Digits behind the second.
    pub(crate) digits: u8,
    /// Whether it holds JSON.
    pub(crate) json: bool,
}

impl Shape {
    pub(crate) fn of(column: &Column) -> Self {
        let digits = match column.kind {
            ColumnKind::Time { digits } | ColumnKind::DateTime { digits } | ColumnKind::Timestamp { digits } => digits,
            _ => 0,
        };
        Self { float32: column.kind == ColumnKind::Float32, digits, json: column.kind == ColumnKind::Json }
    }
}

/// How dates look, and the decimal separator.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    pub(crate) decimal_comma: bool,
    pub(crate) date: Pattern,
    pub(crate) datetime: Pattern,
    pub(crate) timestamp: Pattern,
}

impl Look {
    /// ISO 8601 dates with this pattern for what has a time; a decimal point.
    pub(crate) fn iso(datetime: &str, timestamp: &str) -> Result<Self, String> {
        Ok(Self {
            decimal_comma: false,
            date: Pattern::parse("YYYY-MM-DD", Reach::Date)?,
            datetime: Pattern::parse(datetime, Reach::DateTime)?,
            timestamp: Pattern::parse(timestamp, Reach::Timestamp)?,
        })
    }

    /// Appends a value that needs no escaping in any text format; NULL, text and bytes are the caller's.
    // Always inlined: callers know the kind of the value.
    #[inline(always)]
    pub(crate) fn write(&self, value: Value<'_>, shape: Shape, out: &mut Vec<u8>) {
        match value {
            Value::Null | Value::Text(_) | Value::Bytes(_) => {}
            Value::Int(value) => append(itoa::Buffer::new().format(value).as_bytes(), out),
            Value::UInt(value) => append(itoa::Buffer::new().format(value).as_bytes(), out),
            Value::Decimal(text) if !self.decimal_comma => append(text.as_bytes(), out),
            Value::Date(date) => self.date.write(date, Clock::default(), 0, 0, out),
            Value::DateTime(value) => self.datetime.write(value.date, value.clock, 0, shape.digits, out),
            seldom => self.write_seldom(seldom, shape, out),
        }
    }

    fn write_seldom(&self, value: Value<'_>, shape: Shape, out: &mut Vec<u8>) {
        match value {
            Value::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
            Value::Float(value) => {
                let start = out.len();
                push_float(value, shape.float32, out);
                self.separate(start, out);
            }
            Value::Decimal(text) => {
                let start = out.len();
                out.extend_from_slice(text.as_bytes());
                self.separate(start, out);
            }
            Value::Time(time) => push_time(time, shape.digits, out),
            Value::Timestamp(value) => {
                self.timestamp.write(value.local.date, value.local.clock, value.offset_minutes, shape.digits, out);
            }
            // `write` has done these.
            Value::Null | Value::Text(_) | Value::Bytes(_) => {}
            Value::Int(_) | Value::UInt(_) | Value::Date(_) | Value::DateTime(_) => {}
        }
    }

    fn separate(&self, start: usize, out: &mut [u8]) {
        if self.decimal_comma
            && let Some(point) = out[start..].iter_mut().find(|byte| **byte == b'.')
        {
            *point = b',';
        }
    }
}

/// The shortest text that reads back as the same value; whole numbers without `.0`, as the database prints them.
pub(crate) fn push_float(value: f64, float32: bool, out: &mut Vec<u8>) {
    let mut buffer = ryu::Buffer::new();
    #[expect(clippy::cast_possible_truncation, reason = "the cell of a 32-bit column holds a widened 32-bit value")]
    let text = if float32 { buffer.format(value as f32) } else { buffer.format(value) };
    out.extend_from_slice(text.strip_suffix(".0").unwrap_or(text).as_bytes());
}

/// `[-]HH:mm:ss[.ffffff]`, hours up to 838.
pub(crate) fn push_time(time: Time, digits: u8, out: &mut Vec<u8>) {
    if time.negative {
        out.push(b'-');
    }
    push_padded(u32::from(time.hours), 2, out);
    out.push(b':');
    push_two(time.minute, out);
    out.push(b':');
    push_two(time.second, out);
    if digits > 0 {
        out.push(b'.');
        let digits = digits.min(6);
        push_padded(time.micro / 10_u32.pow(6 - u32::from(digits)), usize::from(digits), out);
    }
}

/// Two digits.
#[inline]
pub(crate) fn push_two(value: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&two(value));
}

/// Two digits.
#[inline]
pub(crate) fn two(value: u8) -> [u8; 2] {
    [b'0' + value / 10 % 10, b'0' + value % 10]
}

/// At least `width` digits.
pub(crate) fn push_padded(value: u32, width: usize, out: &mut Vec<u8>) {
    let mut buffer = itoa::Buffer::new();
    let text = buffer.format(value);
    out.resize(out.len() + width.saturating_sub(text.len()), b'0');
    out.extend_from_slice(text.as_bytes());
}
