//! JSON (RFC 8259): one array of objects, or one object per line (NDJSON).
//!
//! Keys are escaped once per file and values written straight into the block. Decimals are strings unless asked
//! otherwise, because most readers turn JSON numbers into 64-bit floats.

mod escape;

use std::sync::Arc;

use schemars::JsonSchema;
use sealpost_core::Error;
use sealpost_core::batch::{Row, Value};
use sealpost_core::column::Column;
use sealpost_core::error::{Result, codes};
use sealpost_core::port::format::{Format, RowWriter};
use sealpost_core::sink::ByteSink;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::cell::{BytesText, Look, Shape};
use crate::options::{Options, check_unique};
use crate::rows::{Fault, RowText, TextFile};
use escape::push_string;

/// The largest whole number up to which a 64-bit float holds every one (RFC 7493 section 2.2): 2^53 - 1.
const LARGEST_SAFE: u64 = 9_007_199_254_740_991;

/// Options of JSON and NDJSON. Dates are ISO 8601, instants RFC 3339 with their offset.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct JsonOptions {
    /// How decimals are written: as strings, which every reader keeps exact, or as numbers. Default: `string`.
    decimals: NumberAs,
    /// How whole numbers beyond ±9007199254740991 (2^53 - 1) are written. Default: `number`.
    large_integers: NumberAs,
    /// How bytes look. Default: `base64`.
    bytes: BytesText,
    /// Whether JSON columns become part of the document (line breaks between their tokens become spaces) or stay text in
    /// a string. Default: `embedded`.
    json_columns: JsonColumns,
}

impl Default for JsonOptions {
    fn default() -> Self {
        Self {
            decimals: NumberAs::String,
            large_integers: NumberAs::Number,
            bytes: BytesText::Base64,
            json_columns: JsonColumns::Embedded,
        }
    }
}

impl Options for JsonOptions {}

/// What a number becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum NumberAs {
    /// A JSON string.
    String,
    /// A JSON number.
    Number,
}

/// What a JSON column becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum JsonColumns {
    /// A part of the document.
    Embedded,
    /// A JSON string.
    Text,
}

/// Reads the options and makes the format: one array.
pub(crate) fn build_array(options: &Map<String, Json>) -> Result<Arc<dyn Format>> {
    Ok(Arc::new(JsonFormat { options: crate::options::read(options)?, lines: false }))
}

/// Reads the options and makes the format: one object per line.
pub(crate) fn build_lines(options: &Map<String, Json>) -> Result<Arc<dyn Format>> {
    Ok(Arc::new(JsonFormat { options: crate::options::read(options)?, lines: true }))
}

struct JsonFormat {
    options: JsonOptions,
    lines: bool,
}

impl Format for JsonFormat {
    fn begin(&self, columns: &[Column], out: Box<dyn ByteSink>) -> Result<Box<dyn RowWriter>> {
        // RFC 8259 section 4: names within an object should be unique.
        check_unique(columns)?;
        let keys = columns.iter().enumerate().map(|(index, column)| {
            let mut key = vec![if index == 0 { b'{' } else { b',' }];
            push_string(&column.name, &mut key);
            key.push(b':');
            key
        });
        let look = Look::iso("YYYY-MM-DDTHH:mm:ssF", "YYYY-MM-DDTHH:mm:ssFZ")
            .map_err(|error| Error::new(&codes::format::WRITE, error))?;
        let text = JsonText {
            options: self.options.clone(),
            keys: keys.collect(),
            shapes: columns.iter().map(Shape::of).collect(),
            look,
            lines: self.lines,
            first: true,
        };
        Ok(TextFile::begin(columns, if self.lines { b"" } else { b"[" }, text, out))
    }
}

struct JsonText {
    options: JsonOptions,
    /// What stands before each value: `{"id":` and `,"name":`.
    keys: Vec<Vec<u8>>,
    shapes: Vec<Shape>,
    look: Look,
    lines: bool,
    first: bool,
}

impl JsonText {
    fn value(&self, index: usize, value: Value<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
        let shape = self.shapes[index];
        let quoted = match value {
            Value::Null => {
                out.extend_from_slice(b"null");
                return Ok(());
            }
            Value::Text(text) if shape.json && self.options.json_columns == JsonColumns::Embedded => {
                return embed(index, text, out);
            }
            Value::Text(text) => {
                push_string(text, out);
                return Ok(());
            }
            Value::Bytes(bytes) => {
                out.push(b'"');
                self.options.bytes.write(bytes, out);
                out.push(b'"');
                return Ok(());
            }
            Value::Bool(_) | Value::Float(_) => false,
            Value::Int(value) => value.unsigned_abs() > LARGEST_SAFE && self.large_as_string(),
            Value::UInt(value) => value > LARGEST_SAFE && self.large_as_string(),
            Value::Decimal(text) if self.options.decimals == NumberAs::Number => {
                push_number(text, out);
                return Ok(());
            }
            Value::Decimal(_) => true,
            Value::Date(_) | Value::Time(_) | Value::DateTime(_) | Value::Timestamp(_) => true,
        };
        if quoted {
            out.push(b'"');
        }
        self.look.write(value, shape, out);
        if quoted {
            out.push(b'"');
        }
        Ok(())
    }

    fn large_as_string(&self) -> bool {
        self.options.large_integers == NumberAs::String
    }
}

impl RowText for JsonText {
    fn row(&mut self, row: Row<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
        if !self.lines {
            out.extend_from_slice(if self.first { b"\n" } else { b",\n" });
            self.first = false;
        }
        for (index, value) in row.values().enumerate() {
            out.extend_from_slice(&self.keys[index]);
            self.value(index, value, out)?;
        }
        out.push(b'}');
        if self.lines {
            out.push(b'\n');
        }
        Ok(())
    }

    fn tail(&mut self, out: &mut Vec<u8>) {
        if !self.lines {
            out.extend_from_slice(b"\n]\n");
        }
    }
}

/// Appends a decimal as a JSON number, which has no leading zeros (RFC 8259 section 6); `ZEROFILL` columns have.
fn push_number(text: &str, out: &mut Vec<u8>) {
    let number = text.strip_prefix('-').inspect(|_| out.push(b'-')).unwrap_or(text);
    let trimmed = number.trim_start_matches('0');
    if !trimmed.starts_with(|first: char| first.is_ascii_digit()) {
        out.push(b'0');
    }
    out.extend_from_slice(trimmed.as_bytes());
}

/// Appends JSON as it is, checked; its line breaks, which can only stand between tokens, become spaces.
fn embed(column: usize, text: &str, out: &mut Vec<u8>) -> Result<(), Fault> {
    if serde_json::from_str::<serde::de::IgnoredAny>(text).is_err() {
        return Err(Fault::value(
            column,
            "is not one JSON value (or nested deeper than 127); json_columns `text` writes it as a string",
        ));
    }
    out.extend(text.bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embedded_json_stays_on_its_line() {
        let mut out = Vec::new();
        embed(0, "{\n \"a\\n\": [1,\r\n2]}", &mut out).unwrap();
        assert_eq!(out, b"{  \"a\\n\": [1,  2]}");
    }

    #[test]
    fn numbers_lose_their_leading_zeros() {
        for (text, number) in [("000.50", "0.50"), ("-007", "-7"), ("0", "0"), ("-0.01", "-0.01"), ("12.3", "12.3")] {
            let mut out = Vec::new();
            push_number(text, &mut out);
            assert_eq!(out, number.as_bytes(), "{text}");
        }
    }

    #[test]
    fn broken_json_is_refused() {
        for text in ["", "{", "1 2", "{'a':1}", "NaN"] {
            assert!(embed(0, text, &mut Vec::new()).is_err(), "{text}");
        }
    }
}
