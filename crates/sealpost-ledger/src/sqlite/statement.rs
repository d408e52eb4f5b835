//! One statement: its text, what is bound to it in order, and what its rows give.
//!
//! A statement is prepared once for each connection and text. It runs on the thread that asks: most take a few microseconds, less
//! than it costs to hand them to another thread and to wait for it.

use std::borrow::Cow;
use std::marker::PhantomData;

use rusqlite::types::{FromSql, ToSqlOutput};
use rusqlite::{Connection, Result, Row};

/// A statement whose rows don't matter.
pub(super) fn query<'a>(sql: impl Into<Cow<'a, str>>) -> Statement<'a, ()> {
    Statement { sql: sql.into(), bound: Vec::new(), row: PhantomData }
}

/// A statement whose rows have one column, or of which only the first one matters.
pub(super) fn query_scalar<'a, T: FromSql>(sql: impl Into<Cow<'a, str>>) -> Statement<'a, Scalar<T>> {
    Statement { sql: sql.into(), bound: Vec::new(), row: PhantomData }
}

/// A statement whose rows are tuples.
pub(super) fn query_as<'a, T: Columns>(sql: impl Into<Cow<'a, str>>) -> Statement<'a, Tuple<T>> {
    Statement { sql: sql.into(), bound: Vec::new(), row: PhantomData }
}

/// What can be made of a row.
pub(super) trait FromRow {
    /// What it is made into.
    type Value;

    fn from_row(row: &Row<'_>) -> Result<Self::Value>;
}

/// The first column.
pub(super) struct Scalar<T>(PhantomData<T>);

impl<T: FromSql> FromRow for Scalar<T> {
    type Value = T;

    fn from_row(row: &Row<'_>) -> Result<T> {
        row.get(0)
    }
}

/// All columns.
pub(super) struct Tuple<T>(PhantomData<T>);

impl<T: Columns> FromRow for Tuple<T> {
    type Value = T;

    fn from_row(row: &Row<'_>) -> Result<T> {
        T::of(row)
    }
}

/// A tuple of what columns can be.
pub(super) trait Columns: Sized {
    fn of(row: &Row<'_>) -> Result<Self>;
}

macro_rules! tuples {
    ($(($($column:ident $index:tt),+))+) => {$(
        impl<$($column: FromSql),+> Columns for ($($column,)+) {
            fn of(row: &Row<'_>) -> Result<Self> {
                Ok(($(row.get::<_, $column>($index)?,)+))
            }
        }
    )+};
}

tuples! {
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
    (A 0, B 1, C 2, D 3, E 4, F 5)
}

/// Text, and values for its parameters: `?` and `?1`, both by their position.
pub(super) struct Statement<'a, R> {
    sql: Cow<'a, str>,
    bound: Vec<ToSqlOutput<'a>>,
    row: PhantomData<fn() -> R>,
}

/// What can be bound. Text is borrowed where it can be.
pub(super) trait Bind<'a> {
    fn bind(self) -> ToSqlOutput<'a>;
}

impl<'a> Bind<'a> for &'a str {
    fn bind(self) -> ToSqlOutput<'a> {
        ToSqlOutput::Borrowed(self.into())
    }
}

impl<'a> Bind<'a> for &'a String {
    fn bind(self) -> ToSqlOutput<'a> {
        self.as_str().bind()
    }
}

impl<'a> Bind<'a> for String {
    fn bind(self) -> ToSqlOutput<'a> {
        ToSqlOutput::Owned(self.into())
    }
}

impl<'a> Bind<'a> for i64 {
    fn bind(self) -> ToSqlOutput<'a> {
        ToSqlOutput::Owned(self.into())
    }
}

impl<'a> Bind<'a> for bool {
    fn bind(self) -> ToSqlOutput<'a> {
        ToSqlOutput::Owned(self.into())
    }
}

impl<'a, T: Bind<'a>> Bind<'a> for Option<T> {
    fn bind(self) -> ToSqlOutput<'a> {
        self.map_or(ToSqlOutput::Owned(rusqlite::types::Value::Null), Bind::bind)
    }
}

impl<'a, R> Statement<'a, R> {
    /// A value for the next parameter.
    pub(super) fn bind(mut self, value: impl Bind<'a>) -> Self {
        self.bound.push(value.bind());
        self
    }

    /// More text. Nothing that anybody said may be part of it.
    pub(super) fn push(&mut self, sql: &str) -> &mut Self {
        self.sql.to_mut().push_str(sql);
        self
    }

    /// A parameter with its value.
    pub(super) fn push_bind(&mut self, value: impl Bind<'a>) -> &mut Self {
        self.sql.to_mut().push('?');
        self.bound.push(value.bind());
        self
    }

    /// The text.
    #[cfg(test)]
    pub(super) fn sql(&self) -> &str {
        &self.sql
    }

    /// Runs it, and tells how many rows it changed.
    pub(super) fn execute(self, connection: &Connection) -> Result<u64> {
        let mut statement = connection.prepare_cached(&self.sql)?;
        let changed = statement.execute(rusqlite::params_from_iter(&self.bound))?;
        Ok(changed as u64)
    }
}

impl<R: FromRow> Statement<'_, R> {
    /// Runs it to its first row.
    ///
    /// # Errors
    /// When there is none, too.
    pub(super) fn fetch_one(self, connection: &Connection) -> Result<R::Value> {
        self.fetch_optional(connection)?.ok_or(rusqlite::Error::QueryReturnedNoRows)
    }

    /// Runs it to its first row, if it has one.
    pub(super) fn fetch_optional(self, connection: &Connection) -> Result<Option<R::Value>> {
        let mut statement = connection.prepare_cached(&self.sql)?;
        let mut rows = statement.query(rusqlite::params_from_iter(&self.bound))?;
        rows.next()?.map(R::from_row).transpose()
    }

    /// All rows.
    pub(super) fn fetch_all(self, connection: &Connection) -> Result<Vec<R::Value>> {
        let mut statement = connection.prepare_cached(&self.sql)?;
        let mut rows = statement.query(rusqlite::params_from_iter(&self.bound))?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push(R::from_row(row)?);
        }
        Ok(all)
    }
}
