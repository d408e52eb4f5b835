//! How many rows a query would give, by the optimizer's own figures.

use sealpost_core::Result;
use sealpost_core::port::Estimate;
use sqlx::mysql::{MySqlArguments, MySqlRow};
use sqlx::{AssertSqlSafe, Executor, MySql, Row, SqlSafeStr};

use super::connect::Session;
use super::failure::{Phase, failure};

/// Asks with `EXPLAIN`, which runs nothing. A select gives as many rows as its tables' rows and conditions multiply to; a
/// union, the sum. Grouping and `LIMIT` are not in these figures, so the guess is on the high side.
pub(super) async fn estimate(session: &mut Session, sql: &str, arguments: MySqlArguments) -> Result<Option<Estimate>> {
    let query = sqlx::query_with::<MySql, _>(AssertSqlSafe(format!("EXPLAIN {sql}")).into_sql_str(), arguments);
    let plan = match session.connection.fetch_all(query).await {
        Ok(plan) => plan,
        // The server explains no views to those who may only select from them.
        Err(sqlx::Error::Database(_)) => return Ok(None),
        Err(error) => return Err(failure(error, Phase::Run)),
    };
    let mut selects: Vec<(i64, f64)> = Vec::new();
    for line in &plan {
        let kind: String = line.try_get_unchecked("select_type").unwrap_or_default();
        // Derived tables and subqueries are counted where they are used.
        let counts = ["SIMPLE", "PRIMARY", "UNION"].contains(&kind.as_str());
        let (Some(id), Some(rows)) = (number(line, "id"), number(line, "rows")) else { continue };
        if !counts {
            continue;
        }
        let share = number(line, "filtered").map_or(1.0, |percent| percent / 100.0);
        let id = id as i64;
        match selects.iter_mut().find(|(known, _)| *known == id) {
            Some((_, product)) => *product *= rows * share,
            None => selects.push((id, rows * share)),
        }
    }
    let rows: f64 = selects.iter().map(|(_, product)| product).sum();
    // Beyond this a number of rows means nothing.
    Ok((!selects.is_empty()).then(|| Estimate { rows: rows.clamp(0.0, 1e15).round() as u64, exact: false }))
}

/// A figure of the plan: servers send it as integer, floating-point number or text.
fn number(line: &MySqlRow, name: &str) -> Option<f64> {
    if let Ok(whole) = line.try_get::<Option<i64>, _>(name) {
        return whole.map(|whole| whole as f64);
    }
    if let Ok(whole) = line.try_get::<Option<u64>, _>(name) {
        return whole.map(|whole| whole as f64);
    }
    if let Ok(number) = line.try_get::<Option<f64>, _>(name) {
        return number;
    }
    line.try_get::<Option<String>, _>(name).ok().flatten().and_then(|text| text.trim().parse().ok())
}
