//! Rows of a running query into batches.

use futures::TryStreamExt;
use sealpost_core::Result;
use sealpost_core::batch::Value;
use sqlx::sqlite::{SqliteArguments, SqliteRow, SqliteValueRef};
use sqlx::{Connection, Decode, Row, SqlStr, Sqlite, TypeInfo, ValueRef};

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
    let mut rows = sqlx::query_with::<Sqlite, _>(sql, arguments).fetch(&mut session.connection);
    while let Some(row) = rows.try_next().await.map_err(|error| failure(error, Phase::Run))? {
        intake.begin_row()?;
        take(&row, &mut intake)?;
        let next = intake.end_row();
        if next != Next::Row && !hand_on(&mut intake, mouth).await? || next == Next::Stop {
            return Ok(());
        }
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
