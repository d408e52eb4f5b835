//! SQLite files, opened for reading only.
//!
//! SQLite's values have types of their own, whatever the column was declared as. Here the declaration counts: every
//! value is converted to it exactly, or the report fails with row and column.

mod connect;
mod describe;
mod estimate;
mod failure;
mod read;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use schemars::JsonSchema;
use sealpost_core::Result;
use sealpost_core::column::Column;
use sealpost_core::param::ParameterValue;
use sealpost_core::port::{Estimate, RowStream, Source};
use sealpost_core::report::{Query, ReportType};
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, Executor, SqlSafeStr};

use crate::intake::Intake;
use crate::shape;
use crate::statement::{Dialect, Statement, utc_text};
use crate::stream::TaskStream;
use failure::{Phase, failure};

/// A SQLite database file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqliteSettings {
    /// Path of the database file. It must exist; it is opened for reading only.
    pub path: PathBuf,
}

/// A SQLite file as source.
pub struct SqliteSource {
    settings: Arc<SqliteSettings>,
}

impl SqliteSource {
    /// A source with these settings. Nothing is opened yet.
    #[must_use]
    pub fn new(settings: SqliteSettings) -> Self {
        Self { settings: Arc::new(settings) }
    }
}

#[async_trait]
impl Source for SqliteSource {
    fn parse(&self, report: &ReportType) -> Result<()> {
        statement(report).map(drop)
    }

    async fn describe(&self, report: &ReportType) -> Result<Vec<Column>> {
        let statement = statement(report)?;
        let mut session = connect::session(&self.settings, report.settings.timeout_s).await?;
        let sql = statement.prepared(&report.settings.parameters);
        let described = describe::columns(&mut session, &statement, sql).await?;
        shape::refine(described, &report.settings)
    }

    async fn open(&self, query: &Query) -> Result<Box<dyn RowStream>> {
        let settings = &query.report.settings;
        let statement = Statement::parse(&query.report.sql, &settings.parameters, Dialect::Sqlite)?;
        let bound = statement.bind(&settings.parameters, &query.scope, &query.parameters)?;
        let arguments = arguments(&bound.values)?;
        let intake = Intake::new(query)?;
        let mut session = connect::session(&self.settings, settings.timeout_s).await?;
        // Before preparing: a table that is altered in between would have other columns in the snapshot than prepared.
        connect::begin(&mut session).await?;
        let sql = sqlx::AssertSqlSafe(bound.sql).into_sql_str();
        let prepared = session.connection.prepare(sql.clone()).await;
        let prepared = prepared.map_err(|error| failure(error, Phase::Prepare(&statement)))?;
        let columns = sqlx::Statement::columns(&prepared);
        shape::agree(columns.iter().map(sqlx::Column::name), intake.columns())?;
        Ok(Box::new(TaskStream::start(|mouth| read::read(session, sql, arguments, intake, mouth))))
    }

    async fn estimate(&self, query: &Query) -> Result<Option<Estimate>> {
        let settings = &query.report.settings;
        let statement = Statement::parse(&query.report.sql, &settings.parameters, Dialect::Sqlite)?;
        let bound = statement.bind(&settings.parameters, &query.scope, &query.parameters)?;
        let arguments = arguments(&bound.values)?;
        let limit = settings.timeout_s.min(estimate::PATIENCE_S);
        estimate::estimate(connect::session(&self.settings, limit).await?, &bound.sql, arguments).await
    }

    async fn check(&self) -> Result<()> {
        let mut session = connect::session(&self.settings, 30).await?;
        connect::begin(&mut session).await
    }
}

/// The query of a report type whose files are good by themselves.
fn statement(report: &ReportType) -> Result<Statement<'_>> {
    let statement = Statement::parse(&report.sql, &report.settings.parameters, Dialect::Sqlite)?;
    drop(crate::zone::Zone::parse(&report.settings.time_zone)?);
    Ok(statement)
}

fn arguments(values: &[&ParameterValue]) -> Result<SqliteArguments> {
    let mut arguments = SqliteArguments::default();
    for value in values {
        let added = match value {
            // A list is one value per item by now.
            ParameterValue::Null | ParameterValue::List(_) => arguments.add(None::<String>),
            // A decimal's text becomes a number by the CAST around its placeholder; in a list by the column's affinity.
            ParameterValue::String(text) | ParameterValue::Decimal(text) | ParameterValue::Date(text) => {
                arguments.add(text.as_str())
            }
            ParameterValue::Integer(number) => arguments.add(*number),
            ParameterValue::Boolean(value) => arguments.add(i64::from(*value)),
            ParameterValue::Timestamp(instant) => arguments.add(utc_text(*instant)),
        };
        added.map_err(|error| failure(sqlx::Error::Encode(error), Phase::Run))?;
    }
    Ok(arguments)
}
