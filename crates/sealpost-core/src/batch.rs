//! Rows in flight: typed cells, row after row, over one text arena and one byte arena.
//!
//! Text formats print a row at a time, so cells lie row by row (a columnar layout costs them twice the time; Parquet
//! builds its own columns). A batch is sealed off at about [`Batch::TARGET_BYTES`], so memory never follows the result.

use std::mem::take;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::temporal::{Clock, Date, DateTime, Time, Timestamp};

/// A place in an arena: offset and length in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    start: u32,
    len: u32,
}

/// A stored cell: 16 bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Cell {
    Null,
    Bool(bool),
    Int(i64),
    UInt(u64),
    Float(f64),
    Decimal(Span),
    Text(Span),
    Bytes(Span),
    Date(Date),
    Time(Time),
    DateTime(DateTime),
    /// Spread out, because the nested struct's padding would make every cell 20 bytes.
    Timestamp {
        micro: u32,
        year: u16,
        offset_minutes: i16,
        month: u8,
        day: u8,
        hour: u8,
        minute: u8,
        second: u8,
    },
}

/// One value of a row. NULL is a value of its own, distinct from the empty text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// SQL NULL.
    Null,
    /// True or false.
    Bool(bool),
    /// A signed integer.
    Int(i64),
    /// An unsigned integer.
    UInt(u64),
    /// A floating-point number; never NaN or infinite.
    Float(f64),
    /// An exact decimal, as `-?digits(.digits)?`.
    Decimal(&'a str),
    /// Text.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// A date.
    Date(Date),
    /// A span of time.
    Time(Time),
    /// A date with time.
    DateTime(DateTime),
    /// An instant.
    Timestamp(Timestamp),
}

/// A bounded run of rows.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    width: usize,
    first_row: u64,
    cells: Vec<Cell>,
    text: String,
    bytes: Vec<u8>,
}

impl Batch {
    /// Where a batch counts as full, in bytes of arenas and cells.
    pub const TARGET_BYTES: usize = 256 * 1024;

    /// An empty batch for rows of `width` values; `first_row` is the 0-based number of its first row in the result.
    /// It takes the memory of a batch that was dropped, if there is one.
    #[must_use]
    pub fn new(width: usize, first_row: u64) -> Self {
        let mut batch = pool()
            .pop()
            .map(|Buffers { cells, text, bytes }| Self { cells, text, bytes, ..Self::default() })
            .unwrap_or_default();
        batch.width = width;
        batch.clear(first_row);
        batch
    }

    /// Empties the batch for reuse, keeping its memory.
    pub fn clear(&mut self, first_row: u64) {
        self.first_row = first_row;
        self.cells.clear();
        self.text.clear();
        self.bytes.clear();
    }

    /// Appends the next value; `width` values make a row.
    pub fn push(&mut self, value: Value<'_>) {
        let cell = match value {
            Value::Null => Cell::Null,
            Value::Bool(value) => Cell::Bool(value),
            Value::Int(value) => Cell::Int(value),
            Value::UInt(value) => Cell::UInt(value),
            Value::Float(value) => Cell::Float(value),
            Value::Decimal(text) => Cell::Decimal(self.keep_text(text)),
            Value::Text(text) => Cell::Text(self.keep_text(text)),
            Value::Bytes(bytes) => {
                let start = self.bytes.len() as u32;
                self.bytes.extend_from_slice(bytes);
                Cell::Bytes(Span { start, len: bytes.len() as u32 })
            }
            Value::Date(value) => Cell::Date(value),
            Value::Time(value) => Cell::Time(value),
            Value::DateTime(value) => Cell::DateTime(value),
            Value::Timestamp(Timestamp { local: DateTime { date, clock }, offset_minutes }) => Cell::Timestamp {
                micro: clock.micro,
                year: date.year,
                offset_minutes,
                month: date.month,
                day: date.day,
                hour: clock.hour,
                minute: clock.minute,
                second: clock.second,
            },
        };
        self.cells.push(cell);
    }

    fn keep_text(&mut self, text: &str) -> Span {
        let start = self.text.len() as u32;
        self.text.push_str(text);
        Span { start, len: text.len() as u32 }
    }

    /// The number of the first row in the whole result, from 0.
    #[must_use]
    pub fn first_row(&self) -> u64 {
        self.first_row
    }

    /// How many complete rows it holds.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.cells.len().checked_div(self.width).unwrap_or(0)
    }

    /// Whether it holds no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// How much memory the rows take, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.cells.len() * size_of::<Cell>() + self.text.len() + self.bytes.len()
    }

    /// Whether it is time to hand the batch on.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.size() >= Self::TARGET_BYTES
    }

    /// The rows in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Row<'_>> {
        self.cells.chunks_exact(self.width.max(1)).map(move |cells| Row { batch: self, cells })
    }

    fn value(&self, cell: Cell) -> Value<'_> {
        match cell {
            Cell::Null => Value::Null,
            Cell::Bool(value) => Value::Bool(value),
            Cell::Int(value) => Value::Int(value),
            Cell::UInt(value) => Value::UInt(value),
            Cell::Float(value) => Value::Float(value),
            Cell::Decimal(span) => Value::Decimal(self.text_at(span)),
            Cell::Text(span) => Value::Text(self.text_at(span)),
            Cell::Bytes(span) => Value::Bytes(&self.bytes[span.start as usize..(span.start + span.len) as usize]),
            Cell::Date(value) => Value::Date(value),
            Cell::Time(value) => Value::Time(value),
            Cell::DateTime(value) => Value::DateTime(value),
            Cell::Timestamp { micro, year, offset_minutes, month, day, hour, minute, second } => {
                let local = DateTime { date: Date { year, month, day }, clock: Clock { hour, minute, second, micro } };
                Value::Timestamp(Timestamp { local, offset_minutes })
            }
        }
    }

    fn text_at(&self, span: Span) -> &str {
        // Spans are made by `keep_text` only, so they lie on character boundaries.
        self.text.get(span.start as usize..(span.start + span.len) as usize).unwrap_or_default()
    }
}

/// The memory of a batch.
struct Buffers {
    cells: Vec<Cell>,
    text: String,
    bytes: Vec<u8>,
}

/// Memory of dropped batches. A batch is made on one thread and dropped on another; left to the allocator, that
/// fragments its heap more and more the longer a report is, and the peak follows the number of rows.
static POOL: Mutex<Vec<Buffers>> = Mutex::new(Vec::new());
/// Enough for four reports at once; more is given back.
const POOLED: usize = 16;

fn pool() -> MutexGuard<'static, Vec<Buffers>> {
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Batch {
    fn drop(&mut self) {
        let capacity = self.cells.capacity() * size_of::<Cell>() + self.text.capacity() + self.bytes.capacity();
        // A batch with one huge value is not worth keeping.
        if (1..=4 * Self::TARGET_BYTES).contains(&capacity) {
            let mut pool = pool();
            if pool.len() < POOLED {
                let (cells, text, bytes) = (take(&mut self.cells), take(&mut self.text), take(&mut self.bytes));
                pool.push(Buffers { cells, text, bytes });
            }
        }
    }
}

/// One row of a batch.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    batch: &'a Batch,
    cells: &'a [Cell],
}

impl<'a> Row<'a> {
    /// The values in column order.
    pub fn values(self) -> impl ExactSizeIterator<Item = Value<'a>> {
        self.cells.iter().map(move |cell| self.batch.value(*cell))
    }

    /// The value of one column, NULL where there is no such column.
    #[must_use]
    pub fn get(self, column: usize) -> Value<'a> {
        self.cells.get(column).map_or(Value::Null, |cell| self.batch.value(*cell))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_stays_small() {
        assert_eq!(size_of::<Cell>(), 16);
    }

    #[test]
    fn values_come_back_in_order_and_null_is_not_empty() {
        let mut batch = Batch::new(3, 7);
        for value in [
            Value::Int(-1),
            Value::Text("Jörg"),
            Value::Null,
            Value::UInt(u64::MAX),
            Value::Text(""),
            Value::Bytes(&[0, 255]),
        ] {
            batch.push(value);
        }
        let rows: Vec<Vec<Value<'_>>> = batch.iter().map(|row| row.values().collect()).collect();
        assert_eq!(rows[0], [Value::Int(-1), Value::Text("Jörg"), Value::Null]);
        assert_eq!(rows[1], [Value::UInt(u64::MAX), Value::Text(""), Value::Bytes(&[0, 255])]);
        assert_eq!((batch.rows(), batch.first_row()), (2, 7));
    }
}
