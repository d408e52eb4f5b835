//! Apache Parquet with exact types, by way of Arrow batches built from the rows.
//!
//! Batches and row groups end where rows and their bytes say, never where the input's batches ended, so the same rows
//! give the same file. A row group is bounded in rows and in bytes, and the groups of a large file grow with it: what the library
//! keeps about those that have ended grows with the root of the file's size.

mod columns;
mod decimal;
mod dictionary;
mod schema;
mod sink;

use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use ::parquet::arrow::arrow_writer::ArrowWriterOptions;
use ::parquet::basic::{Compression, ZstdLevel};
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use ::parquet::schema::types::ColumnPath;
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use schemars::JsonSchema;
use sealpost_core::Error;
use sealpost_core::batch::{Batch, Value};
use sealpost_core::column::Column;
use sealpost_core::error::{Result, codes};
use sealpost_core::port::format::{Format, RowWriter};
use sealpost_core::sink::ByteSink;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::options::{Options, check_unique};
use crate::rows::Fault;
use columns::ColumnBuilder;
use sink::KeptSink;

/// Rows of an Arrow batch. (8,000 was faster than 64,000.)
const CHUNK_ROWS: usize = 8192;
/// Bytes of values after which an Arrow batch ends early.
const CHUNK_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of values after which a row group ends early, as long as no more than that is kept about those before it.
const GROUP_BYTES: usize = 32 * 1024 * 1024;
/// Bounds of the option `row_group_rows`.
const GROUP_ROWS: std::ops::RangeInclusive<usize> = 1_000..=1_048_576;
/// A row group may have this part of the rows before it, whatever was asked for: what is kept about groups of 1,000 rows would make the
/// memory follow the rows.
const GROUP_PART: usize = 256;
/// About what the library keeps of each column of each group until the file ends.
const KEPT_BYTES: usize = 512;
/// Bounds of the option `zstd_level`.
const ZSTD_LEVELS: std::ops::RangeInclusive<i32> = 1..=22;

/// Options of Parquet.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ParquetOptions {
    /// How pages are compressed. Default: `zstd`.
    compression: PageCompression,
    /// The level of zstd, 1 to 22; other compressions have none, and do not look at it. Default: 3.
    #[schemars(range(min = 1, max = 22))]
    zstd_level: i32,
    /// Most rows of a row group, 1,000 to 1,048,576; 32 MiB of values end it earlier. In a file with many more rows the groups are larger:
    /// a 256th of the rows before them, and as many bytes as are kept about the groups before them. Default: 65,536.
    #[schemars(range(min = 1000, max = 1_048_576))]
    row_group_rows: usize,
}

/// How pages are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum PageCompression {
    /// Zstandard.
    Zstd,
    /// Snappy.
    Snappy,
    /// Not at all.
    None,
}

impl Default for ParquetOptions {
    fn default() -> Self {
        Self { compression: PageCompression::Zstd, zstd_level: 3, row_group_rows: 65_536 }
    }
}

impl Options for ParquetOptions {
    fn conflicts(&self) -> Vec<(&'static str, String)> {
        let mut wrong = Vec::new();
        if !ZSTD_LEVELS.contains(&self.zstd_level) {
            wrong.push(("zstd_level", "must lie between 1 and 22".to_owned()));
        }
        if !GROUP_ROWS.contains(&self.row_group_rows) {
            wrong.push(("row_group_rows", "must lie between 1000 and 1048576".to_owned()));
        }
        wrong
    }
}

/// Reads the options and makes the format.
pub(crate) fn build(options: &Map<String, Json>) -> Result<Arc<dyn Format>> {
    Ok(Arc::new(crate::options::read::<ParquetOptions>(options)?))
}

impl Format for ParquetOptions {
    fn check(&self, columns: &[Column]) -> Result<()> {
        check_unique(columns)?;
        schema::schema(columns).map(drop)
    }

    fn begin(&self, columns: &[Column], out: Box<dyn ByteSink>) -> Result<Box<dyn RowWriter>> {
        Ok(Box::new(self.file(columns, GROUP_BYTES, out)?))
    }
}

impl ParquetOptions {
    /// A file whose first row groups end at so many bytes of values.
    fn file(&self, columns: &[Column], least_bytes: usize, out: Box<dyn ByteSink>) -> Result<ParquetFile> {
        check_unique(columns)?;
        let schema = schema::schema(columns)?;
        let compression = match self.compression {
            PageCompression::Zstd => Compression::ZSTD(ZstdLevel::try_new(self.zstd_level).map_err(failed)?),
            PageCompression::Snappy => Compression::SNAPPY,
            PageCompression::None => Compression::UNCOMPRESSED,
        };
        let properties = WriterProperties::builder()
            .set_compression(compression)
            // Fixed: the same rows give the same bytes after an update of the library, as far as it is up to us.
            .set_created_by("sealpost".to_owned())
            // Groups are ended here, never by the library.
            .set_max_row_group_row_count(Some(*GROUP_ROWS.end()))
            // What is said of each page would be kept until the file ends, and pages do not grow with it.
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_offset_index_disabled(true);
        let (out, failure) = KeptSink::new(out);
        Ok(ParquetFile {
            builders: columns.iter().map(ColumnBuilder::new).collect(),
            columns: columns.to_vec(),
            schema,
            output: Output::Waiting(properties, out),
            failure,
            asked_rows: self.row_group_rows,
            group_rows: self.row_group_rows,
            least_bytes,
            group_bytes: least_bytes,
            ended_groups: 0,
            ended_rows: 0,
            chunk: Fill::default(),
            group: Fill::default(),
        })
    }
}

/// How full something is.
#[derive(Default, Clone, Copy)]
struct Fill {
    rows: usize,
    bytes: usize,
}

/// Where the rows go. What the file is like is settled by its first rows.
enum Output {
    /// Before them.
    Waiting(WriterPropertiesBuilder, KeptSink),
    Begun(ArrowWriter<KeptSink>),
    /// Only while it begins, and when that failed.
    Broken,
}

/// A file being written.
struct ParquetFile {
    output: Output,
    failure: sink::Failure,
    schema: SchemaRef,
    columns: Vec<Column>,
    builders: Vec<ColumnBuilder>,
    /// The option `row_group_rows`.
    asked_rows: usize,
    /// Most rows of the open group.
    group_rows: usize,
    /// Bytes of values that every group may have.
    least_bytes: usize,
    /// Bytes of values after which the open group ends.
    group_bytes: usize,
    /// Groups that have ended.
    ended_groups: usize,
    /// Rows of the groups that have ended.
    ended_rows: usize,
    chunk: Fill,
    group: Fill,
}

impl ParquetFile {
    /// The writer, which begins the file now if that has not happened yet.
    fn writer(&mut self, first: Option<&RecordBatch>) -> Result<&mut ArrowWriter<KeptSink>> {
        if matches!(self.output, Output::Waiting(..))
            && let Output::Waiting(mut properties, out) = std::mem::replace(&mut self.output, Output::Broken)
        {
            let repeats = first.map(dictionary::repeats).unwrap_or_default();
            for (column, _) in self.columns.iter().zip(repeats).filter(|(_, repeats)| !repeats) {
                let path = ColumnPath::new(vec![column.name.clone()]);
                properties = properties.set_column_dictionary_enabled(path, false);
            }
            // Without the Arrow schema: the Parquet types say it all, to every reader.
            let options = ArrowWriterOptions::new().with_properties(properties.build()).with_skip_arrow_metadata(true);
            let writer = ArrowWriter::try_new_with_options(out, Arc::clone(&self.schema), options);
            self.output = Output::Begun(writer.map_err(|error| self.failure.or(failed(error)))?);
        }
        match &mut self.output {
            Output::Begun(writer) => Ok(writer),
            _ => Err(broken()),
        }
    }

    fn write_chunk(&mut self) -> Result<()> {
        if self.chunk.rows == 0 {
            return Ok(());
        }
        let arrays = self.builders.iter_mut().map(ColumnBuilder::finish).collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays)
            .map_err(|error| Error::new(&codes::format::WRITE, error.to_string()).caused_by(error))?;
        let written = self.writer(Some(&batch))?.write(&batch);
        written.map_err(|error| self.failure.or(failed(error)))?;
        self.chunk = Fill::default();
        Ok(())
    }
}

impl RowWriter for ParquetFile {
    fn write(&mut self, batch: &Batch) -> Result<()> {
        for (number, row) in (batch.first_row()..).zip(batch.iter()) {
            let mut bytes = 0;
            let builders = &mut self.builders;
            row.try_each(|index, value| {
                bytes += match value {
                    Value::Text(text) | Value::Decimal(text) => text.len() + 8,
                    Value::Bytes(value) => value.len() + 8,
                    _ => 8,
                };
                builders[index].push(value).map_err(|why| Fault::value(index, why).at(number, &self.columns))
            })?;
            for fill in [&mut self.chunk, &mut self.group] {
                fill.rows += 1;
                fill.bytes += bytes;
            }
            let group_full = self.group.rows >= self.group_rows || self.group.bytes >= self.group_bytes;
            if group_full || self.chunk.rows >= CHUNK_ROWS || self.chunk.bytes >= CHUNK_BYTES {
                self.write_chunk()?;
            }
            if group_full {
                let flushed = self.writer(None)?.flush();
                flushed.map_err(|error| self.failure.or(failed(error)))?;
                self.ended_groups += 1;
                self.ended_rows += self.group.rows;
                self.group_rows = group_rows(self.asked_rows, self.ended_rows);
                self.group_bytes = group_bytes(self.least_bytes, self.columns.len(), self.ended_groups);
                self.group = Fill::default();
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.write_chunk()?;
        // A file without rows begins here.
        self.writer(None)?;
        let Output::Begun(writer) = self.output else {
            return Err(broken());
        };
        writer.into_inner().map_err(|error| self.failure.or(failed(error)))?.finish()
    }
}

/// Most rows of a row group with so many rows before it. It depends on the rows only, so the same rows give the same file.
fn group_rows(asked: usize, before: usize) -> usize {
    asked.max(before / GROUP_PART).min(*GROUP_ROWS.end())
}

/// Bytes of values after which a row group with so many groups before it ends: no fewer than are kept about those. With few bytes the
/// groups of a wide file, and with them what is kept, would follow its size.
fn group_bytes(least: usize, columns: usize, before: usize) -> usize {
    least.max(before.saturating_mul(columns).saturating_mul(KEPT_BYTES))
}

fn broken() -> Error {
    Error::new(&codes::format::WRITE, "an earlier write of this file failed")
}

/// What the library says.
fn failed(error: ParquetError) -> Error {
    Error::new(&codes::format::WRITE, error.to_string()).caused_by(error)
}

#[cfg(test)]
mod tests;
