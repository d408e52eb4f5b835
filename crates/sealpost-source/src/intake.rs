//! Rows into batches: every value converted to its column's type, every row past the fences.

use sealpost_core::batch::{Batch, Value};
use sealpost_core::column::{Column, ColumnKind};
use sealpost_core::error::codes::source::{COLUMNS, FOREIGN_ROW, TOO_MANY_ROWS, VALUE};
use sealpost_core::param::ParameterValue;
use sealpost_core::report::Query;
use sealpost_core::{Error, Result};

use crate::convert::{Mismatch, convert};
use crate::literal;
use crate::zone::Zone;

/// The database calls it text, and it has no characters.
pub(crate) const NOT_UTF8: Mismatch = "text that is not UTF-8";

/// What to do after a row.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Read on.
    Row,
    /// Hand the batch on, then read on.
    HandOn,
    /// The query's limit is reached: hand the batch on and stop.
    Stop,
}

/// Collects rows.
pub(crate) struct Intake {
    columns: Vec<Column>,
    batch: Batch,
    rows: u64,
    limit: u64,
    max_rows: u64,
    scope_column: usize,
    scope: ParameterValue,
    zone: Zone,
    scratch: String,
}

impl Intake {
    /// For the rows of a query.
    ///
    /// # Errors
    /// `SP-SOURCE-012` where the guard column is gone, `SP-CONFIG-003` for an unknown time zone.
    pub(crate) fn new(query: &Query) -> Result<Self> {
        let columns = query.report.columns.clone();
        let settings = &query.report.settings;
        let scope_column = match &settings.scope.column {
            None => usize::MAX,
            Some(name) => columns
                .iter()
                .position(|column| column.name == *name)
                .ok_or_else(|| Error::new(&COLUMNS, format!("`scope.column`: no column `{name}`")))?,
        };
        Ok(Self {
            batch: Batch::new(columns.len(), 0),
            columns,
            rows: 0,
            limit: query.limit.unwrap_or(u64::MAX),
            max_rows: settings.max_rows.unwrap_or(u64::MAX),
            scope_column,
            scope: query.scope.clone(),
            zone: Zone::parse(&settings.time_zone)?,
            scratch: String::new(),
        })
    }

    /// The columns.
    pub(crate) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Whether no row is wanted at all.
    pub(crate) fn wants_none(&self) -> bool {
        self.limit == 0
    }

    /// Begins a row.
    ///
    /// # Errors
    /// `SP-SOURCE-013` when it is one too many.
    pub(crate) fn begin_row(&self) -> Result<()> {
        if self.rows < self.max_rows {
            return Ok(());
        }
        Err(Error::new(&TOO_MANY_ROWS, format!("more than {} rows", self.max_rows)))
    }

    /// Takes the row's next value, which is of the column's type already.
    ///
    /// # Errors
    /// `SP-SOURCE-014`.
    #[inline(always)]
    pub(crate) fn push(&mut self, column: usize, value: Value<'_>) -> Result<()> {
        if column == self.scope_column && !is_scope(value, &self.scope) {
            return Err(self.foreign(column));
        }
        self.batch.push(value);
        Ok(())
    }

    /// Takes the row's next value, text of a text column. Whether it is UTF-8 is asked for a whole batch, by [`Intake::take`].
    ///
    /// # Errors
    /// `SP-SOURCE-014`, `SP-SOURCE-011` for a scope that is not UTF-8.
    #[inline]
    pub(crate) fn push_utf8(&mut self, column: usize, text: &[u8]) -> Result<()> {
        if column == self.scope_column {
            let text = std::str::from_utf8(text).map_err(|_| self.mismatch(column, NOT_UTF8))?;
            return self.push(column, Value::Text(text));
        }
        self.batch.push_utf8(text);
        Ok(())
    }

    /// Takes the row's next value, a decimal as the server writes it, and makes it one of the column's type.
    ///
    /// # Errors
    /// `SP-SOURCE-011` with row and column, `SP-SOURCE-014`.
    #[inline]
    pub(crate) fn push_decimal(&mut self, column: usize, text: &[u8]) -> Result<()> {
        match self.columns[column].kind {
            ColumnKind::Decimal { precision, scale }
                if column != self.scope_column && literal::is_plain_decimal(text, precision, scale) =>
            {
                self.batch.push_decimal(text);
                Ok(())
            }
            _ => {
                let text = std::str::from_utf8(text).map_err(|_| self.mismatch(column, NOT_UTF8))?;
                self.push_converted(column, Value::Decimal(text))
            }
        }
    }

    /// Takes the row's next value and makes it one of the column's type.
    ///
    /// # Errors
    /// `SP-SOURCE-011` with row and column, `SP-SOURCE-014`.
    #[inline(always)]
    pub(crate) fn push_converted(&mut self, column: usize, value: Value<'_>) -> Result<()> {
        // What most columns that need it have, in short.
        match (self.columns[column].kind, value) {
            (ColumnKind::Decimal { precision, scale }, Value::Decimal(text)) if column != self.scope_column => {
                match literal::decimal(text, precision, scale, &mut self.scratch) {
                    Ok(text) => self.batch.push(Value::Decimal(text)),
                    Err(reason) => return Err(self.mismatch(column, reason)),
                }
                Ok(())
            }
            (ColumnKind::DateTime { .. }, Value::DateTime(time)) if time.clock.micro == 0 => self.push(column, value),
            _ => self.convert_and_push(column, value),
        }
    }

    fn convert_and_push(&mut self, column: usize, value: Value<'_>) -> Result<()> {
        match convert(self.columns[column].kind, value, &mut self.zone, &mut self.scratch) {
            Ok(value) if column == self.scope_column && !is_scope(value, &self.scope) => Err(self.foreign(column)),
            Ok(value) => {
                self.batch.push(value);
                Ok(())
            }
            Err(reason) => Err(self.mismatch(column, reason)),
        }
    }

    /// Ends the row.
    #[inline]
    pub(crate) fn end_row(&mut self) -> Next {
        self.rows += 1;
        if self.rows >= self.limit {
            Next::Stop
        } else if self.batch.is_full() {
            Next::HandOn
        } else {
            Next::Row
        }
    }

    /// The rows so far, leaving an empty batch; `None` where there are none.
    ///
    /// # Errors
    /// `SP-SOURCE-011` with row and column, for text that is not UTF-8; with the row, where that is too large.
    pub(crate) fn take(&mut self) -> Result<Option<Batch>> {
        if self.batch.is_empty() {
            return Ok(None);
        }
        let batch = &self.batch;
        if !batch.has_places() {
            // A batch is handed on when it is full, long before: it was the last row.
            return Err(Error::new(&VALUE, format!("row {}: its values have 4 GiB or more", self.rows)));
        }
        batch.check().map_err(|(row, column)| self.wrong(batch.first_row() + row as u64, column, NOT_UTF8))?;
        Ok(Some(std::mem::replace(&mut self.batch, Batch::new(self.columns.len(), self.rows))))
    }

    /// A value of the row under way that can't be had.
    #[cold]
    pub(crate) fn mismatch(&self, column: usize, reason: Mismatch) -> Error {
        self.wrong(self.rows, column, reason)
    }

    /// Rows count from 1 for people.
    #[cold]
    fn wrong(&self, row: u64, column: usize, reason: Mismatch) -> Error {
        let name = self.columns.get(column).map_or("", |column| column.name.as_str());
        Error::new(&VALUE, format!("row {}, column `{name}`: {reason}", row + 1))
    }

    #[cold]
    fn foreign(&self, column: usize) -> Error {
        let name = &self.columns[column].name;
        Error::new(&FOREIGN_ROW, format!("row {}: `{name}` is not the partner's scope", self.rows + 1))
    }
}

/// Whether a cell is the scope: exactly, where SQL's own comparison may ignore case and trailing blanks.
fn is_scope(value: Value<'_>, scope: &ParameterValue) -> bool {
    match (value, scope) {
        (Value::Text(text) | Value::Decimal(text), ParameterValue::String(scope)) => text == scope,
        (Value::Int(number), ParameterValue::Integer(scope)) => number == *scope,
        (Value::UInt(number), ParameterValue::Integer(scope)) => i128::from(number) == i128::from(*scope),
        (Value::Int(number), ParameterValue::String(scope)) => scope.parse() == Ok(number),
        (Value::UInt(number), ParameterValue::String(scope)) => scope.parse() == Ok(number),
        // `042` may be another partner's code, and the database takes both for the same number.
        (Value::Text(text), ParameterValue::Integer(scope)) => text == scope.to_string(),
        (Value::Decimal(text), ParameterValue::Integer(scope)) => text.parse() == Ok(*scope),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
