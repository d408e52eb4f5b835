//! CSV (RFC 4180), with the dialects that receivers ask for.
//!
//! NULL is written as the null text, never quoted; a text that looks the same is quoted, so the two stay apart. Written
//! straight into the block: this is the format that most reports take.

mod options;
mod text;

use std::sync::Arc;

use sealpost_core::Error;
use sealpost_core::column::{Column, ColumnKind};
use sealpost_core::error::{Result, codes};
use sealpost_core::port::format::{Format, RowWriter};
use sealpost_core::sink::ByteSink;
use serde_json::{Map, Value as Json};

pub(crate) use options::CsvOptions;
use options::{DecimalSeparator, Quoting};
use text::CsvText;

use crate::cell::Look;
use crate::rows::TextFile;

/// Reads the options and makes the format.
pub(crate) fn build(options: &Map<String, Json>) -> Result<Arc<dyn Format>> {
    Ok(Arc::new(crate::options::read::<CsvOptions>(options)?))
}

impl Format for CsvOptions {
    fn check(&self, columns: &[Column]) -> Result<()> {
        self.head(columns, &mut CsvText::new(self, columns)).map(drop)
    }

    fn begin(&self, columns: &[Column], out: Box<dyn ByteSink>) -> Result<Box<dyn RowWriter>> {
        let mut text = CsvText::new(self, columns);
        let head = self.head(columns, &mut text)?;
        Ok(TextFile::begin(columns, &head, text, out))
    }
}

impl CsvOptions {
    /// What a file begins with: a mark of its encoding, and the names of its columns.
    fn head(&self, columns: &[Column], text: &mut CsvText) -> Result<Vec<u8>> {
        let mut head = self.encoding.mark().to_vec();
        if self.header {
            for (index, column) in columns.iter().enumerate() {
                if index > 0 {
                    head.push(text.delimiter);
                }
                let quoted = self.quoting == Quoting::All || self.quoting == Quoting::NonNumeric;
                text.text(index, &column.name, quoted, true, &mut head).map_err(|fault| {
                    Error::new(&codes::format::COLUMN, format!("the name of column {}: {}", index + 1, fault.why))
                })?;
            }
            head.extend_from_slice(text.line_end);
        }
        Ok(head)
    }

    /// How numbers and dates look. The patterns were checked with the options.
    fn look(&self) -> Look {
        Look {
            decimal_comma: self.decimal_separator == DecimalSeparator::Comma,
            date: self.date_pattern.0.clone(),
            datetime: self.datetime_pattern.0.clone(),
            timestamp: self.timestamp_pattern.0.clone(),
        }
    }

    /// Whether a column's values are quoted even where they need not be.
    fn quotes(&self, kind: ColumnKind) -> bool {
        let numeric = matches!(
            kind,
            ColumnKind::Integer
                | ColumnKind::Unsigned
                | ColumnKind::Float32
                | ColumnKind::Float64
                | ColumnKind::Decimal { .. }
        );
        self.quoting == Quoting::All || (self.quoting == Quoting::NonNumeric && !numeric)
    }
}
