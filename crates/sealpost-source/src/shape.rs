//! The columns of a result against what the report type says about them.

use sealpost_core::column::{Column, ColumnKind};
use sealpost_core::error::codes::source::COLUMNS;
use sealpost_core::report::ReportSettings;
use sealpost_core::{Error, Result};

/// A column as the database describes it; without a type where it can't tell.
pub(crate) struct Described {
    pub(crate) name: String,
    pub(crate) kind: Option<ColumnKind>,
}

/// Puts the TOML's `columns` over what the database said.
///
/// # Errors
/// `SP-SOURCE-012`: a name twice, an entry for a column that is not there, a type that nobody says, a limit that no
/// type has, or a guard column that is not there.
pub(crate) fn refine(described: Vec<Described>, settings: &ReportSettings) -> Result<Vec<Column>> {
    let wrong = |detail: String| Err(Error::new(&COLUMNS, detail));
    if described.is_empty() {
        return wrong("the query has no columns".to_owned());
    }
    for (index, column) in described.iter().enumerate() {
        if described[..index].iter().any(|other| other.name == column.name) {
            return wrong(format!("the column `{}` occurs twice; give each its own alias", column.name));
        }
    }
    let known = |name: &str| described.iter().any(|column| column.name == name);
    if let Some(name) = settings.columns.keys().find(|name| !known(name)) {
        return wrong(format!("`columns.{name}`: the query has no column of this name"));
    }
    if let Some(name) = settings.scope.column.as_deref().filter(|name| !known(name)) {
        return wrong(format!("`scope.column`: the query has no column `{name}`"));
    }
    let typed = |column: Described| {
        let name = column.name;
        match settings.columns.get(&name).copied().or(column.kind) {
            Some(kind) if possible(kind) => Ok(Column::new(name, kind)),
            Some(_) => Err(Error::new(&COLUMNS, format!("`columns.{name}`: {LIMITS}"))),
            None => Err(Error::new(
                &COLUMNS,
                format!(
                    "the database does not tell the type of the column `{name}`; say it in the report's TOML: \
                     columns.{name} = {{ type = \"…\" }}"
                ),
            )),
        }
    };
    described.into_iter().map(typed).collect()
}

const LIMITS: &str =
    "decimals have 1 to 65 digits, 0 to 38 of them behind the point; times have 0 to 6 behind the second";

fn possible(kind: ColumnKind) -> bool {
    match kind {
        ColumnKind::Decimal { precision, scale } => (1..=65).contains(&precision) && scale <= precision.min(38),
        ColumnKind::Time { digits } | ColumnKind::DateTime { digits } | ColumnKind::Timestamp { digits } => digits <= 6,
        _ => true,
    }
}

/// Whether the query still has the columns that the report type was loaded with.
///
/// # Errors
/// `SP-SOURCE-012`.
pub(crate) fn agree<'a>(now: impl ExactSizeIterator<Item = &'a str>, loaded: &[Column]) -> Result<()> {
    if now.len() != loaded.len() {
        let detail = format!("the query has {} columns, the report type was loaded with {}", now.len(), loaded.len());
        return Err(Error::new(&COLUMNS, detail));
    }
    for (name, column) in now.zip(loaded) {
        if name != column.name {
            let detail = format!("the query has a column `{name}` where the report type has `{}`", column.name);
            return Err(Error::new(&COLUMNS, detail));
        }
    }
    Ok(())
}
