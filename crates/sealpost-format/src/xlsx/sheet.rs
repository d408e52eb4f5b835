//! What surrounds a sheet's rows: frozen header, column widths, filter (ECMA-376 part 1, section 18.3.1).

use sealpost_core::Error;
use sealpost_core::column::{Column, ColumnKind};
use sealpost_core::error::{Result, codes};

use super::cells::push_text_cell;
use super::parts::HEADER;

/// The shape of every sheet of a workbook.
pub(super) struct Layout {
    /// The letters of each column.
    pub(super) letters: Vec<String>,
    widths: String,
    header: Vec<u8>,
}

impl Layout {
    pub(super) fn new(columns: &[Column]) -> Result<Self> {
        let letters: Vec<String> = (0..columns.len()).map(column_letters).collect();
        let mut header = b"<row r=\"1\">".to_vec();
        let mut widths = String::new();
        for (index, (column, letters)) in columns.iter().zip(&letters).enumerate() {
            if let Err(why) = push_text_cell(letters.as_bytes(), "1", HEADER, &column.name, &mut header) {
                let detail = format!("the name of column {}: {why}", index + 1);
                return Err(Error::new(&codes::format::COLUMN, detail));
            }
            // The filter's button takes the room of about three characters.
            let width = column.name.chars().count().saturating_add(4).max(usual_width(column.kind)).min(60);
            let number = index + 1;
            widths += &format!("<col min=\"{number}\" max=\"{number}\" width=\"{width}\" customWidth=\"1\"/>");
        }
        header.extend_from_slice(b"</row>");
        Ok(Self { letters, widths, header })
    }

    /// The letters of the last column.
    pub(super) fn last(&self) -> &str {
        self.letters.last().map_or("A", String::as_str)
    }

    /// Everything up to and with the header row.
    pub(super) fn head(&self, selected: bool, out: &mut Vec<u8>) {
        out.extend_from_slice(
            b"<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n\
              <worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetViews><sheetView ",
        );
        out.extend_from_slice(if selected { b"tabSelected=\"1\" " } else { b"" });
        out.extend_from_slice(
            b"workbookViewId=\"0\"><pane ySplit=\"1\" topLeftCell=\"A2\" activePane=\"bottomLeft\" state=\"frozen\"/>\
              </sheetView></sheetViews><sheetFormatPr defaultRowHeight=\"15\"/><cols>",
        );
        out.extend_from_slice(self.widths.as_bytes());
        out.extend_from_slice(b"</cols><sheetData>");
        out.extend_from_slice(&self.header);
    }

    /// What follows the last row; the filter covers all rows.
    pub(super) fn tail(&self, rows: u32, out: &mut Vec<u8>) {
        let last = self.last();
        out.extend_from_slice(format!("</sheetData><autoFilter ref=\"A1:{last}{rows}\"/></worksheet>").as_bytes());
    }
}

fn usual_width(kind: ColumnKind) -> usize {
    match kind {
        ColumnKind::Boolean => 8,
        ColumnKind::Integer | ColumnKind::Unsigned | ColumnKind::Date | ColumnKind::Time { .. } => 12,
        ColumnKind::Float32 | ColumnKind::Float64 => 14,
        ColumnKind::Decimal { precision, .. } => (usize::from(precision) + 2).clamp(10, 24),
        ColumnKind::DateTime { digits } | ColumnKind::Timestamp { digits } => {
            if digits == 0 {
                20
            } else {
                24
            }
        }
        ColumnKind::Text | ColumnKind::Bytes => 24,
        ColumnKind::Json => 40,
    }
}

/// `A` to `XFD`.
fn column_letters(index: usize) -> String {
    let mut letters = Vec::new();
    let mut rest = index + 1;
    while rest > 0 {
        rest -= 1;
        letters.insert(0, char::from(b'A' + (rest % 26) as u8));
        rest /= 26;
    }
    letters.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::column_letters;

    #[test]
    fn letters_count_without_a_zero() {
        for (index, letters) in [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA"), (16_383, "XFD")] {
            assert_eq!(column_letters(index), letters);
        }
    }
}
