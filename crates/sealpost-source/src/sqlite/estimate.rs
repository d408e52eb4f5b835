//! How many rows a query would give: SQLite keeps no figures that would tell, so they are counted, up to a bound.

use sealpost_core::Result;
use sealpost_core::error::codes::source::STATEMENT_TIMEOUT;
use sealpost_core::port::Estimate;
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Executor, Row, SqlSafeStr, Sqlite};

use super::connect::{self, Session};
use super::failure::{Phase, failure};

/// More are not counted: somebody waits for the answer.
const MOST: u64 = 100_000;
/// Seconds after which counting is given up.
pub(super) const PATIENCE_S: u64 = 5;

/// Counts in a snapshot of its own.
pub(super) async fn estimate(mut session: Session, sql: &str, arguments: SqliteArguments) -> Result<Option<Estimate>> {
    connect::begin(&mut session).await?;
    // On lines of its own: the query may end in a comment.
    let counting = format!("SELECT COUNT(*) FROM (SELECT 1 FROM (\n{sql}\n) LIMIT {})", MOST + 1);
    let query = sqlx::query_with::<Sqlite, _>(AssertSqlSafe(counting).into_sql_str(), arguments);
    let counted = session.connection.fetch_one(query).await.and_then(|row| row.try_get::<i64, _>(0));
    match counted.map_err(|error| failure(error, Phase::Run)) {
        Ok(rows) => {
            let rows = u64::try_from(rows).unwrap_or_default();
            Ok(Some(Estimate { rows: rows.min(MOST), exact: rows <= MOST }))
        }
        Err(error) if error.is(&STATEMENT_TIMEOUT) => Ok(None),
        Err(error) => Err(error),
    }
}
