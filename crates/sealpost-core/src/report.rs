//! Report types: the catalogue's entries.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::column::Column;
use crate::id::ReportTypeId;
use crate::param::{Parameter, ParameterValue, ParameterValues};

/// The name of the parameter that carries the partner scope. The engine binds it; a request can't.
pub const SCOPE_PARAMETER: &str = "partner_scope";

/// A report type as loaded and checked: `<id>.toml` and `<id>.sql` of the catalogue folder.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportType {
    /// Versioned id, the file names' stem.
    pub id: ReportTypeId,
    /// The SQL with `:name` placeholders.
    pub sql: Arc<str>,
    /// What the TOML says.
    pub settings: ReportSettings,
    /// The result's columns, as the database described them and the TOML's `columns` refined them.
    pub columns: Vec<Column>,
}

/// What `<id>.toml` says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportSettings {
    /// A name for people.
    pub title: String,
    /// What rows it has, for people.
    #[serde(default)]
    pub description: String,
    /// The source to ask, by its name in `sealpost.toml`; `main` when not given.
    #[serde(default = "default_source")]
    pub source: String,
    /// How the partner scope is typed and guarded.
    #[serde(default)]
    pub scope: ScopeSettings,
    /// Parameters by name.
    #[serde(default)]
    pub parameters: BTreeMap<String, Parameter>,
    /// Formats a caller may ask for; all when empty.
    #[serde(default)]
    pub formats: Vec<String>,
    /// The format when a caller names none; `csv` when not given.
    #[serde(default = "default_format")]
    pub default_format: String,
    /// Columns whose type the database can't tell (computed ones of SQLite), by name. Refines, never renames.
    #[serde(default)]
    pub columns: BTreeMap<String, crate::column::ColumnKind>,
    /// Time limit of the statement in seconds; 600 when not given.
    #[serde(default = "default_timeout_s")]
    pub timeout_s: u64,
    /// Most rows; no limit when not given.
    #[serde(default)]
    pub max_rows: Option<u64>,
    /// The zone in which instants (`TIMESTAMP`) are shown: `UTC`, `+02:00` or an IANA name; `UTC` when not given.
    #[serde(default = "default_time_zone")]
    pub time_zone: String,
    /// How long the sealed file is kept, in days; 30 when not given.
    #[serde(default = "default_retention_days")]
    pub retention_days: u32,
}

/// How the partner scope is bound and guarded.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScopeSettings {
    /// The SQL type of the scope.
    #[serde(default, rename = "type")]
    pub kind: ScopeKind,
    /// A column of the result that must equal the scope in every row: a second fence behind the SQL's own condition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
}

/// The SQL type of the partner scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScopeKind {
    /// Text.
    #[default]
    String,
    /// A whole number.
    Integer,
}

impl ScopeKind {
    /// The scope of a partner as a value of this type.
    ///
    /// # Errors
    /// In words, where the text is no such value.
    pub fn value(self, scope: &str) -> Result<ParameterValue, String> {
        match self {
            Self::String => Ok(ParameterValue::String(scope.to_owned())),
            Self::Integer => scope
                .parse()
                .map(ParameterValue::Integer)
                .map_err(|_| format!("the partner's scope `{scope}` is not a whole number")),
        }
    }
}

fn default_source() -> String {
    "main".to_owned()
}

fn default_format() -> String {
    "csv".to_owned()
}

fn default_timeout_s() -> u64 {
    600
}

fn default_time_zone() -> String {
    "UTC".to_owned()
}

fn default_retention_days() -> u32 {
    30
}

/// One run of a report type, ready for a source: everything bound, nothing left to check.
#[derive(Debug, Clone)]
pub struct Query {
    /// The report type.
    pub report: Arc<ReportType>,
    /// The partner scope, bound as `:partner_scope`.
    pub scope: ParameterValue,
    /// The other parameters.
    pub parameters: ParameterValues,
    /// Stop after this many rows without an error (preview); `None` for all.
    pub limit: Option<u64>,
}
