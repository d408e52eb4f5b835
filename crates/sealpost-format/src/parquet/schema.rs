//! Column types as Arrow and Parquet have them.

use std::sync::Arc;

use arrow_schema::extension::Json;
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use sealpost_core::Error;
use sealpost_core::column::{Column, ColumnKind};
use sealpost_core::error::{Result, codes};

/// Digits of a 128-bit decimal.
pub(super) const MAX_DECIMAL128: u8 = 38;
/// Digits of a 256-bit decimal.
const MAX_DECIMAL256: u8 = 76;

/// The schema of a file with these columns; every one may hold NULL.
pub(super) fn schema(columns: &[Column]) -> Result<SchemaRef> {
    if columns.is_empty() {
        return Err(Error::new(&codes::format::COLUMN, "the report has no columns"));
    }
    let fields = columns.iter().map(|column| {
        let data_type = data_type(column.kind).ok_or_else(|| {
            let detail = format!("column `{}`: its digits and places are no decimal type", column.name);
            Error::new(&codes::format::COLUMN, detail)
        })?;
        let field = Field::new(&column.name, data_type, true);
        Ok(if column.kind == ColumnKind::Json { field.with_extension_type(Json::default()) } else { field })
    });
    Ok(Arc::new(Schema::new(fields.collect::<Result<Vec<_>>>()?)))
}

/// The type of a column's values.
pub(super) fn data_type(kind: ColumnKind) -> Option<DataType> {
    Some(match kind {
        ColumnKind::Integer => DataType::Int64,
        ColumnKind::Unsigned => DataType::UInt64,
        ColumnKind::Float32 => DataType::Float32,
        ColumnKind::Float64 => DataType::Float64,
        ColumnKind::Decimal { precision, scale } => {
            let places = i8::try_from(scale).ok()?;
            match precision {
                _ if scale > precision => return None,
                1..=MAX_DECIMAL128 => DataType::Decimal128(precision, places),
                39..=MAX_DECIMAL256 => DataType::Decimal256(precision, places),
                _ => return None,
            }
        }
        ColumnKind::Boolean => DataType::Boolean,
        // TIME is a span of up to 838 hours, and may be negative: no Parquet type has that.
        ColumnKind::Text | ColumnKind::Json | ColumnKind::Time { .. } => DataType::Utf8,
        ColumnKind::Bytes => DataType::Binary,
        ColumnKind::Date => DataType::Date32,
        ColumnKind::DateTime { .. } => DataType::Timestamp(TimeUnit::Microsecond, None),
        ColumnKind::Timestamp { .. } => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
    })
}
