//! JSON (RFC 8259): one array of objects, or one object per line (NDJSON).
//!
//! Keys are escaped once per file and values written straight into the block. Decimals are strings unless asked
//! otherwise, because most readers turn JSON numbers into 64-bit floats.

mod depth;
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
use crate::fragment::Fragment;
use crate::options::{Options, check_unique};
use crate::rows::{Fault, RowText, TextFile};
use escape::{push_characters, push_string};

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
    fn check(&self, columns: &[Column]) -> Result<()> {
        // RFC 8259 section 4: names within an object should be unique.
        check_unique(columns)
    }

    fn begin(&self, columns: &[Column], out: Box<dyn ByteSink>) -> Result<Box<dyn RowWriter>> {
        self.check(columns)?;
        let keys = columns.iter().enumerate().map(|(index, column)| {
            let mut key = if index == 0 { b"{".to_vec() } else { b"\",".to_vec() };
            push_string(&column.name, &mut key);
            key.extend_from_slice(b":\"");
            Fragment::new(key)
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
    /// What stands before each value: `{"id":"` and `","name":"`. The first quote ends the value before, the last one begins this one;
    /// each is left out where that value has none.
    keys: Vec<Fragment>,
    shapes: Vec<Shape>,
    look: Look,
    lines: bool,
    first: bool,
}

impl JsonText {
    /// Whether a value has quotes around it.
    #[inline]
    fn is_quoted(&self, index: usize, value: Value<'_>) -> bool {
        match value {
            Value::Null | Value::Bool(_) | Value::Float(_) => false,
            Value::Text(_) => !self.is_embedded(index),
            Value::Int(value) => value.unsigned_abs() > LARGEST_SAFE && self.large_as_string(),
            Value::UInt(value) => value > LARGEST_SAFE && self.large_as_string(),
            Value::Decimal(_) => self.options.decimals == NumberAs::String,
            Value::Bytes(_) | Value::Date(_) | Value::Time(_) | Value::DateTime(_) | Value::Timestamp(_) => true,
        }
    }

    /// Appends a value without its quotes.
    #[inline]
    fn value(&self, index: usize, value: Value<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
        match value {
            Value::Null => out.extend_from_slice(b"null"),
            Value::Text(text) if self.is_embedded(index) => return embed(index, text, out),
            Value::Text(text) => push_characters(text, out),
            Value::Bytes(bytes) => self.options.bytes.write(bytes, out),
            Value::Decimal(text) if self.options.decimals == NumberAs::Number => push_number(text, out),
            value => self.look.write(value, self.shapes[index], out),
        }
        Ok(())
    }

    fn is_embedded(&self, index: usize) -> bool {
        self.shapes[index].json && self.options.json_columns == JsonColumns::Embedded
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
        // Before the first value stands a brace, which is not left out.
        let mut quoted = true;
        row.try_each(|index, value| {
            let quotes = self.is_quoted(index, value);
            self.keys[index].push_part(!quoted, !quotes, out);
            quoted = quotes;
            self.value(index, value, out)
        })?;
        out.extend_from_slice(match (quoted, self.lines) {
            (true, true) => b"\"}\n",
            (true, false) => b"\"}",
            (false, true) => b"}\n",
            (false, false) => b"}",
        });
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
    if serde_json::from_str::<serde::de::IgnoredAny>(text).is_err() || depth::is_too_deep(text) {
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
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(embed(0, &nested(127), &mut Vec::new()).is_ok());
        assert!(embed(0, &nested(128), &mut Vec::new()).is_err());
    }
}
