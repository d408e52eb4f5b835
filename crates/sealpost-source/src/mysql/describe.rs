//! The columns of a query by preparing it, without running it.

use sealpost_core::Result;
use sealpost_core::column::ColumnKind;
use sqlx::{AssertSqlSafe, Column, Executor, SqlSafeStr, Statement as _};

use super::connect::Session;
use super::failure::{Phase, failure};
use super::meta::{Meta, Wire};
use crate::shape::Described;
use crate::statement::Statement;

/// Prepares `sql` and reads what the server says about its columns.
pub(super) async fn columns(session: &mut Session, statement: &Statement<'_>, sql: String) -> Result<Vec<Described>> {
    let prepared = session.connection.prepare(AssertSqlSafe(sql.clone()).into_sql_str()).await;
    let prepared = prepared.map_err(|error| failure(error, Phase::Prepare(statement)))?;
    let metas: Vec<Option<Meta>> = prepared.columns().iter().map(|column| Meta::of(column.type_info())).collect();
    let mut described: Vec<Described> = prepared
        .columns()
        .iter()
        .zip(&metas)
        .map(|(column, meta)| Described { name: column.name().to_owned(), kind: meta.and_then(Meta::kind) })
        .collect();
    let decimals: Vec<usize> =
        (0..metas.len()).filter(|index| metas[*index].is_some_and(|meta| meta.wire == Wire::Decimal)).collect();
    if !decimals.is_empty()
        && let Some(kinds) = decimal_kinds(session, &sql, &described, &decimals).await
    {
        for (index, kind) in decimals.into_iter().zip(kinds) {
            described[index].kind = kind;
        }
    }
    Ok(described)
}

/// Precision and scale of decimal columns. The driver leaves the scale out, so a second statement is prepared whose
/// columns' lengths give it away, see [`Meta::decimal`]. Where that does not work (two columns of one name) no type is
/// known, and the report type has to say it.
async fn decimal_kinds(
    session: &mut Session,
    sql: &str,
    described: &[Described],
    decimals: &[usize],
) -> Option<Vec<Option<ColumnKind>>> {
    let pairs: Vec<String> = decimals
        .iter()
        .map(|index| {
            let name = described[*index].name.replace('`', "``");
            format!("q.`{name}`, TRUNCATE(10 * q.`{name}`, 0)")
        })
        .collect();
    // On lines of its own: the query may end in a comment.
    let probe = format!("SELECT {} FROM (\n{sql}\n) AS q", pairs.join(", "));
    let prepared = session.connection.prepare(AssertSqlSafe(probe).into_sql_str()).await.ok()?;
    let metas: Vec<Meta> =
        prepared.columns().iter().map(|column| Meta::of(column.type_info())).collect::<Option<_>>()?;
    Some(metas.chunks_exact(2).map(|pair| pair[0].decimal(pair[1])).collect())
}
