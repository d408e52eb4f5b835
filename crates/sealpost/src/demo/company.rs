//! The made-up company: it leases bikes to the employees of its business partners. Same data on every run.

use std::path::Path;

use sealpost_core::error::{Error, Result, codes};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row};

/// How much there is.
pub(super) struct Company {
    pub(super) partners: i64,
    pub(super) employees: i64,
    pub(super) contracts: i64,
    pub(super) instalments: i64,
}

/// Creates the database.
///
/// # Errors
/// `SP-CONFIG-002` where the file can't be written.
pub(super) async fn create(file: &Path) -> Result<Company> {
    fill(file).await.map_err(|error| {
        Error::new(&codes::config::UNREADABLE, format!("{}: {error}", file.display())).caused_by(error)
    })
}

async fn fill(file: &Path) -> sqlx::Result<Company> {
    // Made-up data needs no protection from a power cut.
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Off)
        .synchronous(SqliteSynchronous::Off);
    let mut connection = options.connect().await?;
    sqlx::raw_sql(AssertSqlSafe(include_str!("../../demo/company.sql").to_owned())).execute(&mut connection).await?;
    let company = Company {
        partners: count(&mut connection, "partners").await?,
        employees: count(&mut connection, "employees").await?,
        contracts: count(&mut connection, "contracts").await?,
        instalments: count(&mut connection, "instalments").await?,
    };
    connection.close().await?;
    Ok(company)
}

async fn count(connection: &mut SqliteConnection, table: &'static str) -> sqlx::Result<i64> {
    let row = sqlx::query(AssertSqlSafe(format!("SELECT count(*) FROM {table}"))).fetch_one(connection).await?;
    row.try_get(0)
}
