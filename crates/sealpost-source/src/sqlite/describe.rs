//! The columns of a query by preparing it, and the declared types of the table columns behind them.

use sealpost_core::Result;
use sealpost_core::column::ColumnKind;
use sqlx::{AssertSqlSafe, Column, ColumnOrigin, Executor, Row, SqlSafeStr, Statement as _};

use super::connect::Session;
use super::failure::{Phase, failure};
use crate::shape::Described;
use crate::statement::Statement;

/// Prepares `sql`. Computed columns have no type that SQLite could tell.
pub(super) async fn columns(session: &mut Session, statement: &Statement<'_>, sql: String) -> Result<Vec<Described>> {
    let prepared = session.connection.prepare(AssertSqlSafe(sql).into_sql_str()).await;
    let prepared = prepared.map_err(|error| failure(error, Phase::Prepare(statement)))?;
    let mut described = Vec::with_capacity(prepared.columns().len());
    for column in prepared.columns() {
        let mut kind = None;
        if let ColumnOrigin::Table(origin) = column.origin() {
            // The driver names some declared types and drops the rest, such as DECIMAL(10,2).
            let declared = sqlx::query("SELECT type FROM pragma_table_xinfo(?) WHERE name = ? COLLATE NOCASE")
                .bind(origin.table.to_string())
                .bind(origin.name.to_string());
            let row = session.connection.fetch_optional(declared).await;
            let row = row.map_err(|error| failure(error, Phase::Run))?;
            let text: Option<String> = row.and_then(|row| row.try_get(0).ok());
            // A rowid is no column of its table.
            kind = kind_of(text.as_deref().unwrap_or("INTEGER"));
        }
        described.push(Described { name: column.name().to_owned(), kind });
    }
    Ok(described)
}

/// The type that a declaration means; `None` where it means none, such as DECIMAL without digits.
fn kind_of(declared: &str) -> Option<ColumnKind> {
    let declared = declared.to_ascii_uppercase();
    let (name, arguments) = declared.split_once('(').unwrap_or((&declared, ""));
    let arguments: Vec<u8> =
        arguments.trim_end_matches([')', ' ']).split(',').map_while(|text| text.trim().parse().ok()).collect();
    let digits = arguments.first().copied().unwrap_or(0);
    let name = name.trim();
    Some(match name {
        "DECIMAL" | "NUMERIC" | "DEC" => {
            ColumnKind::Decimal { precision: *arguments.first()?, scale: arguments.get(1).copied().unwrap_or(0) }
        }
        "BOOLEAN" | "BOOL" => ColumnKind::Boolean,
        "DATE" => ColumnKind::Date,
        "DATETIME" => ColumnKind::DateTime { digits },
        "TIMESTAMP" => ColumnKind::Timestamp { digits },
        "TIME" => ColumnKind::Time { digits },
        "JSON" => ColumnKind::Json,
        "YEAR" => ColumnKind::Unsigned,
        // From here on SQLite's own rules: https://sqlite.org/datatype3.html, section 3.1.
        _ if name.contains("INT") && declared.contains("UNSIGNED") => ColumnKind::Unsigned,
        _ if name.contains("INT") => ColumnKind::Integer,
        _ if name.contains("CHAR") || name.contains("CLOB") || name.contains("TEXT") => ColumnKind::Text,
        _ if name.contains("BLOB") || name.contains("BINARY") => ColumnKind::Bytes,
        _ if name.contains("REAL") || name.contains("FLOA") || name.contains("DOUB") => ColumnKind::Float64,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_mean_types() {
        for (declared, kind) in [
            ("decimal(10, 2)", Some(ColumnKind::Decimal { precision: 10, scale: 2 })),
            ("DECIMAL", None),
            ("INTEGER", Some(ColumnKind::Integer)),
            ("BIGINT UNSIGNED", Some(ColumnKind::Unsigned)),
            ("VARCHAR(40)", Some(ColumnKind::Text)),
            ("DATETIME(6)", Some(ColumnKind::DateTime { digits: 6 })),
            ("TIMESTAMP", Some(ColumnKind::Timestamp { digits: 0 })),
            ("double precision", Some(ColumnKind::Float64)),
            ("VARBINARY(16)", Some(ColumnKind::Bytes)),
            ("", None),
        ] {
            assert_eq!(kind_of(declared), kind, "{declared}");
        }
    }
}
