//! Typed cells (ECMA-376 part 1, section 18.3.1.4). NULL is an absent cell.

use std::ops::Range;

use sealpost_core::batch::{Row, Value};
use sealpost_core::column::{Column, ColumnKind};

use super::parts::{DATE, DATE_TIME, DATE_TIME_MILLIS, DECIMAL, INTEGER, SPAN, SPAN_MILLIS, STANDARD, TEXT};
use super::sheet::Layout;
use super::{Timestamps, date};
use crate::beside::Block;
use crate::cell::{BytesText, Look, Shape, push_float};
use crate::fragment::Fragment;
use crate::rows::Fault;
use crate::scan;

/// Most characters of a cell (Excel specifications and limits); Excel counts UTF-16 units.
const MAX_TEXT: usize = 32_767;
/// What follows the style of a text's cell.
const TEXT_START: &str = " t=\"inlineStr\"><is><t>";
/// The same of a text that has nothing to escape or to preserve: a third less to write, and to compress. It is what a formula's text is, and
/// what readers of all kinds take for a text where there is no formula. What is empty would be nothing to some of them, and what begins
/// like a formula is better not near one.
const PLAIN_START: &str = " t=\"str\"><v>";
/// Digits that Excel keeps.
const EXCEL_DIGITS: usize = 15;

/// Writes the cells of a row.
pub(super) struct CellWriter {
    columns: Vec<CellColumn>,
    bytes: BytesText,
    timestamps: Timestamps,
    look: Look,
    /// What follows the reference of a number's cell, by its style.
    number_starts: Vec<Fragment>,
    /// The same for plain texts.
    plain_start: Fragment,
    scratch: Vec<u8>,
}

struct CellColumn {
    letters: Vec<u8>,
    /// `<c r="` and the letters.
    start: Fragment,
    shape: Shape,
    decimal_style: u8,
}

impl CellWriter {
    pub(super) fn new(
        columns: &[Column],
        layout: &Layout,
        bytes: BytesText,
        timestamps: Timestamps,
        look: Look,
    ) -> Self {
        let columns = columns.iter().zip(&layout.letters).map(|(column, letters)| CellColumn {
            letters: letters.clone().into_bytes(),
            start: Fragment::new(format!("<c r=\"{letters}")),
            shape: Shape::of(column),
            decimal_style: match column.kind {
                // Excel shows at most 30 places.
                ColumnKind::Decimal { scale, .. } => DECIMAL + scale.min(30),
                _ => STANDARD,
            },
        });
        let start = |more: &str, style| {
            let mut start = Vec::new();
            push_style(style, &mut start);
            start.extend_from_slice(more.as_bytes());
            Fragment::new(start)
        };
        Self {
            columns: columns.collect(),
            bytes,
            timestamps,
            look,
            number_starts: (0..=DECIMAL + 30).map(|style| start("><v>", style)).collect(),
            plain_start: start(PLAIN_START, STANDARD),
            scratch: Vec::new(),
        }
    }

    /// Appends a row; `number` is its number in the sheet. What stands before each value is marked.
    pub(super) fn row(&mut self, number: u32, row: Row<'_>, block: &mut Block) -> Result<(), Fault> {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(number);
        block.text.extend_from_slice(b"<row r=\"");
        block.text.extend_from_slice(digits.as_bytes());
        block.text.extend_from_slice(b"\">");
        row.try_each(|index, value| {
            let column = &self.columns[index];
            let out = &mut block.text;
            self.scratch.clear();
            let style = match value {
                Value::Null => return Ok(()),
                Value::Text(text) => {
                    let is_plain = !text.is_empty() && !text.starts_with('=') && !has_special(text);
                    if is_plain && text.len() <= MAX_TEXT && !has_outer_space(text) {
                        column.start.push(out);
                        out.extend_from_slice(digits.as_bytes());
                        self.plain_start.push(out);
                        let start = out.len();
                        out.extend_from_slice(text.as_bytes());
                        let value = start..out.len();
                        out.extend_from_slice(b"</v></c>");
                        block.mark(index, value);
                    } else {
                        let value = push_text_cell(&column.letters, digits, STANDARD, text, out)
                            .map_err(|why| Fault::value(index, why))?;
                        block.mark(index, value);
                    }
                    return Ok(());
                }
                Value::Bool(value) => {
                    push_start(&column.letters, digits, STANDARD, out);
                    out.extend_from_slice(b" t=\"b\"><v>");
                    let start = out.len();
                    out.push(if value { b'1' } else { b'0' });
                    out.extend_from_slice(b"</v></c>");
                    block.mark(index, start..start + 1);
                    return Ok(());
                }
                Value::Bytes(bytes) => {
                    self.bytes.write(bytes, &mut self.scratch);
                    None
                }
                Value::Float(value) => {
                    push_float(value, column.shape.float32, &mut self.scratch);
                    Some(STANDARD)
                }
                Value::Int(_) | Value::UInt(_) | Value::Decimal(_) => {
                    self.look.write(value, column.shape, &mut self.scratch);
                    let style = if matches!(value, Value::Decimal(_)) { column.decimal_style } else { INTEGER };
                    let fits = self.scratch.len() <= EXCEL_DIGITS || significant_digits(&self.scratch) <= EXCEL_DIGITS;
                    fits.then_some(style)
                }
                Value::Date(value) => date::date(value).map(|serial| {
                    self.scratch.extend_from_slice(itoa::Buffer::new().format(serial).as_bytes());
                    DATE
                }),
                Value::DateTime(value) => {
                    let style = if column.shape.digits == 0 { DATE_TIME } else { DATE_TIME_MILLIS };
                    serial(date::date_time(value), style, &mut self.scratch)
                }
                Value::Timestamp(value) if self.timestamps == Timestamps::Date => {
                    let style = if column.shape.digits == 0 { DATE_TIME } else { DATE_TIME_MILLIS };
                    serial(date::date_time(value.local), style, &mut self.scratch)
                }
                Value::Timestamp(_) => None,
                Value::Time(value) => {
                    let style = if column.shape.digits == 0 { SPAN } else { SPAN_MILLIS };
                    serial(date::time(value), style, &mut self.scratch)
                }
            };
            if let Some(style) = style {
                column.start.push(out);
                out.extend_from_slice(digits.as_bytes());
                self.number_starts[usize::from(style)].push(out);
                let start = out.len();
                out.extend_from_slice(&self.scratch);
                let value = start..out.len();
                out.extend_from_slice(b"</v></c>");
                block.mark(index, value);
            } else {
                if self.scratch.is_empty() {
                    self.look.write(value, column.shape, &mut self.scratch);
                }
                // Rendered values are ASCII.
                let text = std::str::from_utf8(&self.scratch).unwrap_or_default();
                let value = push_text_cell(&column.letters, digits, TEXT, text, out);
                block.mark(index, value.map_err(|why| Fault::value(index, why))?);
            }
            Ok(())
        })?;
        block.text.extend_from_slice(b"</row>");
        Ok(())
    }
}

fn serial(days: Option<f64>, style: u8, out: &mut Vec<u8>) -> Option<u8> {
    push_float(days?, false, out);
    Some(style)
}

/// Digits between the first and the last that is not 0. Up to 15 survive a 64-bit float and Excel.
fn significant_digits(number: &[u8]) -> usize {
    let digits = || number.iter().filter(|byte| byte.is_ascii_digit());
    let leading = digits().take_while(|digit| **digit == b'0').count();
    let trailing = digits().rev().take_while(|digit| **digit == b'0').count();
    digits().count().saturating_sub(leading + trailing)
}

fn push_start(letters: &[u8], row: &str, style: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(b"<c r=\"");
    out.extend_from_slice(letters);
    out.extend_from_slice(row.as_bytes());
    push_style(style, out);
}

/// The end of a cell's reference, and its style.
fn push_style(style: u8, out: &mut Vec<u8>) {
    out.push(b'"');
    if style != STANDARD {
        out.extend_from_slice(b" s=\"");
        out.extend_from_slice(itoa::Buffer::new().format(style).as_bytes());
        out.push(b'"');
    }
}

/// Appends a text cell and returns where its value is; the error says why it can't be one.
pub(super) fn push_text_cell(
    letters: &[u8],
    row: &str,
    style: u8,
    text: &str,
    out: &mut Vec<u8>,
) -> Result<Range<usize>, &'static str> {
    if text.len() > MAX_TEXT && text.encode_utf16().count() > MAX_TEXT {
        return Err("longer than the 32,767 characters that a cell of Excel can have");
    }
    push_start(letters, row, style, out);
    out.extend_from_slice(if has_outer_space(text) {
        b" t=\"inlineStr\"><is><t xml:space=\"preserve\">"
    } else {
        TEXT_START.as_bytes()
    });
    let start = out.len();
    push_xstring(text, out);
    let value = start..out.len();
    out.extend_from_slice(b"</t></is></c>");
    Ok(value)
}

/// Whether there is white space at an end, which needs to be preserved.
#[inline]
fn has_outer_space(text: &str) -> bool {
    let outer = [text.as_bytes().first(), text.as_bytes().last()];
    outer.into_iter().flatten().any(u8::is_ascii_whitespace)
}

/// `ST_Xstring` (part 1, section 22.9.2.19): characters that XML does not have, and CR, as `_xHHHH_`; what looks like such
/// an escape gets its underscore escaped.
fn push_xstring(text: &str, out: &mut Vec<u8>) {
    if has_special(text) {
        push_special(text.as_bytes(), out);
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}

/// Whether a text may have something that [`push_special`] writes otherwise.
#[inline]
fn has_special(text: &str) -> bool {
    scan::any(text.as_bytes(), |word| {
        scan::has(word, b'&')
            | scan::has(word, b'<')
            | scan::has(word, b'>')
            | scan::has(word, b'_')
            | scan::has(word, 0xEF)
            | scan::has_control(word)
    })
}

fn push_special(bytes: &[u8], out: &mut Vec<u8>) {
    let mut start = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let (escape, length): (&[u8], usize) = match byte {
            b'&' => (b"&amp;", 1),
            b'<' => (b"&lt;", 1),
            b'>' => (b"&gt;", 1),
            b'\t' | b'\n' => continue,
            0..=0x1F => (b"", 1),
            b'_' if looks_escaped(&bytes[at..]) => (b"_x005F_", 1),
            0xEF if matches!(bytes.get(at + 1..at + 3), Some([0xBF, 0xBE])) => (b"_xFFFE_", 3),
            0xEF if matches!(bytes.get(at + 1..at + 3), Some([0xBF, 0xBF])) => (b"_xFFFF_", 3),
            _ => continue,
        };
        out.extend_from_slice(&bytes[start..at]);
        start = at + length;
        if escape.is_empty() {
            out.extend_from_slice(format!("_x{byte:04X}_").as_bytes());
        } else {
            out.extend_from_slice(escape);
        }
    }
    out.extend_from_slice(&bytes[start..]);
}

fn looks_escaped(bytes: &[u8]) -> bool {
    matches!(bytes.get(..7), Some([b'_', b'x', hex @ .., b'_']) if hex.iter().all(u8::is_ascii_hexdigit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn significant_digits_leave_outer_zeros_out() {
        for (number, digits) in
            [("0", 0), ("-0.00", 0), ("1200", 2), ("0.00120", 2), ("-10.05", 4), ("123456789012345.000", 15)]
        {
            assert_eq!(significant_digits(number.as_bytes()), digits, "{number}");
        }
    }

    #[test]
    fn characters_that_xml_lacks_are_escaped_and_look_alikes_too() {
        let mut out = Vec::new();
        push_xstring("a\u{1}\r\n_x0041__x&\u{FFFF}ﾟ", &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "a_x0001__x000D_\n_x005F_x0041__x&amp;_xFFFF_ﾟ");
    }

    #[test]
    fn a_cell_holds_so_much_and_no_more() {
        let fits = "ä".repeat(MAX_TEXT);
        assert!(push_text_cell(b"A", "2", STANDARD, &fits, &mut Vec::new()).is_ok());
        assert!(push_text_cell(b"A", "2", STANDARD, &(fits + "x"), &mut Vec::new()).is_err());
    }
}
