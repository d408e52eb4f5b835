//! Rows out of a database.

use async_trait::async_trait;

use crate::batch::Batch;
use crate::column::Column;
use crate::error::Result;
use crate::report::{Query, ReportType};

/// Runs one read-only query in one consistent snapshot and yields its rows in batches, in constant memory.
#[async_trait]
pub trait Source: Send + Sync {
    /// Checks of a report type what takes no connection: it is one read-only query, it uses the partner scope, its `:names` are the
    /// declared parameters.
    ///
    /// # Errors
    /// `SP-SOURCE-007` to `SP-SOURCE-010` with the line in the SQL file; `SP-CONFIG-003` for an unknown time zone.
    fn parse(&self, report: &ReportType) -> Result<()>;

    /// Checks a report type without running it — it is one read-only query, it uses the partner scope, its `:names`
    /// are the declared parameters, it prepares — and returns its columns, refined by `settings.columns`.
    ///
    /// # Errors
    /// `SP-SOURCE-007` to `SP-SOURCE-012` with the line in the SQL file; `SP-SOURCE-001` to `-003` for the connection.
    async fn describe(&self, report: &ReportType) -> Result<Vec<Column>>;

    /// Starts the query. Dropping the stream, at any time, ends the query on the server.
    ///
    /// # Errors
    /// When it can't be started. `SP-SOURCE-012` when the columns are no longer those of the report type.
    async fn open(&self, query: &Query) -> Result<Box<dyn RowStream>>;

    /// About how many rows the query would give, without running it to its end. `None` where the database can't tell.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    async fn estimate(&self, query: &Query) -> Result<Option<Estimate>> {
        let _ = query;
        Ok(None)
    }

    /// Does what a job does, with a query of no rows: connects, begins a read-only snapshot, selects.
    ///
    /// # Errors
    /// What a job would meet.
    async fn check(&self) -> Result<()>;
}

/// How many rows a query would give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// Rows.
    pub rows: u64,
    /// Whether they were counted, not guessed.
    pub exact: bool,
}

/// The rows of a running query.
#[async_trait]
pub trait RowStream: Send {
    /// The next batch, never empty; `None` once, after the server said that the result is complete.
    ///
    /// # Errors
    /// A connection that breaks mid-result, a time limit, a value that can't be represented. Never a silent end.
    async fn next(&mut self) -> Result<Option<Batch>>;
}
