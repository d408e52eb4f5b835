//! The parts of a workbook beside its sheets: styles, list of sheets, relationships, content types.

use std::fmt::Write as _;

/// Indices into `cellXfs` of the style sheet.
pub(super) const STANDARD: u8 = 0;
pub(super) const HEADER: u8 = 1;
pub(super) const INTEGER: u8 = 2;
pub(super) const DATE: u8 = 3;
pub(super) const DATE_TIME: u8 = 4;
pub(super) const DATE_TIME_MILLIS: u8 = 5;
pub(super) const SPAN: u8 = 6;
pub(super) const SPAN_MILLIS: u8 = 7;
pub(super) const TEXT: u8 = 8;
/// The style of decimals without places; those with N places follow.
pub(super) const DECIMAL: u8 = 9;

/// Number formats in the order of the styles from `INTEGER` to `TEXT`; 1 and 49 are built in (`0` and `@`).
const FORMATS: [(u32, &str); 7] = [
    (1, ""),
    (164, "yyyy-mm-dd"),
    (165, "yyyy-mm-dd hh:mm:ss"),
    (166, "yyyy-mm-dd hh:mm:ss.000"),
    (167, "[h]:mm:ss"),
    (168, "[h]:mm:ss.000"),
    (49, ""),
];
/// Number formats of decimals with 0 to 30 places begin here.
const DECIMAL_FORMAT: u32 = 170;

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const RELATIONS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

/// `_rels/.rels`: where the workbook is.
pub(super) const ROOT_RELATIONSHIPS: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n\
<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"rId1\" \
Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" Target=\"xl/workbook.xml\"/>\
</Relationships>";

/// `xl/styles.xml`: the same for every workbook.
pub(super) fn styles() -> String {
    let mut formats = String::new();
    let mut styles = String::new();
    let decimals = (0..=30_u32).map(|places| {
        let code = if places == 0 { "0".to_owned() } else { format!("0.{}", "0".repeat(places as usize)) };
        (DECIMAL_FORMAT + places, code)
    });
    for (id, code) in FORMATS.into_iter().map(|(id, code)| (id, code.to_owned())).chain(decimals) {
        if !code.is_empty() {
            formats += &format!("<numFmt numFmtId=\"{id}\" formatCode=\"{code}\"/>");
        }
        styles += &format!(
            "<xf numFmtId=\"{id}\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyNumberFormat=\"1\"/>"
        );
    }
    format!(
        "{DECLARATION}<styleSheet xmlns=\"{MAIN}\"><numFmts count=\"{}\">{formats}</numFmts>\
         <fonts count=\"2\"><font><sz val=\"11\"/><name val=\"Calibri\"/><family val=\"2\"/></font>\
         <font><b/><sz val=\"11\"/><name val=\"Calibri\"/><family val=\"2\"/></font></fonts>\
         <fills count=\"3\"><fill><patternFill patternType=\"none\"/></fill><fill><patternFill patternType=\"gray125\"/></fill>\
         <fill><patternFill patternType=\"solid\"><fgColor rgb=\"FFE7EBEF\"/><bgColor indexed=\"64\"/></patternFill></fill></fills>\
         <borders count=\"1\"><border><left/><right/><top/><bottom/><diagonal/></border></borders>\
         <cellStyleXfs count=\"1\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\"/></cellStyleXfs>\
         <cellXfs count=\"{}\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\"/>\
         <xf numFmtId=\"0\" fontId=\"1\" fillId=\"2\" borderId=\"0\" xfId=\"0\" applyFont=\"1\" applyFill=\"1\"/>{styles}</cellXfs>\
         <cellStyles count=\"1\"><cellStyle name=\"Normal\" xfId=\"0\" builtinId=\"0\"/></cellStyles></styleSheet>",
        FORMATS.len() - 2 + 31,
        2 + FORMATS.len() + 31,
    )
}

/// The sheets that were written.
pub(super) struct Sheets<'a> {
    pub(super) name: &'a str,
    /// Rows of each, header included.
    pub(super) rows: &'a [u32],
    pub(super) last_column: &'a str,
}

impl Sheets<'_> {
    fn names(&self) -> impl Iterator<Item = (usize, String)> {
        let plain = self.name.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
        (1..=self.rows.len())
            .map(move |number| (number, if number == 1 { plain.clone() } else { format!("{plain} ({number})") }))
    }

    /// `xl/workbook.xml`.
    pub(super) fn workbook(&self) -> String {
        let (mut sheets, mut filters) = (String::new(), String::new());
        for ((number, name), rows) in self.names().zip(self.rows) {
            // Writing to a String can't fail.
            let _written = write!(sheets, "<sheet name=\"{name}\" sheetId=\"{number}\" r:id=\"rId{number}\"/>");
            // Excel notes a sheet's filter a second time, as a hidden name.
            let _written = write!(
                filters,
                "<definedName name=\"_xlnm._FilterDatabase\" localSheetId=\"{}\" hidden=\"1\">'{}'!$A$1:${}${rows}</definedName>",
                number - 1,
                name.replace('\'', "''"),
                self.last_column,
            );
        }
        format!(
            "{DECLARATION}<workbook xmlns=\"{MAIN}\" xmlns:r=\"{RELATIONS}\"><bookViews><workbookView/></bookViews>\
             <sheets>{sheets}</sheets><definedNames>{filters}</definedNames></workbook>"
        )
    }

    /// `xl/_rels/workbook.xml.rels`.
    pub(super) fn relationships(&self) -> String {
        let mut all = String::new();
        for number in 1..=self.rows.len() {
            let _written = write!(
                all,
                "<Relationship Id=\"rId{number}\" Type=\"{RELATIONS}/worksheet\" Target=\"worksheets/sheet{number}.xml\"/>"
            );
        }
        let styles = self.rows.len() + 1;
        format!(
            "{DECLARATION}<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">{all}\
             <Relationship Id=\"rId{styles}\" Type=\"{RELATIONS}/styles\" Target=\"styles.xml\"/></Relationships>"
        )
    }

    /// `[Content_Types].xml`.
    pub(super) fn content_types(&self) -> String {
        const KIND: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml";
        let mut all = String::new();
        for number in 1..=self.rows.len() {
            let _written = write!(
                all,
                "<Override PartName=\"/xl/worksheets/sheet{number}.xml\" ContentType=\"{KIND}.worksheet+xml\"/>"
            );
        }
        format!(
            "{DECLARATION}<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\
             <Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
             <Default Extension=\"xml\" ContentType=\"application/xml\"/>\
             <Override PartName=\"/xl/workbook.xml\" ContentType=\"{KIND}.sheet.main+xml\"/>\
             <Override PartName=\"/xl/styles.xml\" ContentType=\"{KIND}.styles+xml\"/>{all}</Types>"
        )
    }
}
