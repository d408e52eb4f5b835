//! Rows in flight: typed cells, row after row, over one text arena and one byte arena.
//!
//! Text formats print a row at a time, so cells lie row by row (a columnar layout costs them twice the time; Parquet
//! builds its own columns). A batch is sealed off at about [`Batch::TARGET_BYTES`], so memory never follows the result.

use std::mem::take;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::append::append;
use crate::temporal::{Clock, Date, DateTime, Time, Timestamp};

/// A place in an arena: offset and length in bytes. See [`Batch::has_places`].
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
    /// UTF-8, unless [`Batch::check`] says otherwise.
    text: Vec<u8>,
    bytes: Vec<u8>,
    /// Whether a text began with the rest of a character: then the arena as a whole says nothing of its texts.
    torn: bool,
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
        self.torn = false;
    }

    /// Appends the next value; `width` values make a row.
    // Always, so that a caller who knows the kind of the value has only the code for that kind.
    #[inline(always)]
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

    /// Appends text that whoever sent it says is UTF-8. Ask [`Batch::check`] before the rows are read: all texts of a batch at once
    /// are checked in a fraction of the time that one after the other takes.
    #[inline]
    pub fn push_utf8(&mut self, text: &[u8]) {
        // A whole arena that is UTF-8, and no text that begins within a character: then each text is UTF-8.
        self.torn |= text.first().is_some_and(|byte| byte & 0xC0 == 0x80);
        let span = self.keep(text);
        self.cells.push(Cell::Text(span));
    }

    /// Appends an exact decimal, of which the caller has seen that it is written as [`Value::Decimal`] says: in ASCII.
    #[inline]
    pub fn push_decimal(&mut self, text: &[u8]) {
        let span = self.keep(text);
        self.cells.push(Cell::Decimal(span));
    }

    /// Whether every text is UTF-8.
    ///
    /// # Errors
    /// Row and column, both from 0 and within the batch, of the first one that is not.
    pub fn check(&self) -> Result<(), (usize, usize)> {
        if !self.torn && simdutf8::basic::from_utf8(&self.text).is_ok() {
            return Ok(());
        }
        let broken = |cell: &Cell| match cell {
            Cell::Text(Span { start, len }) => {
                std::str::from_utf8(&self.text[*start as usize..(*start + *len) as usize]).is_err()
            }
            _ => false,
        };
        let at = self.cells.iter().position(broken).unwrap_or(0);
        Err((at / self.width.max(1), at % self.width.max(1)))
    }

    #[inline(always)]
    fn keep_text(&mut self, text: &str) -> Span {
        self.keep(text.as_bytes())
    }

    #[inline]
    fn keep(&mut self, text: &[u8]) -> Span {
        let start = self.text.len() as u32;
        append(text, &mut self.text);
        Span { start, len: text.len() as u32 }
    }

    /// Whether every value has a place: one row may have more text, or more bytes, than places reach, and would be read back as another. A
    /// batch only grows, so its end tells, and no value has to be looked at.
    #[must_use]
    pub fn has_places(&self) -> bool {
        reaches(self.text.len()) && reaches(self.bytes.len())
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
    #[inline]
    #[must_use]
    pub fn size(&self) -> usize {
        self.cells.len() * size_of::<Cell>() + self.text.len() + self.bytes.len()
    }

    /// Whether it is time to hand the batch on.
    #[inline]
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.size() >= Self::TARGET_BYTES
    }

    /// The rows in order. Of a batch that [`Batch::check`] refuses, every text is empty.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Row<'_>> {
        // Once more, because only a checked arena gives `str` without `unsafe`; it takes a hundredth of what the rows take.
        let text = simdutf8::basic::from_utf8(&self.text).unwrap_or_default();
        let arenas = Arenas { text, bytes: &self.bytes };
        self.cells.chunks_exact(self.width.max(1)).map(move |cells| Row { arenas, cells })
    }
}

/// Whether a [`Span`] can lie anywhere in an arena of this length.
fn reaches(arena: usize) -> bool {
    u32::try_from(arena).is_ok()
}

/// What cells point into.
#[derive(Clone, Copy)]
struct Arenas<'a> {
    text: &'a str,
    bytes: &'a [u8],
}

impl<'a> Arenas<'a> {
    #[inline]
    fn value(self, cell: Cell) -> Value<'a> {
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

    #[inline(always)]
    fn text_at(self, span: Span) -> &'a str {
        // Spans are made by `keep` only, so they lie on character boundaries where `check` is content.
        self.text.get(span.start as usize..(span.start + span.len) as usize).unwrap_or_default()
    }
}

/// The memory of a batch.
struct Buffers {
    cells: Vec<Cell>,
    text: Vec<u8>,
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
    arenas: Arenas<'a>,
    cells: &'a [Cell],
}

impl<'a> Row<'a> {
    /// The values in column order.
    #[inline]
    pub fn values(self) -> impl ExactSizeIterator<Item = Value<'a>> {
        self.cells.iter().map(move |cell| self.arenas.value(*cell))
    }

    /// Gives each value with the number of its column to a function, until that fails. Formats use this one: the function is called for each
    /// kind of value in a place of its own, where the compiler knows which kind it is. A value that an iterator hands on is put together in
    /// memory, in small pieces, and fetched in large ones, for which the processor waits: a third of the time of formatting.
    ///
    /// # Errors
    /// What the function says.
    #[inline(always)]
    pub fn try_each<E>(self, mut take: impl FnMut(usize, Value<'a>) -> Result<(), E>) -> Result<(), E> {
        for (column, cell) in self.cells.iter().enumerate() {
            match *cell {
                Cell::Null => take(column, Value::Null)?,
                Cell::Text(span) => take(column, Value::Text(self.arenas.text_at(span)))?,
                Cell::Decimal(span) => take(column, Value::Decimal(self.arenas.text_at(span)))?,
                Cell::Int(value) => take(column, Value::Int(value))?,
                Cell::UInt(value) => take(column, Value::UInt(value))?,
                Cell::Date(value) => take(column, Value::Date(value))?,
                Cell::DateTime(value) => take(column, Value::DateTime(value))?,
                seldom => take(column, self.arenas.value(seldom))?,
            }
        }
        Ok(())
    }

    /// The value of one column, NULL where there is no such column.
    #[must_use]
    pub fn get(self, column: usize) -> Value<'a> {
        self.cells.get(column).map_or(Value::Null, |cell| self.arenas.value(*cell))
    }
}

#[cfg(test)]
mod tests;
