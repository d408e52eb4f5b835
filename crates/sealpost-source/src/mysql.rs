//! MySQL 8 and MariaDB 10.11 or newer, over prepared statements (the binary protocol).
//!
//! Every query has a connection of its own and closes it: nothing of one report (session settings, an open snapshot,
//! user variables, half a result) can reach another. Connecting costs a millisecond or two beside minutes of reading.

mod account;
mod connect;
mod decode;
mod describe;
mod estimate;
mod failure;
mod kill;
mod meta;
mod read;
mod settings;
mod warnings;

use std::sync::Arc;

use async_trait::async_trait;
use sealpost_core::Result;
use sealpost_core::column::Column;
use sealpost_core::param::ParameterValue;
use sealpost_core::port::{Estimate, RowStream, SecretStore, Source};
use sealpost_core::report::{Query, ReportType};
use sqlx::mysql::MySqlArguments;
use sqlx::{Arguments, Executor, SqlSafeStr};

use crate::intake::Intake;
use crate::shape;
use crate::statement::{Dialect, Statement, utc_text};
use crate::stream::TaskStream;
use failure::{Phase, failure};
pub use settings::{MySqlSettings, TlsMode, TlsSettings};

/// A MySQL or MariaDB server as source.
pub struct MySqlSource {
    settings: Arc<MySqlSettings>,
    secrets: Arc<dyn SecretStore>,
}

impl MySqlSource {
    /// A source with these settings. Nothing is connected yet; the account's secret is resolved anew for every connection.
    #[must_use]
    pub fn new(settings: MySqlSettings, secrets: Arc<dyn SecretStore>) -> Self {
        Self { settings: Arc::new(settings), secrets }
    }
}

#[async_trait]
impl Source for MySqlSource {
    fn parse(&self, report: &ReportType) -> Result<()> {
        statement(report).map(drop)
    }

    async fn describe(&self, report: &ReportType) -> Result<Vec<Column>> {
        let statement = statement(report)?;
        let mut session = connect::session(&self.settings, &*self.secrets, report.settings.timeout_s).await?;
        let sql = statement.prepared(&report.settings.parameters);
        let described = connect::within(report.settings.timeout_s, describe::columns(&mut session, &statement, sql));
        let described = described.await?;
        shape::refine(described, &report.settings)
    }

    async fn open(&self, query: &Query) -> Result<Box<dyn RowStream>> {
        let settings = &query.report.settings;
        let statement = Statement::parse(&query.report.sql, &settings.parameters, Dialect::MySql)?;
        let bound = statement.bind(&settings.parameters, &query.scope, &query.parameters)?;
        let arguments = arguments(&bound.values)?;
        let intake = Intake::new(query)?;
        let mut session = connect::session(&self.settings, &*self.secrets, settings.timeout_s).await?;
        let sql = sqlx::AssertSqlSafe(bound.sql).into_sql_str();
        let ready = connect::within(settings.timeout_s, async {
            let prepared = session.connection.prepare(sql.clone()).await;
            let prepared = prepared.map_err(|error| failure(error, Phase::Prepare(&statement)))?;
            let columns = sqlx::Statement::columns(&prepared);
            shape::agree(columns.iter().map(sqlx::Column::name), intake.columns())?;
            connect::begin(&mut session).await
        });
        ready.await?;
        Ok(Box::new(TaskStream::start(|mouth| read::read(session, sql, arguments, intake, mouth, settings.timeout_s))))
    }

    async fn estimate(&self, query: &Query) -> Result<Option<Estimate>> {
        let settings = &query.report.settings;
        let statement = Statement::parse(&query.report.sql, &settings.parameters, Dialect::MySql)?;
        let bound = statement.bind(&settings.parameters, &query.scope, &query.parameters)?;
        let arguments = arguments(&bound.values)?;
        let limit = settings.timeout_s.min(10);
        let mut session = connect::session(&self.settings, &*self.secrets, limit).await?;
        connect::within(limit, estimate::estimate(&mut session, &bound.sql, arguments)).await
    }

    async fn check(&self) -> Result<()> {
        let mut session = connect::session(&self.settings, &*self.secrets, 30).await?;
        connect::begin(&mut session).await?;
        let none = session.connection.fetch_optional(sqlx::query("SELECT 1 FROM DUAL WHERE FALSE")).await;
        none.map(drop).map_err(|error| failure(error, Phase::Run))
    }
}

/// The query of a report type whose files are good by themselves.
fn statement(report: &ReportType) -> Result<Statement<'_>> {
    let statement = Statement::parse(&report.sql, &report.settings.parameters, Dialect::MySql)?;
    // The zone is used by rows only; an unknown one is refused here, when the catalogue is loaded.
    drop(crate::zone::Zone::parse(&report.settings.time_zone)?);
    Ok(statement)
}

fn arguments(values: &[&ParameterValue]) -> Result<MySqlArguments> {
    let mut arguments = MySqlArguments::default();
    for value in values {
        let added = match value {
            // A list is one value per item by now.
            ParameterValue::Null | ParameterValue::List(_) => arguments.add(None::<&str>),
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
