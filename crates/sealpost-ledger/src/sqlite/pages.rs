//! Lists of records: newest first, by a cursor that inserts don't move.

use sealpost_core::error::{FieldError, codes};
use sealpost_core::{Error, Result};
use serde::de::DeserializeOwned;

use super::statement::{Scalar, Statement, query_scalar};
use super::value::decode;
use super::{Connection, fault};

/// A table with an `id`, a time and a `record`.
pub(super) struct List {
    /// Its name.
    pub(super) table: &'static str,
    /// The column of the time that it is ordered by.
    pub(super) time: &'static str,
    /// What one of its records is, with the article.
    pub(super) what: &'static str,
}

/// Which page of it.
pub(super) struct Asked<'a> {
    /// Columns that never change for a record, and what they must be, if anything.
    pub(super) owners: &'a [(&'static str, Option<&'a str>)],
    /// In this status only. A cursor stays good when its record has moved to another one.
    pub(super) status: Option<&'a str>,
    /// Continue after the record of this id.
    pub(super) after: Option<&'a str>,
    /// The time of that record, where it is known: then the record is not looked for.
    pub(super) after_at: Option<i64>,
    /// Most records.
    pub(super) limit: u32,
}

/// The records, and whether there are more.
pub(super) fn page<T: DeserializeOwned>(
    connection: &Connection,
    list: &List,
    asked: &Asked<'_>,
) -> Result<(Vec<T>, bool)> {
    let limit = asked.limit.clamp(1, 100);
    let from = match (asked.after, asked.after_at) {
        (Some(after), Some(at)) => Some((at, after)),
        (Some(after), None) => Some((position(connection, list, asked, after)?, after)),
        (None, _) => None,
    };
    // One more than asked for, to know whether there are more.
    let sql = select(list, asked, from, i64::from(limit) + 1);
    let mut records = sql.fetch_all(connection).map_err(fault::read)?;
    let more = records.len() > limit as usize;
    records.truncate(limit as usize);
    Ok((records.iter().map(|record| decode(list.what, record)).collect::<Result<_>>()?, more))
}

/// The statement of a page that begins after this time and id.
pub(super) fn select<'a>(
    list: &List,
    asked: &Asked<'a>,
    from: Option<(i64, &'a str)>,
    most: i64,
) -> Statement<'a, Scalar<String>> {
    let List { table, time, .. } = list;
    let mut sql = query_scalar("SELECT record FROM ");
    sql.push(table).push(" WHERE 1 = 1");
    owned(&mut sql, asked);
    if let Some(status) = asked.status {
        sql.push(" AND status = ").push_bind(status);
    }
    if let Some((at, id)) = from {
        sql.push(" AND (").push(time).push(", id) < (").push_bind(at).push(", ").push_bind(id).push(")");
    }
    sql.push(" ORDER BY ").push(time).push(" DESC, id DESC LIMIT ").push_bind(most);
    sql
}

fn owned<'a, R>(sql: &mut Statement<'a, R>, asked: &Asked<'a>) {
    for (column, value) in asked.owners {
        if let Some(value) = value {
            sql.push(" AND ").push(column).push(" = ").push_bind(*value);
        }
    }
}

/// The time of the cursor's record. Another partner's record is no cursor, and no different from one that is not there.
fn position(connection: &Connection, list: &List, asked: &Asked<'_>, after: &str) -> Result<i64> {
    let mut sql = query_scalar("SELECT ");
    sql.push(list.time).push(" FROM ").push(list.table).push(" WHERE id = ").push_bind(after);
    owned(&mut sql, asked);
    let found: Option<i64> = sql.fetch_optional(connection).map_err(fault::read)?;
    found.ok_or_else(|| {
        Error::new(&codes::request::INVALID, format!("{after} is not in this list"))
            .with_fields(vec![FieldError::new("/after", format!("not the id of {} of this list", list.what))])
    })
}
