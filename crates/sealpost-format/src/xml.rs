//! XML 1.0: `<report><row><column_name>…`, one element per value, and an XSD that describes it.
//!
//! NULL is `xsi:nil="true"`, distinct from an empty element. A character that XML 1.0 does not have is an error.

mod names;
mod schema;
mod text;

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
use crate::options::Options;
use crate::rows::{Fault, RowText, TextFile};

pub(crate) use text::push_escaped;

/// Most characters of a name: parsers have limits, and it is written twice for each row.
const MOST_NAME: usize = 255;
/// What a name looks like, for the schema. Characters beyond ASCII are left to the check.
const ELEMENT_NAME: &str = r"^[^\x00-@\x5B-^`\x7B-\x7F][^\x00-,/:-@\x5B-^`\x7B-\x7F]*$";

/// Options of XML. Dates are ISO 8601, instants RFC 3339 with their offset.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct XmlOptions {
    /// The name of the outermost element, at most 255 characters: an XML name without colon that does not begin with `xml`.
    /// Default: `report`.
    #[schemars(length(max = MOST_NAME), regex(pattern = ELEMENT_NAME), extend("not" = {"pattern": "^[Xx][Mm][Ll]"}))]
    root_element: String,
    /// The name of the element around a row, of the same kind. Default: `row`.
    #[schemars(length(max = MOST_NAME), regex(pattern = ELEMENT_NAME), extend("not" = {"pattern": "^[Xx][Mm][Ll]"}))]
    row_element: String,
    /// How bytes look. Default: `base64`.
    bytes: BytesText,
}

impl Default for XmlOptions {
    fn default() -> Self {
        Self { root_element: "report".to_owned(), row_element: "row".to_owned(), bytes: BytesText::Base64 }
    }
}

impl Options for XmlOptions {
    fn conflicts(&self) -> Vec<(&'static str, String)> {
        [("root_element", &self.root_element), ("row_element", &self.row_element)]
            .into_iter()
            .filter(|(_, name)| !names::is_name(name) || name.chars().count() > MOST_NAME)
            .map(|(option, _)| {
                let detail = format!(
                    "must be an XML name of at most {MOST_NAME} characters, without colon: letters, digits, `_`, `-` and \
                     `.`, beginning with a letter or `_`, not with `xml`"
                );
                (option, detail)
            })
            .collect()
    }
}

/// Reads the options and makes the format.
pub(crate) fn build(options: &Map<String, Json>) -> Result<Arc<dyn Format>> {
    Ok(Arc::new(crate::options::read::<XmlOptions>(options)?))
}

/// The XML Schema (XSD 1.0) of the files that the format `xml` writes for these columns with these options.
///
/// # Errors
/// `SP-REQUEST-005` for options; `SP-FORMAT-004` for column names that become the same element name.
pub fn xsd(columns: &[Column], options: &Map<String, Json>) -> Result<String> {
    let options = crate::options::read::<XmlOptions>(options)?;
    let elements = names::elements(columns)?;
    Ok(schema::xsd(columns, &elements, &options))
}

impl Format for XmlOptions {
    fn check(&self, columns: &[Column]) -> Result<()> {
        names::elements(columns).map(drop)
    }

    fn begin(&self, columns: &[Column], out: Box<dyn ByteSink>) -> Result<Box<dyn RowWriter>> {
        let elements = names::elements(columns)?;
        let look = Look::iso("YYYY-MM-DDTHH:mm:ssF", "YYYY-MM-DDTHH:mm:ssFZ")
            .map_err(|error| Error::new(&codes::format::WRITE, error))?;
        let head = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <{} xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\n",
            self.root_element
        );
        let row_element = &self.row_element;
        // What stands before each element: the row's start, then the end of the element before.
        let mut befores = vec![format!("<{row_element}>")];
        befores.extend(elements.iter().map(|element| format!("</{element}>")));
        let row_ends =
            [format!("</{row_element}>\n"), format!("{}</{row_element}>\n", befores.last().map_or("", |end| end))];
        let text = XmlText {
            row_ends: row_ends.map(Fragment::new),
            tail: format!("</{}>\n", self.root_element).into_bytes(),
            columns: elements
                .iter()
                .zip(columns)
                .zip(&befores)
                .map(|((element, column), before)| XmlColumn {
                    starts: [format!("<{element}>"), format!("{before}<{element}>")].map(Fragment::new),
                    nils: ["", before].map(|before| Fragment::new(format!("{before}<{element} xsi:nil=\"true\"/>"))),
                    shape: Shape::of(column),
                })
                .collect(),
            bytes: self.bytes,
            look,
        };
        Ok(TextFile::begin(columns, head.as_bytes(), text, out))
    }
}

/// Each fragment twice: alone, and behind what ends the element before (or begins the row).
struct XmlColumn {
    starts: [Fragment; 2],
    nils: [Fragment; 2],
    shape: Shape,
}

struct XmlText {
    row_ends: [Fragment; 2],
    tail: Vec<u8>,
    columns: Vec<XmlColumn>,
    bytes: BytesText,
    look: Look,
}

impl RowText for XmlText {
    fn row(&mut self, row: Row<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
        // Whether something is open that the next fragment ends, or begins.
        let mut open = true;
        row.try_each(|index, value| {
            let column = &self.columns[index];
            if matches!(value, Value::Null) {
                column.nils[usize::from(open)].push(out);
                open = false;
                return Ok(());
            }
            column.starts[usize::from(open)].push(out);
            open = true;
            match value {
                Value::Text(text) if !push_escaped(text, out) => {
                    return Err(Fault::value(index, "a character that XML 1.0 does not have"));
                }
                Value::Text(_) => {}
                Value::Bytes(bytes) => self.bytes.write(bytes, out),
                value => self.look.write(value, column.shape, out),
            }
            Ok(())
        })?;
        self.row_ends[usize::from(open)].push(out);
        Ok(())
    }

    fn tail(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.tail);
    }
}
