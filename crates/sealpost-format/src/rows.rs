//! Rows of text into a sink in large blocks: what all text formats share.

use std::borrow::Cow;
use std::io::Write;

use sealpost_core::batch::{Batch, Row};
use sealpost_core::column::Column;
use sealpost_core::error::{Code, Result, codes};
use sealpost_core::port::format::RowWriter;
use sealpost_core::sink::ByteSink;
use sealpost_core::{Error, port};

/// Bytes that are gathered before the sink gets them. One write per block keeps the sinks behind cheap.
const BLOCK: usize = 128 * 1024;

/// A cell that can't be written: which column, and why, without the value.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) column: usize,
    pub(crate) code: &'static Code,
    pub(crate) why: Cow<'static, str>,
}

impl Fault {
    /// A value that the format does not have.
    pub(crate) fn value(column: usize, why: impl Into<Cow<'static, str>>) -> Self {
        Self { column, code: &codes::format::VALUE, why: why.into() }
    }

    /// The error of the port. `row` counts from 0 in the whole result; people count from 1.
    pub(crate) fn at(self, row: u64, columns: &[Column]) -> Error {
        let name = columns.get(self.column).map_or("?", |column| column.name.as_str());
        Error::new(self.code, format!("row {}, column `{name}`: {}", row + 1, self.why))
    }
}

/// A sink with a buffer in front.
pub(crate) struct Blocks {
    pub(crate) buffer: Vec<u8>,
    sink: Box<dyn ByteSink>,
}

impl Blocks {
    pub(crate) fn new(sink: Box<dyn ByteSink>) -> Self {
        Self { buffer: Vec::with_capacity(BLOCK + BLOCK / 4), sink }
    }

    /// Hands the buffer on when it is a block. Asked after each row, never at the end of a batch: so the calls that
    /// the sink sees depend on the rows only, not on how they were batched.
    #[inline]
    pub(crate) fn row_done(&mut self) -> Result<()> {
        if self.buffer.len() >= BLOCK { self.write_out() } else { Ok(()) }
    }

    /// Whole blocks only: who frames them in pieces of a size then has nothing of them left to keep.
    #[cold]
    fn write_out(&mut self) -> Result<()> {
        let whole = self.buffer.len() - self.buffer.len() % BLOCK;
        self.write(whole)?;
        self.buffer.drain(..whole);
        // One huge value must not keep its memory for the rest of the file.
        self.buffer.shrink_to(4 * BLOCK);
        Ok(())
    }

    fn write(&mut self, length: usize) -> Result<()> {
        self.sink.write_all(&self.buffer[..length]).map_err(|error| Error::from_io(error, &codes::format::WRITE))
    }

    pub(crate) fn finish(mut self) -> Result<()> {
        self.write(self.buffer.len())?;
        self.sink.finish()
    }
}

/// How a text format writes one row.
pub(crate) trait RowText: Send {
    /// Appends the row to `out`.
    fn row(&mut self, row: Row<'_>, out: &mut Vec<u8>) -> Result<(), Fault>;

    /// Appends what comes after the last row.
    fn tail(&mut self, _out: &mut Vec<u8>) {}
}

/// A file of a text format being written.
pub(crate) struct TextFile<T> {
    blocks: Blocks,
    columns: Vec<Column>,
    text: T,
}

impl<T: RowText + 'static> TextFile<T> {
    /// Begins a file with `head`.
    pub(crate) fn begin(columns: &[Column], head: &[u8], text: T, sink: Box<dyn ByteSink>) -> Box<dyn port::RowWriter> {
        let mut blocks = Blocks::new(sink);
        blocks.buffer.extend_from_slice(head);
        Box::new(Self { blocks, columns: columns.to_vec(), text })
    }
}

impl<T: RowText> RowWriter for TextFile<T> {
    fn write(&mut self, batch: &Batch) -> Result<()> {
        for (number, row) in (batch.first_row()..).zip(batch.iter()) {
            let written = self.text.row(row, &mut self.blocks.buffer);
            written.map_err(|fault| fault.at(number, &self.columns))?;
            self.blocks.row_done()?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.text.tail(&mut self.blocks.buffer);
        self.blocks.finish()
    }
}
