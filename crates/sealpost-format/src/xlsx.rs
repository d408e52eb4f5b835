//! XLSX (ECMA-376): sheets written row by row straight into a zip; no temporary file, no string table, constant memory. What is
//! written is compressed by a second thread.
//!
//! No integer or decimal is lost to Excel's 15 digits: one that has more is written as text, and so is a date that Excel's
//! calendar does not have. Floating-point numbers stay numbers. After 1,048,576 rows the next sheet begins, with the header again.

mod cells;
mod date;
mod parts;
mod sheet;

use std::sync::Arc;

use schemars::JsonSchema;
use sealpost_core::Error;
use sealpost_core::batch::Batch;
use sealpost_core::column::Column;
use sealpost_core::error::{Result, codes};
use sealpost_core::port::format::{Format, RowWriter};
use sealpost_core::sink::ByteSink;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::beside::{Block, ZipBeside};
use crate::cell::{BytesText, Look};
use crate::options::Options;
use crate::zip::ZipWriter;
use cells::CellWriter;
use sheet::Layout;

/// Most rows of a sheet, header included (Excel specifications and limits).
const MAX_ROWS: u32 = 1_048_576;
/// Most columns of a sheet.
const MAX_COLUMNS: usize = 16_384;
/// Sheet XML that is gathered before it is compressed. Smaller blocks cost hand-overs.
const BLOCK: usize = 128 * 1024;

/// Most UTF-16 units of a sheet's name: Excel has 31, and ` (999)` may be added.
const MOST_NAME: usize = 25;
/// What a sheet's name looks like, for the schema.
const SHEET_NAME: &str =
    r"^[^'\\/?*\[\]:\x00-\x1F\x7F-\x9F]([^\\/?*\[\]:\x00-\x1F\x7F-\x9F]*[^'\\/?*\[\]:\x00-\x1F\x7F-\x9F])?$";

/// Options of XLSX.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct XlsxOptions {
    /// The name of the sheet, 1 to 25 characters (UTF-16 units) without `\ / ? * [ ] :`, no apostrophe at its ends, and not
    /// `History`, which Excel keeps for itself; further sheets are called `NAME (2)` and so on. Default: `Report`.
    #[schemars(
        length(min = 1, max = MOST_NAME),
        regex(pattern = SHEET_NAME),
        extend("not" = {"pattern": "^[Hh][Ii][Ss][Tt][Oo][Rr][Yy]$"})
    )]
    sheet_name: String,
    /// Whether instants are dates on the wall clock of the report's time zone, or text with their offset (RFC 3339).
    /// Default: `date`.
    timestamps: Timestamps,
    /// How bytes look. Default: `hex`.
    bytes: BytesText,
}

/// What an instant becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Timestamps {
    /// An Excel date.
    Date,
    /// Text with the offset.
    Text,
}

impl Default for XlsxOptions {
    fn default() -> Self {
        Self { sheet_name: "Report".to_owned(), timestamps: Timestamps::Date, bytes: BytesText::Hex }
    }
}

impl Options for XlsxOptions {
    fn conflicts(&self) -> Vec<(&'static str, String)> {
        let name = &self.sheet_name;
        let fits = (1..=MOST_NAME).contains(&name.encode_utf16().count())
            && !name.contains(['\\', '/', '?', '*', '[', ']', ':'])
            && !name
                .contains(|character: char| character.is_control() || ('\u{FFFE}'..='\u{FFFF}').contains(&character))
            && !name.starts_with('\'')
            && !name.ends_with('\'')
            && !name.eq_ignore_ascii_case("history");
        if fits {
            return Vec::new();
        }
        let detail = "must have 1 to 25 characters (UTF-16 units), none of \\ / ? * [ ] :, no apostrophe at its ends, and not \
                      be `History`";
        vec![("sheet_name", detail.to_owned())]
    }
}

/// Reads the options and makes the format.
pub(crate) fn build(options: &Map<String, Json>) -> Result<Arc<dyn Format>> {
    Ok(Arc::new(Xlsx { options: crate::options::read(options)?, max_rows: MAX_ROWS }))
}

/// The format with another limit of rows per sheet, header included: tests can't write a million rows each time.
///
/// # Errors
/// As the format's `build`.
#[doc(hidden)]
pub fn with_rows_per_sheet(options: &Map<String, Json>, max_rows: u32) -> Result<Arc<dyn Format>> {
    Ok(Arc::new(Xlsx { options: crate::options::read(options)?, max_rows: max_rows.max(2) }))
}

struct Xlsx {
    options: XlsxOptions,
    max_rows: u32,
}

impl Format for Xlsx {
    fn check(&self, columns: &[Column]) -> Result<()> {
        layout(columns).map(drop)
    }

    fn begin(&self, columns: &[Column], out: Box<dyn ByteSink>) -> Result<Box<dyn RowWriter>> {
        let layout = layout(columns)?;
        let look = Look::iso("YYYY-MM-DD HH:mm:ssF", "YYYY-MM-DDTHH:mm:ssFZ")
            .map_err(|error| Error::new(&codes::format::WRITE, error))?;
        let mut workbook = Workbook {
            cells: CellWriter::new(columns, &layout, self.options.bytes, self.options.timestamps, look),
            layout,
            zip: ZipBeside::begin(ZipWriter::marked(out), BLOCK)?,
            block: Block::new(BLOCK),
            columns: columns.to_vec(),
            sheet_name: self.options.sheet_name.clone(),
            max_rows: self.max_rows,
            row: 0,
            sheet_rows: Vec::new(),
        };
        workbook.part("_rels/.rels", parts::ROOT_RELATIONSHIPS)?;
        workbook.part("xl/styles.xml", &parts::styles())?;
        workbook.start_sheet()?;
        Ok(Box::new(workbook))
    }
}

/// The shape of a sheet with these columns.
fn layout(columns: &[Column]) -> Result<Layout> {
    if columns.len() > MAX_COLUMNS || columns.is_empty() {
        let detail = format!("{} columns; a sheet has 1 to {MAX_COLUMNS}", columns.len());
        return Err(Error::new(&codes::format::COLUMN, detail));
    }
    Layout::new(columns)
}

/// A workbook being written.
struct Workbook {
    zip: ZipBeside,
    block: Block,
    cells: CellWriter,
    layout: Layout,
    columns: Vec<Column>,
    sheet_name: String,
    max_rows: u32,
    /// The last row of the open sheet, from 1; the header is row 1.
    row: u32,
    /// Rows of the sheets that are complete.
    sheet_rows: Vec<u32>,
}

impl Workbook {
    fn part(&mut self, name: &str, text: &str) -> Result<()> {
        self.zip.start(name.to_owned())?;
        self.block.text.extend_from_slice(text.as_bytes());
        self.compress()
    }

    fn start_sheet(&mut self) -> Result<()> {
        let number = self.sheet_rows.len() + 1;
        self.zip.start(format!("xl/worksheets/sheet{number}.xml"))?;
        self.layout.head(number == 1, &mut self.block.text);
        self.row = 1;
        Ok(())
    }

    fn end_sheet(&mut self) -> Result<()> {
        self.layout.tail(self.row, &mut self.block.text);
        self.sheet_rows.push(self.row);
        self.compress()
    }

    fn compress(&mut self) -> Result<()> {
        self.zip.write(&mut self.block)
    }
}

impl RowWriter for Workbook {
    fn write(&mut self, batch: &Batch) -> Result<()> {
        for (number, row) in (batch.first_row()..).zip(batch.iter()) {
            if self.row == self.max_rows {
                self.end_sheet()?;
                self.start_sheet()?;
            }
            self.row += 1;
            self.cells.row(self.row, row, &mut self.block).map_err(|fault| fault.at(number, &self.columns))?;
            if self.block.text.len() >= BLOCK {
                self.compress()?;
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.end_sheet()?;
        let sheets = parts::Sheets { name: &self.sheet_name, rows: &self.sheet_rows, last_column: self.layout.last() };
        let (workbook, relationships, types) = (sheets.workbook(), sheets.relationships(), sheets.content_types());
        self.part("xl/workbook.xml", &workbook)?;
        self.part("xl/_rels/workbook.xml.rels", &relationships)?;
        self.part("[Content_Types].xml", &types)?;
        self.zip.finish()
    }
}
