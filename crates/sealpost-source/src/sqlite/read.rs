//! Rows of a running query into batches.

use futures::TryStreamExt;
use sealpost_core::Result;
use sealpost_core::batch::Value;
use sqlx::sqlite::{SqliteArguments, SqliteRow, SqliteValueRef};
use sqlx::{Connection, Decode, Either, Executor, Row, SqlStr, Sqlite, TypeInfo, ValueRef};

use super::connect::Session;
use super::failure::{Phase, failure};
use crate::convert::Mismatch;
use crate::intake::{Intake, NOT_UTF8, Next};
use crate::stream::{Mouth, Said};

/// Reads to the end and says how it ended.
pub(super) async fn read(mut session: Session, sql: SqlStr, arguments: SqliteArguments, intake: Intake, mouth: Mouth) {
    let ended = rows(&mut session, sql, arguments, intake, &mouth).await;
    let Session { stop, connection } = session;
    drop(stop);
    // Waits for SQLite's thread: when the consumer hears of the end, the file is closed.
    drop(connection.close().await);
    mouth.say(ended.map(|()| Said::End)).await;
}

async fn rows(
    session: &mut Session,
    sql: SqlStr,
    arguments: SqliteArguments,
    mut intake: Intake,
    mouth: &Mouth,
) -> Result<()> {
    if intake.wants_none() {
        return Ok(());
    }
    let query = sqlx::query_with::<Sqlite, _>(sql, arguments);
    let mut steps = session.connection.fetch_many(query);
    let mut done = false;
    while let Some(step) = steps.try_next().await.map_err(|error| failure(error, Phase::Run))? {
        let Either::Right(row) = step else {
            done = true;
            continue;
        };
        intake.begin_row()?;
        take(&row, &mut intake)?;
        let next = intake.end_row();
        if next != Next::Row && !hand_on(&mut intake, mouth).await? || next == Next::Stop {
            return Ok(());
        }
    }
    // SQLite's thread says when it is done. Rows that end without that end because the thread has panicked.
    if !done {
        return Err(failure(sqlx::Error::WorkerCrashed, Phase::Run));
    }
    hand_on(&mut intake, mouth).await?;
    Ok(())
}

async fn hand_on(intake: &mut Intake, mouth: &Mouth) -> Result<bool> {
    Ok(match intake.take()? {
        Some(batch) => mouth.say(Ok(Said::Rows(batch))).await,
        None => true,
    })
}

fn take(row: &SqliteRow, intake: &mut Intake) -> Result<()> {
    for column in 0..row.len() {
        let raw = row.try_get_raw(column).map_err(|error| failure(error, Phase::Run))?;
        let value = value(raw).map_err(|reason| intake.mismatch(column, reason))?;
        intake.push_converted(column, value)?;
    }
    Ok(())
}

fn value(raw: SqliteValueRef<'_>) -> Result<Value<'_>, Mismatch> {
    const TYPE: Mismatch = "SQLite sent a value of an unknown type";
    if raw.is_null() {
        return Ok(Value::Null);
    }
    let info = raw.type_info().into_owned();
    Ok(match info.name() {
        "INTEGER" => Value::Int(Decode::<'_, Sqlite>::decode(raw).map_err(|_| TYPE)?),
        "REAL" => Value::Float(Decode::<'_, Sqlite>::decode(raw).map_err(|_| TYPE)?),
        "TEXT" => Value::Text(Decode::<'_, Sqlite>::decode(raw).map_err(|_| NOT_UTF8)?),
        "BLOB" => Value::Bytes(Decode::<'_, Sqlite>::decode(raw).map_err(|_| TYPE)?),
        _ => return Err(TYPE),
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use sealpost_core::column::{Column, ColumnKind};
    use sealpost_core::error::codes::source::BROKEN;
    use sealpost_core::param::{ParameterValue, ParameterValues};
    use sealpost_core::port::RowStream;
    use sealpost_core::report::{Query, ReportType};
    use serde_json::json;
    use sqlx::sqlite::SqliteConnectOptions;
    use sqlx::{ConnectOptions, SqlSafeStr};

    use super::*;
    use crate::SqliteSettings;
    use crate::sqlite::connect;
    use crate::stream::TaskStream;

    async fn execute(path: &Path, sql: &'static str) {
        let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
        let mut connection = options.connect().await.unwrap();
        connection.execute(sqlx::raw_sql(sql)).await.unwrap();
        connection.close().await.unwrap();
    }

    /// For rows of one number.
    fn intake() -> Intake {
        let report = ReportType {
            id: "report.v1".parse().unwrap(),
            sql: "".into(),
            settings: serde_json::from_value(json!({ "title": "a report" })).unwrap(),
            columns: vec![Column::new("a".to_owned(), ColumnKind::Integer)],
        };
        let scope = ParameterValue::String("x".to_owned());
        Intake::new(&Query { report: Arc::new(report), scope, parameters: ParameterValues::new(), limit: None })
            .unwrap()
    }

    #[tokio::test]
    async fn a_thread_of_sqlite_that_dies_is_no_end_of_the_rows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        execute(&path, "CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1), (2)").await;
        let mut session = connect::session(&SqliteSettings { path: path.clone() }, 60).await.unwrap();
        let sql = "SELECT * FROM t".into_sql_str();
        drop(session.connection.prepare(sql.clone()).await.unwrap());
        // The driver does not expect a row with more columns than were prepared, and panics.
        execute(&path, "ALTER TABLE t ADD COLUMN b INTEGER").await;
        let arguments = SqliteArguments::default();
        let mut stream = TaskStream::start(|mouth| read(session, sql, arguments, intake(), mouth));
        let error = stream.next().await.unwrap_err();
        assert!(error.is(&BROKEN) && error.is_retried(), "{error}");
    }
}
