//! One Arrow array builder per column.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::{
    BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Decimal256Builder, Float32Builder, Float64Builder,
    Int64Builder, StringBuilder, TimestampMicrosecondBuilder, UInt64Builder,
};
use sealpost_core::batch::Value;
use sealpost_core::column::{Column, ColumnKind};

use super::decimal::{int128, int256};
use super::schema::{MAX_DECIMAL128, data_type};
use crate::cell::push_time;

/// Gathers the values of a column.
pub(super) enum ColumnBuilder {
    Integer(Int64Builder),
    Unsigned(UInt64Builder),
    Float32(Float32Builder),
    Float64(Float64Builder),
    Decimal128(Decimal128Builder, u8, u8),
    Decimal256(Decimal256Builder, u8, u8),
    Boolean(BooleanBuilder),
    Text(StringBuilder),
    Time(StringBuilder, u8),
    Bytes(BinaryBuilder),
    Date(Date32Builder),
    DateTime(TimestampMicrosecondBuilder),
    Timestamp(TimestampMicrosecondBuilder),
}

const NOT_REAL: &str = "a date that the calendar does not have, such as 0000-00-00; turn it into NULL in the SQL";
const WRONG_TYPE: &str = "the value is not of the column's type; state the type in the report's `columns`, or cast it";
const TOO_MANY_DIGITS: &str = "the decimal has more digits than the column's type";

/// Appends the value, or NULL, or says that the type is another one.
macro_rules! append {
    ($builder:expr, $given:expr, $($pattern:pat => $value:expr),+) => {
        match $given {
            Value::Null => $builder.append_null(),
            $($pattern => $builder.append_value($value),)+
            _ => return Err(WRONG_TYPE),
        }
    };
}

impl ColumnBuilder {
    /// A builder for a column whose type the schema has accepted.
    pub(super) fn new(column: &Column) -> Self {
        match column.kind {
            ColumnKind::Integer => Self::Integer(Int64Builder::new()),
            ColumnKind::Unsigned => Self::Unsigned(UInt64Builder::new()),
            ColumnKind::Float32 => Self::Float32(Float32Builder::new()),
            ColumnKind::Float64 => Self::Float64(Float64Builder::new()),
            ColumnKind::Decimal { precision, scale } if precision <= MAX_DECIMAL128 => {
                let builder = Decimal128Builder::new();
                let builder = match data_type(column.kind) {
                    Some(data_type) => builder.with_data_type(data_type),
                    None => builder,
                };
                Self::Decimal128(builder, precision, scale)
            }
            ColumnKind::Decimal { precision, scale } => {
                let builder = Decimal256Builder::new();
                let builder = match data_type(column.kind) {
                    Some(data_type) => builder.with_data_type(data_type),
                    None => builder,
                };
                Self::Decimal256(builder, precision, scale)
            }
            ColumnKind::Boolean => Self::Boolean(BooleanBuilder::new()),
            ColumnKind::Text | ColumnKind::Json => Self::Text(StringBuilder::new()),
            ColumnKind::Time { digits } => Self::Time(StringBuilder::new(), digits),
            ColumnKind::Bytes => Self::Bytes(BinaryBuilder::new()),
            ColumnKind::Date => Self::Date(Date32Builder::new()),
            ColumnKind::DateTime { .. } => Self::DateTime(TimestampMicrosecondBuilder::new()),
            ColumnKind::Timestamp { .. } => Self::Timestamp(TimestampMicrosecondBuilder::new().with_timezone("UTC")),
        }
    }

    /// Appends a value; the error says why it can't be one of this column.
    #[expect(clippy::cast_possible_truncation, reason = "the cell of a 32-bit column holds a widened 32-bit value")]
    pub(super) fn push(&mut self, value: Value<'_>) -> Result<(), &'static str> {
        match self {
            Self::Integer(builder) => append!(builder, value, Value::Int(value) => value),
            Self::Unsigned(builder) => append!(builder, value, Value::UInt(value) => value),
            Self::Float32(builder) => append!(builder, value, Value::Float(value) => value as f32),
            Self::Float64(builder) => append!(builder, value, Value::Float(value) => value),
            Self::Decimal128(builder, precision, scale) => append!(builder, value,
                Value::Decimal(text) => int128(text, *precision, *scale).ok_or(TOO_MANY_DIGITS)?),
            Self::Decimal256(builder, precision, scale) => append!(builder, value,
                Value::Decimal(text) => int256(text, *precision, *scale).ok_or(TOO_MANY_DIGITS)?),
            Self::Boolean(builder) => append!(builder, value, Value::Bool(value) => value),
            Self::Text(builder) => append!(builder, value, Value::Text(text) => text),
            Self::Time(builder, digits) => match value {
                Value::Null => builder.append_null(),
                Value::Time(time) => {
                    let mut text = Vec::with_capacity(16);
                    push_time(time, *digits, &mut text);
                    // ASCII.
                    builder.append_value(std::str::from_utf8(&text).unwrap_or_default());
                }
                _ => return Err(WRONG_TYPE),
            },
            Self::Bytes(builder) => append!(builder, value, Value::Bytes(bytes) => bytes),
            Self::Date(builder) => append!(builder, value,
                Value::Date(date) => date.days_since_epoch().ok_or(NOT_REAL)?),
            Self::DateTime(builder) => append!(builder, value,
                Value::DateTime(value) => value.micros_since_epoch().ok_or(NOT_REAL)?),
            Self::Timestamp(builder) => append!(builder, value,
                Value::Timestamp(value) => value.micros_since_epoch().ok_or(NOT_REAL)?),
        }
        Ok(())
    }

    /// The values so far, as an array; the builder begins anew.
    pub(super) fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Integer(builder) => Arc::new(builder.finish()),
            Self::Unsigned(builder) => Arc::new(builder.finish()),
            Self::Float32(builder) => Arc::new(builder.finish()),
            Self::Float64(builder) => Arc::new(builder.finish()),
            Self::Decimal128(builder, ..) => Arc::new(builder.finish()),
            Self::Decimal256(builder, ..) => Arc::new(builder.finish()),
            Self::Boolean(builder) => Arc::new(builder.finish()),
            Self::Text(builder) | Self::Time(builder, _) => Arc::new(builder.finish()),
            Self::Bytes(builder) => Arc::new(builder.finish()),
            Self::Date(builder) => Arc::new(builder.finish()),
            Self::DateTime(builder) | Self::Timestamp(builder) => Arc::new(builder.finish()),
        }
    }
}
