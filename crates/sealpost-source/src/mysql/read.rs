//! Rows of a running query into batches.

use std::sync::atomic::{AtomicBool, Ordering};

use futures::{StreamExt, TryStreamExt};
use sealpost_core::batch::Value;
use sealpost_core::error::codes::source::{COLUMNS, STATEMENT_TIMEOUT};
use sealpost_core::{Error, Result};
use sqlx::mysql::{MySqlArguments, MySqlRow};
use sqlx::{Column, Connection, Decode, Either, Executor, MySql, Row, SqlStr};

use super::connect::{GRACE, Session, within};
use super::decode;
use super::failure::{Phase, failure, number};
use super::meta::{Meta, Wire, is_natural};
use super::warnings;
use crate::intake::{Intake, Next};
use crate::shape;
use crate::stream::{Mouth, Said};

/// Reads to the end and says how it ended.
pub(super) async fn read(
    mut session: Session,
    sql: SqlStr,
    arguments: MySqlArguments,
    intake: Intake,
    mouth: Mouth,
    timeout_s: u64,
) {
    session.kill.arm();
    let is_handing_on = AtomicBool::new(false);
    let mut ended = within(timeout_s, rows(&mut session, sql, arguments, intake, &mouth, &is_handing_on)).await;
    // Cut off there, it was the consumer who let the time go by. What the server said about its limit was not read.
    if is_handing_on.load(Ordering::Relaxed) {
        ended = Err(Error::new(&STATEMENT_TIMEOUT, format!("its rows were not all taken within {timeout_s} s")));
    }
    // Without a disarmed `session.kill` the query is killed now, before the consumer hears of the end.
    let Session { connection, kill } = session;
    let over = ended.is_ok() && !kill.is_armed();
    drop(kill);
    mouth.say(ended.map(|()| Said::End)).await;
    if over {
        // A goodbye spares the server a line in its log.
        drop(tokio::time::timeout(GRACE, connection.close()).await);
    }
}

async fn rows(
    session: &mut Session,
    sql: SqlStr,
    arguments: MySqlArguments,
    mut intake: Intake,
    mouth: &Mouth,
    is_handing_on: &AtomicBool,
) -> Result<()> {
    if intake.wants_none() {
        session.kill.disarm();
        return Ok(());
    }
    let Session { connection, kill } = session;
    // Not `fetch`: that is this and a stream of its own around it, for every row.
    let mut rows = (&mut *connection).fetch_many(sqlx::query_with::<MySql, _>(sql, arguments)).fuse();
    let mut plan: Vec<Cell> = Vec::new();
    loop {
        let row = match rows.try_next().await {
            Ok(Some(Either::Right(row))) => row,
            Ok(Some(Either::Left(_))) => continue,
            Ok(None) => break,
            Err(error) => {
                // What the server itself ended need not be killed.
                if number(&error).is_some() {
                    kill.disarm();
                }
                return Err(failure(error, Phase::Run));
            }
        };
        if plan.is_empty() {
            plan = plan_of(&row, &intake)?;
        }
        intake.begin_row()?;
        take(&row, &plan, &mut intake)?;
        match intake.end_row() {
            Next::Row => {}
            Next::HandOn => {
                if !hand_on(&mut intake, mouth, is_handing_on).await? {
                    return Ok(());
                }
            }
            Next::Stop => {
                hand_on(&mut intake, mouth, is_handing_on).await?;
                return Ok(());
            }
        }
    }
    drop(rows);
    kill.disarm();
    warnings::check(connection).await?;
    hand_on(&mut intake, mouth, is_handing_on).await?;
    Ok(())
}

async fn hand_on(intake: &mut Intake, mouth: &Mouth, is_handing_on: &AtomicBool) -> Result<bool> {
    let Some(batch) = intake.take()? else { return Ok(true) };
    is_handing_on.store(true, Ordering::Relaxed);
    let is_heard = mouth.say(Ok(Said::Rows(batch))).await;
    is_handing_on.store(false, Ordering::Relaxed);
    Ok(is_heard)
}

/// How to read a column.
#[derive(Clone, Copy)]
struct Cell {
    wire: Wire,
    natural: bool,
}

/// From the first row on: only the executed statement has the final types. Its columns may be others than when it was
/// prepared: the server prepares it again where a table or view has changed meanwhile.
fn plan_of(row: &MySqlRow, intake: &Intake) -> Result<Vec<Cell>> {
    let columns = row.columns();
    shape::agree(columns.iter().map(Column::name), intake.columns())?;
    let cell = |(column, wanted): (&sqlx::mysql::MySqlColumn, &sealpost_core::column::Column)| {
        let unknown = || Error::new(&COLUMNS, format!("the column `{}` has a type that is not known", wanted.name));
        let meta = Meta::of(column.type_info()).ok_or_else(unknown)?;
        Ok(Cell { wire: meta.wire, natural: is_natural(meta.wire, wanted.kind) })
    };
    columns.iter().zip(intake.columns()).map(cell).collect()
}

fn take(row: &MySqlRow, plan: &[Cell], intake: &mut Intake) -> Result<()> {
    for (column, cell) in plan.iter().enumerate() {
        let raw = row.try_get_raw(column).map_err(|error| failure(error, Phase::Run))?;
        // Without looking at the type, this is the value's bytes as they came, and an error for NULL only. (The
        // driver's own `is_null` takes MySQL's zero dates for NULL.)
        let Ok(bytes) = <&[u8] as Decode<'_, MySql>>::decode(raw) else {
            intake.push(column, Value::Null)?;
            continue;
        };
        if cell.natural && cell.wire == Wire::Text {
            intake.push_utf8(column, bytes)?;
            continue;
        }
        if cell.wire == Wire::Decimal {
            intake.push_decimal(column, bytes)?;
            continue;
        }
        let pushed = decode::value(cell.wire, bytes, |value| {
            if cell.natural { intake.push(column, value) } else { intake.push_converted(column, value) }
        });
        pushed.map_err(|reason| intake.mismatch(column, reason))??;
    }
    Ok(())
}
