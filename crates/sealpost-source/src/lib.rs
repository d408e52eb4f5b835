//! Rows out of a database: one read-only query in one consistent snapshot, streamed in batches, in constant memory.
//!
//! A new kind of database is one module and one row of [`SOURCES`].

mod convert;
mod intake;
mod literal;
mod mysql;
mod shape;
mod sqlite;
mod statement;
mod stream;
mod zone;

use std::sync::Arc;

use sealpost_core::error::codes::config::INVALID;
use sealpost_core::port::{SecretStore, Source};
use sealpost_core::{Error, Result};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

pub use mysql::{MySqlSettings, MySqlSource, TlsMode, TlsSettings};
pub use sqlite::{SqliteSettings, SqliteSource};

/// A kind of database. Help, configuration schema and docs come from here.
pub struct SourceEntry {
    /// The name in `sealpost.toml`, as `kind`.
    pub name: &'static str,
    /// One line for people.
    pub summary: &'static str,
    /// The JSON Schema of the settings, without `kind`.
    pub options_schema: fn() -> Json,
    /// Reads the settings, without `kind`, and makes the source. Connects to nothing.
    pub build: Build,
}

/// Makes a source of its settings. Errors are `SP-CONFIG-001`.
pub type Build = fn(Map<String, Json>, Arc<dyn SecretStore>) -> Result<Arc<dyn Source>>;

/// The databases that reports can come from.
pub static SOURCES: &[SourceEntry] = &[
    SourceEntry {
        name: "mysql",
        summary: "MySQL 8 or MariaDB 10.11 and newer",
        options_schema: || schemars::schema_for!(MySqlSettings).to_value(),
        build: |given, secrets| {
            let settings: MySqlSettings = settings(given)?;
            match settings.problem() {
                Some(problem) => Err(Error::new(&INVALID, problem)),
                None => Ok(Arc::new(MySqlSource::new(settings, secrets))),
            }
        },
    },
    SourceEntry {
        name: "sqlite",
        summary: "a SQLite file",
        options_schema: || schemars::schema_for!(SqliteSettings).to_value(),
        build: |given, _| Ok(Arc::new(SqliteSource::new(settings(given)?))),
    },
];

fn settings<T: DeserializeOwned>(given: Map<String, Json>) -> Result<T> {
    T::deserialize(Json::Object(given)).map_err(|error| Error::new(&INVALID, error.to_string()))
}

/// The entry of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static SourceEntry> {
    SOURCES.iter().find(|entry| entry.name == name)
}
