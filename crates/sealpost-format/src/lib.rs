//! Rows to bytes: one file per format, one row per format in [`FORMATS`].
//!
//! Every writer keeps a bounded buffer, writes nothing but what its rows and options say (no clock, no chance, no
//! trace of how the rows were split into batches), and finishes its sink on purpose. `SP-FORMAT-002` and `-003` name
//! the row (from 1, header not counted) and the column, never the value.

mod beside;
mod cell;
mod charset;
mod compression;
mod csv;
mod deflate;
mod fragment;
mod json;
mod options;
mod parquet;
mod pattern;
mod rows;
mod scan;
mod tsv;
mod xlsx;
mod xml;
mod zip;

use sealpost_core::port::format::{CompressionEntry, FormatEntry};

#[doc(hidden)]
pub use xlsx::with_rows_per_sheet as xlsx_with_rows_per_sheet;
pub use xml::xsd;

/// Every format, in the order in which help shows them.
pub static FORMATS: &[FormatEntry] = &[
    FormatEntry {
        name: "csv",
        summary: "comma-separated values (RFC 4180), with dialects",
        extension: "csv",
        media_type: "text/csv",
        options_schema: options::schema::<csv::CsvOptions>,
        build: csv::build,
    },
    FormatEntry {
        name: "tsv",
        summary: "tab-separated values, special characters escaped with a backslash",
        extension: "tsv",
        media_type: "text/tab-separated-values",
        options_schema: options::schema::<tsv::TsvOptions>,
        build: tsv::build,
    },
    FormatEntry {
        name: "json",
        summary: "one JSON array with an object per row",
        extension: "json",
        media_type: "application/json",
        options_schema: options::schema::<json::JsonOptions>,
        build: json::build_array,
    },
    FormatEntry {
        name: "ndjson",
        summary: "one JSON object per line",
        extension: "ndjson",
        media_type: "application/x-ndjson",
        options_schema: options::schema::<json::JsonOptions>,
        build: json::build_lines,
    },
    FormatEntry {
        name: "xml",
        summary: "XML with one element per value, and an XSD",
        extension: "xml",
        media_type: "application/xml",
        options_schema: options::schema::<xml::XmlOptions>,
        build: xml::build,
    },
    FormatEntry {
        name: "xlsx",
        summary: "Excel workbook with typed cells",
        extension: "xlsx",
        media_type: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        options_schema: options::schema::<xlsx::XlsxOptions>,
        build: xlsx::build,
    },
    FormatEntry {
        name: "parquet",
        summary: "Apache Parquet with exact types",
        extension: "parquet",
        media_type: "application/vnd.apache.parquet",
        options_schema: options::schema::<parquet::ParquetOptions>,
        build: parquet::build,
    },
];

/// Every compression before sealing.
pub static COMPRESSIONS: &[CompressionEntry] = &[
    CompressionEntry { name: "none", summary: "as it is", extension: "", wrap: compression::none },
    CompressionEntry { name: "gzip", summary: "gzip (RFC 1952)", extension: "gz", wrap: compression::gzip },
    CompressionEntry { name: "zstd", summary: "Zstandard (RFC 8878)", extension: "zst", wrap: compression::zstd },
    CompressionEntry {
        name: "zip",
        summary: "zip archive with one entry, named like the file",
        extension: "zip",
        wrap: compression::zip,
    },
];

/// The format of this name.
#[must_use]
pub fn format(name: &str) -> Option<&'static FormatEntry> {
    FORMATS.iter().find(|entry| entry.name == name)
}

/// The compression of this name.
#[must_use]
pub fn compression(name: &str) -> Option<&'static CompressionEntry> {
    COMPRESSIONS.iter().find(|entry| entry.name == name)
}
