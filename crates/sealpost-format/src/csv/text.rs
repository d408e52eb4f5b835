//! The rows of CSV: which fields get quotes, and how they are written.

use sealpost_core::append::append;
use sealpost_core::batch::{Row, Value};
use sealpost_core::column::Column;
use sealpost_core::error::codes;

use super::CsvOptions;
use super::options::{LineEnding, Quoting};
use crate::cell::{BytesText, Look, Shape};
use crate::charset::Charset;
use crate::rows::{Fault, RowText};
use crate::scan;

/// Classes of bytes: these need quotes; these need another encoding.
const SPECIAL: u8 = 1;
const WIDE: u8 = 2;

struct CsvColumn {
    shape: Shape,
    quoted: bool,
}

/// Writes rows.
pub(super) struct CsvText {
    columns: Vec<CsvColumn>,
    classes: [u8; 256],
    /// The bits that make bytes `WIDE`.
    wide: u64,
    pub(super) delimiter: u8,
    pub(super) line_end: &'static [u8],
    null_text: String,
    null_bytes: Vec<u8>,
    charset: Charset,
    never: bool,
    guard: bool,
    bytes: BytesText,
    look: Look,
    /// Whether a number or date could hold a character that needs quotes, or look like the null text.
    risky: bool,
    scratch: Vec<u8>,
}

impl CsvText {
    pub(super) fn new(options: &CsvOptions, columns: &[Column]) -> Self {
        let mut classes = [0; 256];
        if !options.encoding.is_utf8() {
            classes[128..].fill(WIDE);
        }
        let delimiter = options.delimiter.0;
        for special in [delimiter, b'"', b'\r', b'\n'] {
            classes[usize::from(special)] = SPECIAL;
        }
        let look = options.look();
        let rendered = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.: ".contains(&byte);
        let special = |literal: u8| classes[usize::from(literal)] != 0;
        let patterns = [&look.date, &look.datetime, &look.timestamp];
        let in_pattern = patterns.into_iter().any(|pattern| pattern.literals().any(special));
        let risky = rendered(delimiter)
            || (delimiter == b',' && look.decimal_comma)
            || in_pattern
            || options.null_text.bytes().any(|byte| byte.is_ascii_digit())
            || ["true", "false"].contains(&options.null_text.as_str());
        let mut null_bytes = Vec::new();
        // Checked with the options.
        let _encodable = options.encoding.encode(&options.null_text, &mut null_bytes);
        Self {
            columns: columns
                .iter()
                .map(|column| CsvColumn { shape: Shape::of(column), quoted: options.quotes(column.kind) })
                .collect(),
            classes,
            wide: if options.encoding.is_utf8() { 0 } else { u64::from_ne_bytes([0x80; 8]) },
            delimiter,
            line_end: if options.line_ending == LineEnding::Crlf { b"\r\n" } else { b"\n" },
            null_text: options.null_text.clone(),
            null_bytes,
            charset: options.encoding,
            never: options.quoting == Quoting::Never,
            guard: options.formula_guard,
            bytes: options.bytes,
            look,
            risky,
            scratch: Vec::new(),
        }
    }

    /// Appends a text, quoted where it must be.
    #[inline]
    pub(super) fn text(
        &mut self,
        column: usize,
        text: &str,
        quoted: bool,
        guarded: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        let wide = self.wide;
        let perhaps = |word| scan::has_control_or_quote(word) | scan::has(word, self.delimiter) | (word & wide != 0);
        let classes = if scan::any(text.as_bytes(), perhaps) {
            text.as_bytes().iter().fold(0, |seen, byte| seen | self.classes[usize::from(*byte)])
        } else {
            0
        };
        if classes == 0 && !quoted && text != self.null_text && !(guarded && self.guard && is_formula(text)) {
            append(text.as_bytes(), out);
            return Ok(());
        }
        self.special_text(column, text, classes, quoted, guarded, out)
    }

    fn special_text(
        &mut self,
        column: usize,
        text: &str,
        mut classes: u8,
        quoted: bool,
        guarded: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        self.scratch.clear();
        // What is written decides about quotes: the text with its apostrophe.
        if guarded && self.guard && is_formula(text) {
            self.scratch.push(b'\'');
            classes |= self.classes[usize::from(b'\'')];
        }
        if !self.charset.encode(text, &mut self.scratch) {
            let why = format!("a character that {} does not have", self.charset.name());
            return Err(Fault { column, code: &codes::format::CHARACTER, why: why.into() });
        }
        let special = classes & SPECIAL != 0;
        let like_null = self.scratch == self.null_bytes;
        if self.never && (special || like_null) {
            return Err(Fault::value(
                column,
                if special {
                    "a text with a delimiter, quote or line break can't be written with quoting `never`"
                } else {
                    "a text that equals null_text can't be written with quoting `never`; choose another null_text"
                },
            ));
        }
        if !(quoted || special || like_null) {
            out.extend_from_slice(&self.scratch);
            return Ok(());
        }
        quote(&self.scratch, out);
        Ok(())
    }

    /// A number, date or boolean: hardly ever in need of quotes.
    fn plain(&mut self, column: usize, value: Value<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
        let CsvColumn { shape, quoted } = self.columns[column];
        if self.risky {
            let mut rendered = Vec::new();
            self.look.write(value, shape, &mut rendered);
            // Rendered values are ASCII.
            return self.text(column, std::str::from_utf8(&rendered).unwrap_or_default(), quoted, false, out);
        }
        if quoted {
            out.push(b'"');
            self.look.write(value, shape, out);
            out.push(b'"');
        } else {
            self.look.write(value, shape, out);
        }
        Ok(())
    }
}

impl RowText for CsvText {
    fn row(&mut self, row: Row<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
        row.try_each(|index, value| {
            if index > 0 {
                out.push(self.delimiter);
            }
            match value {
                Value::Text(text) => {
                    let quoted = self.columns[index].quoted;
                    self.text(index, text, quoted, true, out)
                }
                Value::Null => {
                    out.extend_from_slice(&self.null_bytes);
                    Ok(())
                }
                Value::Bytes(bytes) => {
                    let mut rendered = Vec::new();
                    self.bytes.write(bytes, &mut rendered);
                    let quoted = self.columns[index].quoted;
                    self.text(index, std::str::from_utf8(&rendered).unwrap_or_default(), quoted, false, out)
                }
                value => self.plain(index, value, out),
            }
        })?;
        out.extend_from_slice(self.line_end);
        Ok(())
    }
}

/// Between quotes, quotes doubled (RFC 4180 section 2, rule 7).
fn quote(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let mut pieces = bytes.split(|byte| *byte == b'"');
    out.extend_from_slice(pieces.next().unwrap_or_default());
    for piece in pieces {
        out.extend_from_slice(b"\"\"");
        out.extend_from_slice(piece);
    }
    out.push(b'"');
}

/// Whether a spreadsheet would calculate the text (OWASP, "CSV Injection", with the full-width signs).
fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'])
}

#[cfg(test)]
mod tests {
    use sealpost_core::batch::Batch;
    use sealpost_core::column::ColumnKind;
    use sealpost_core::sink::MemorySink;

    use super::*;

    /// A file of one row, with this name for its columns.
    fn file(options: serde_json::Value, name: &str, row: &[Value<'_>]) -> String {
        let format = crate::csv::build(options.as_object().unwrap()).unwrap();
        let columns = vec![Column::new(name, ColumnKind::Text); row.len()];
        let memory = MemorySink::default();
        let mut writer = format.begin(&columns, Box::new(memory.clone())).unwrap();
        let mut batch = Batch::new(row.len(), 0);
        row.iter().for_each(|value| batch.push(*value));
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
        String::from_utf8(memory.finished().unwrap()).unwrap()
    }

    #[test]
    fn the_apostrophe_of_the_guard_is_quoted_where_it_is_the_delimiter_or_the_null_text() {
        let (formula, plain) = (Value::Text("=1"), Value::Text("x"));
        let quotes = serde_json::json!({"delimiter": "'", "formula_guard": true});
        assert_eq!(file(quotes, "=a", &[formula, plain]), "\"'=a\"'\"'=a\"\r\n\"'=1\"'x\r\n");
        let null = serde_json::json!({"null_text": "'-", "formula_guard": true});
        assert_eq!(file(null, "a", &[Value::Text("-"), Value::Null]), "a,a\r\n\"'-\",'-\r\n");
        // And where it makes the difference, no quotes are needed.
        let minus = serde_json::json!({"null_text": "-", "formula_guard": true});
        assert_eq!(file(minus, "a", &[Value::Text("-"), Value::Null]), "a,a\r\n'-,-\r\n");
        let never = serde_json::json!({"delimiter": "'", "formula_guard": true, "quoting": "never"});
        let format = crate::csv::build(never.as_object().unwrap()).unwrap();
        assert!(format.begin(&[Column::new("=a", ColumnKind::Text)], Box::new(MemorySink::default())).is_err());
    }

    #[test]
    fn quotes_are_doubled_and_nothing_else_changes() {
        let mut out = Vec::new();
        quote(b"\"a\"\r\nb\"", &mut out);
        assert_eq!(out, b"\"\"\"a\"\"\r\nb\"\"\"");
    }

    #[test]
    fn formula_starts_are_those_of_owasp() {
        for text in ["=1", "+1", "-1", "@A1", "\tx", "\rx", "＝1"] {
            assert!(is_formula(text), "{text:?}");
        }
        assert!(!is_formula("1=1") && !is_formula("") && !is_formula("'=1"));
    }
}
