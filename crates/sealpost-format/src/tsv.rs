//! TSV (IANA `text/tab-separated-values`): tab, LF, CR and backslash within a field are escaped with a backslash, NULL
//! is `\N`, as the database's own tools write and read it.

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
use crate::charset::Charset;
use crate::options::{MOST_NULL_TEXT, Options, too_long_for_null};
use crate::rows::{Fault, RowText, TextFile};

/// Options of TSV. Without any: UTF-8 with a header line. Lines end with LF, dates are ISO 8601.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TsvOptions {
    /// Whether the first line names the columns. Default: yes.
    header: bool,
    /// The character encoding; a character that it lacks is an error. Default: `utf-8`.
    encoding: Charset,
    /// What NULL looks like, written as it is: at most 64 characters, without a tab or a line break. With another one than
    /// the default, a value that looks the same, such as an empty text where it is empty, is an error. Default: `\N`.
    #[schemars(length(max = MOST_NULL_TEXT), regex(pattern = r"^[^\t\r\n]*$"))]
    null_text: String,
    /// How bytes look. Default: `hex`.
    bytes: BytesText,
}

impl Default for TsvOptions {
    fn default() -> Self {
        Self { header: true, encoding: Charset::Utf8, null_text: "\\N".to_owned(), bytes: BytesText::Hex }
    }
}

impl Options for TsvOptions {
    fn conflicts(&self) -> Vec<(&'static str, String)> {
        let mut wrong = Vec::new();
        if self.null_text.contains(['\t', '\r', '\n']) {
            wrong.push(("null_text", "must not hold a tab or a line break".to_owned()));
        }
        wrong.extend(too_long_for_null(&self.null_text));
        if !self.encoding.encode(&self.null_text, &mut Vec::new()) {
            wrong.push(("null_text", format!("holds a character that {} does not have", self.encoding.name())));
        }
        wrong
    }
}

/// Reads the options and makes the format.
pub(crate) fn build(options: &Map<String, Json>) -> Result<Arc<dyn Format>> {
    Ok(Arc::new(crate::options::read::<TsvOptions>(options)?))
}

impl Format for TsvOptions {
    fn check(&self, columns: &[Column]) -> Result<()> {
        self.head(columns).map(drop)
    }

    fn begin(&self, columns: &[Column], out: Box<dyn ByteSink>) -> Result<Box<dyn RowWriter>> {
        let head = self.head(columns)?;
        let look = Look::iso("YYYY-MM-DD HH:mm:ssF", "YYYY-MM-DD HH:mm:ssFZZ")
            .map_err(|error| Error::new(&codes::format::WRITE, error))?;
        let mut null_bytes = Vec::new();
        // That it has a place in the encoding was checked with the options.
        let _encodable = self.encoding.encode(&self.null_text, &mut null_bytes);
        let shapes = columns.iter().map(Shape::of).collect();
        let text = TsvText { options: self.clone(), null_bytes, shapes, look };
        Ok(TextFile::begin(columns, &head, text, out))
    }
}

impl TsvOptions {
    /// What a file begins with: a mark of its encoding, and the names of its columns.
    fn head(&self, columns: &[Column]) -> Result<Vec<u8>> {
        let mut head = self.encoding.mark().to_vec();
        if self.header {
            for (index, column) in columns.iter().enumerate() {
                if index > 0 {
                    head.push(b'\t');
                }
                if !self.escape(&column.name, &mut head) {
                    let name = self.encoding.name();
                    let detail = format!("the name of column {}: a character that {name} does not have", index + 1);
                    return Err(Error::new(&codes::format::COLUMN, detail));
                }
            }
            head.push(b'\n');
        }
        Ok(head)
    }

    /// Appends an escaped text; `false` when a character has no place in the encoding.
    fn escape(&self, text: &str, out: &mut Vec<u8>) -> bool {
        let mut rest = text;
        while let Some(at) = rest.bytes().position(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | b'\\')) {
            let (plain, tail) = rest.split_at(at);
            let letter = match tail.as_bytes().first() {
                Some(b'\t') => b't',
                Some(b'\n') => b'n',
                Some(b'\r') => b'r',
                _ => b'\\',
            };
            if !self.encoding.encode(plain, out) {
                return false;
            }
            out.extend_from_slice(&[b'\\', letter]);
            rest = tail.get(1..).unwrap_or_default();
        }
        self.encoding.encode(rest, out)
    }
}

struct TsvText {
    options: TsvOptions,
    null_bytes: Vec<u8>,
    shapes: Vec<Shape>,
    look: Look,
}

impl RowText for TsvText {
    fn row(&mut self, row: Row<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
        row.try_each(|index, value| {
            if index > 0 {
                out.push(b'\t');
            }
            let start = out.len();
            match value {
                Value::Null => {
                    out.extend_from_slice(&self.null_bytes);
                    return Ok(());
                }
                Value::Text(text) if !self.options.escape(text, out) => {
                    let why = format!("a character that {} does not have", self.options.encoding.name());
                    return Err(Fault { column: index, code: &codes::format::CHARACTER, why: why.into() });
                }
                Value::Text(_) => {}
                Value::Bytes(bytes) => self.options.bytes.write(bytes, out),
                value => self.look.write(value, self.shapes[index], out),
            }
            if out[start..] == *self.null_bytes {
                return Err(Fault::value(index, "a value that looks like null_text; choose another null_text"));
            }
            Ok(())
        })?;
        out.push(b'\n');
        Ok(())
    }
}
