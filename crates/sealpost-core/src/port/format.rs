//! Rows to bytes, and bytes to compressed bytes.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::batch::Batch;
use crate::column::Column;
use crate::error::Result;
use crate::sink::ByteSink;

/// A format with its options: writes rows to a sink; same rows and options give the same bytes; touches nothing else.
pub trait Format: Send + Sync {
    /// Whether it can have these columns: what [`begin`](Self::begin) would say of them, without a file.
    ///
    /// # Errors
    /// `SP-FORMAT-004` for a column that the format can't have.
    fn check(&self, columns: &[Column]) -> Result<()>;

    /// Begins a file.
    ///
    /// # Errors
    /// As [`check`](Self::check); what the sink says.
    fn begin(&self, columns: &[Column], out: Box<dyn ByteSink>) -> Result<Box<dyn RowWriter>>;
}

/// A file being written.
pub trait RowWriter: Send {
    /// Writes the rows of a batch.
    ///
    /// # Errors
    /// `SP-FORMAT-002` and `-003` with row and column, never the value; what the sink says.
    fn write(&mut self, batch: &Batch) -> Result<()>;

    /// Writes what comes after the last row and finishes the sink.
    ///
    /// # Errors
    /// What the sink says.
    fn finish(self: Box<Self>) -> Result<()>;
}

/// Reads options and makes a format.
pub type BuildFormat = fn(&Map<String, Json>) -> Result<Arc<dyn Format>>;

/// Wraps a sink in a compression.
pub type WrapSink = fn(file_name: &str, out: Box<dyn ByteSink>) -> Result<Box<dyn ByteSink>>;

/// A row of the table of formats. Help, schema, docs and tests come from it.
pub struct FormatEntry {
    /// The name in requests: `csv`.
    pub name: &'static str,
    /// One line for people.
    pub summary: &'static str,
    /// The file extension, without dot.
    pub extension: &'static str,
    /// The media type.
    pub media_type: &'static str,
    /// The JSON Schema of the options object.
    pub options_schema: fn() -> Json,
    /// Reads options and makes the format.
    ///
    /// Errors are `SP-REQUEST-005` with field errors below `/format_options`.
    pub build: BuildFormat,
}

/// A row of the table of compressions before sealing.
pub struct CompressionEntry {
    /// The name in partner settings: `gzip`.
    pub name: &'static str,
    /// One line for people.
    pub summary: &'static str,
    /// What it adds to the file's extension, without dot: `gz`; empty for none.
    pub extension: &'static str,
    /// Wraps a sink. The name is that of the uncompressed file, for archives that carry one.
    pub wrap: WrapSink,
}
