//! Job state and task queue.
//!
//! | ledger | for |
//! | --- | --- |
//! | `sqlite` | one machine: the binary with its own file |
//! | `mysql` | several machines with a MySQL or MariaDB server |
//! | `dynamodb` | functions and machines in AWS |
//!
//! A further ledger is one more module and one more row of [`LEDGERS`]; `sealpost_testkit::suite::ledger` says what it
//! has to do.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use sealpost_aws::Variable;
use sealpost_core::error::codes;
use sealpost_core::port::{Changes, Ledger, Outbox, Queue, Records, SecretStore, Transfers, UsageMeter};
use sealpost_core::{Error, Result};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json, json};

mod bell;
mod sqlite;
pub mod sqs;
mod table;
mod value;

pub use sqlite::SqliteLedger;

use bell::Bells;
use sqs::{Sqs, SqsQueue, SqsSettings};
use table::dynamodb::{DynamoDbSettings, DynamoDbTable};
use table::mysql::{MySqlSettings, MySqlTable};
use table::{TableLedger, TableSettings};

/// The ports of one ledger.
#[derive(Clone)]
pub struct LedgerSet {
    /// Jobs and deliveries.
    pub ledger: Arc<dyn Ledger>,
    /// Partners, connectors and API keys.
    pub records: Arc<dyn Records>,
    /// Tasks.
    pub queue: Arc<dyn Queue>,
    /// Requests counted across processes.
    pub usage: Arc<dyn UsageMeter>,
    /// Webhooks and notifications.
    pub outbox: Arc<dyn Outbox>,
    /// Changes, challenges and the audit trail.
    pub changes: Arc<dyn Changes>,
    /// Transfers, their connectors, access keys.
    pub transfers: Arc<dyn Transfers>,
    /// Whom the ledger tells that there is work; `None` where no other machine can have a part in it.
    bells: Option<Arc<Bells>>,
}

impl LedgerSet {
    /// The same ledger, with bells on Amazon SQS: it rings them, and workers that wait listen to them. Address and
    /// credentials that the settings leave open come from the environment.
    ///
    /// # Errors
    /// `SP-CONFIG-001` for settings that can't be used, and for a ledger of one machine.
    pub fn with_bells(self, settings: &SqsSettings, variable: sealpost_aws::Variable<'_>) -> Result<Self> {
        let invalid = |detail: &str| Error::new(&codes::config::INVALID, format!("queue.kind: {detail}"));
        let bells = self
            .bells
            .clone()
            .ok_or_else(|| invalid("`sqs` needs a ledger that several machines share: `mysql` or `dynamodb`"))?;
        let sqs = Arc::new(Sqs::new(settings, variable)?);
        if !bells.hang(sqs.clone()) {
            return Err(invalid("this ledger has bells already"));
        }
        Ok(Self { queue: Arc::new(SqsQueue::new(self.queue.clone(), sqs)), ..self })
    }
}

impl From<SqliteLedger> for LedgerSet {
    fn from(ledger: SqliteLedger) -> Self {
        let shared = Arc::new(ledger);
        Self {
            ledger: shared.clone(),
            records: shared.clone(),
            queue: shared.clone(),
            usage: shared.clone(),
            outbox: shared.clone(),
            changes: shared.clone(),
            transfers: shared,
            bells: None,
        }
    }
}

impl From<Arc<TableLedger>> for LedgerSet {
    fn from(shared: Arc<TableLedger>) -> Self {
        Self {
            bells: Some(shared.bells()),
            ledger: shared.clone(),
            records: shared.clone(),
            queue: shared.clone(),
            usage: shared.clone(),
            outbox: shared.clone(),
            changes: shared.clone(),
            transfers: shared,
        }
    }
}

/// A ledger being opened.
pub type Opening = Pin<Box<dyn Future<Output = Result<LedgerSet>> + Send>>;

/// A row of the table of ledgers.
pub struct LedgerEntry {
    /// The name in `sealpost.toml`: `sqlite`.
    pub name: &'static str,
    /// One line for people.
    pub summary: &'static str,
    /// The JSON Schema of the options object.
    pub options_schema: fn() -> Json,
    /// Reads the options, and opens nothing.
    ///
    /// Errors are `SP-CONFIG-001`.
    pub check: fn(&Map<String, Json>) -> Result<()>,
    /// Reads the options and opens the ledger. Relative paths are below the working directory: the caller makes them
    /// absolute where they mean something else.
    ///
    /// Errors are `SP-CONFIG-001` for the options, else what the ledger's `open` says.
    pub build: fn(&Map<String, Json>, &LedgerParts<'_>) -> Opening,
}

/// What a ledger is opened with, beside its options.
pub struct LedgerParts<'a> {
    /// Where a database's password comes from.
    pub secrets: Arc<dyn SecretStore>,
    /// The environment, for AWS.
    pub variable: Variable<'a>,
}

/// Every ledger of this build.
pub static LEDGERS: &[LedgerEntry] = &[
    LedgerEntry {
        name: "sqlite",
        summary: "a file on a local disk, for one machine: several processes may share it",
        options_schema: sqlite_options,
        check: |options| sqlite_path(options).map(drop),
        build: build_sqlite,
    },
    LedgerEntry {
        name: "mysql",
        summary: "a database of MySQL 8 or MariaDB 10.11 and newer, for several machines",
        options_schema: schema::<MySqlSettings>,
        check: |options| settings::<MySqlSettings>("mysql", options).map(drop),
        build: build_mysql,
    },
    LedgerEntry {
        name: "dynamodb",
        summary: "a table of Amazon DynamoDB, for functions and several machines",
        options_schema: schema::<DynamoDbSettings>,
        check: |options| settings::<DynamoDbSettings>("dynamodb", options).map(drop),
        build: build_dynamodb,
    },
];

/// The ledger of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static LedgerEntry> {
    LEDGERS.iter().find(|entry| entry.name == name)
}

fn sqlite_options() -> Json {
    json!({
        "type": "object",
        "properties": {
            "path": {
                "type": "string",
                "minLength": 1,
                "description": "The file, on a local disk: network file systems don't keep SQLite's locks. It is made when it is missing."
            }
        },
        "required": ["path"],
        "additionalProperties": false
    })
}

fn build_sqlite(options: &Map<String, Json>, _: &LedgerParts<'_>) -> Opening {
    let path = sqlite_path(options);
    Box::pin(async move { Ok(SqliteLedger::open(Path::new(&path?)).await?.into()) })
}

fn schema<T: JsonSchema>() -> Json {
    schemars::schema_for!(T).to_value()
}

fn settings<T: DeserializeOwned>(name: &str, options: &Map<String, Json>) -> Result<T> {
    serde_json::from_value(Json::Object(options.clone()))
        .map_err(|error| Error::new(&codes::config::INVALID, format!("the ledger `{name}`: {error}")))
}

fn build_mysql(options: &Map<String, Json>, parts: &LedgerParts<'_>) -> Opening {
    let (settings, secrets) = (settings::<MySqlSettings>("mysql", options), parts.secrets.clone());
    Box::pin(async move {
        // One server takes all writes: more partitions would only be more statements.
        let usage = TableSettings { shards: 1, look_again: Duration::from_millis(250) };
        let table = MySqlTable::open(settings?, secrets).await?;
        Ok(Arc::new(TableLedger::new(Arc::new(table), usage)).into())
    })
}

fn build_dynamodb(options: &Map<String, Json>, parts: &LedgerParts<'_>) -> Opening {
    let settings = settings::<DynamoDbSettings>("dynamodb", options);
    let ready = settings.and_then(|settings| Ok((table::dynamodb::client(&settings, parts.variable)?, settings)));
    Box::pin(async move {
        let (client, settings) = ready?;
        // Each look costs some reads.
        let usage = TableSettings { shards: settings.shards.clamp(1, 64), look_again: Duration::from_secs(1) };
        let table = DynamoDbTable::open(&settings, client).await?;
        Ok(Arc::new(TableLedger::new(Arc::new(table), usage)).into())
    })
}

fn sqlite_path(options: &Map<String, Json>) -> Result<String> {
    let invalid = |detail: String| Error::new(&codes::config::INVALID, detail);
    if let Some(key) = options.keys().find(|key| *key != "path") {
        return Err(invalid(format!("the ledger `sqlite` has no option `{key}`; it has `path`")));
    }
    match options.get("path") {
        Some(Json::String(path)) if !path.is_empty() => Ok(path.clone()),
        Some(_) => Err(invalid("the ledger's option `path` must be a file path".to_owned())),
        None => Err(invalid("the ledger `sqlite` needs the option `path`".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_checked_before_a_file_is_touched() {
        for (options, part) in [
            (json!({}), "needs the option `path`"),
            (json!({ "path": "" }), "must be a file path"),
            (json!({ "path": 7 }), "must be a file path"),
            (json!({ "path": "a.db", "pth": "b.db" }), "no option `pth`"),
        ] {
            let error = sqlite_path(options.as_object().unwrap()).unwrap_err();
            assert!(error.is(&codes::config::INVALID) && error.detail().contains(part), "{error}");
        }
    }

    struct NoSecrets;

    #[async_trait::async_trait]
    impl SecretStore for NoSecrets {
        async fn resolve(&self, reference: &sealpost_core::secret::SecretRef) -> Result<sealpost_core::secret::Secret> {
            panic!("{reference:?} was asked for");
        }
    }

    #[tokio::test]
    async fn every_ledger_checks_its_options() {
        let parts = LedgerParts { secrets: Arc::new(NoSecrets), variable: &|_| None };
        for entry in LEDGERS {
            for options in [json!({ "pth": "x" }), json!({})] {
                let opened = (entry.build)(options.as_object().unwrap(), &parts).await;
                let error = opened.err().expect("to be refused");
                assert!(error.is(&codes::config::INVALID), "{}: {error}", entry.name);
                let checked = (entry.check)(options.as_object().unwrap()).expect_err("to be refused");
                assert_eq!(checked.detail(), error.detail(), "{}: `check` says what opening says", entry.name);
            }
            assert_eq!((entry.options_schema)()["additionalProperties"], false, "{}", entry.name);
        }
    }

    #[tokio::test]
    async fn the_table_opens_a_ledger() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made/for/it/ledger.db");
        let options = json!({ "path": path });
        let parts = LedgerParts { secrets: Arc::new(NoSecrets), variable: &|_| None };
        let set = (find("sqlite").unwrap().build)(options.as_object().unwrap(), &parts).await.unwrap();
        set.ledger.check().await.unwrap();
        assert!(path.is_file());
        assert!(find("oracle").is_none());
    }
}
