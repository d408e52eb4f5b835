//! Placeholders and the values that belong to them.

use std::collections::BTreeMap;

use sealpost_core::error::codes::source::{QUERY, UNKNOWN_PARAMETER};
use sealpost_core::param::{Parameter, ParameterKind, ParameterValue, ParameterValues};
use sealpost_core::report::SCOPE_PARAMETER;
use sealpost_core::{Error, Result};

use super::{Dialect, Statement, Use};

/// A query as the server gets it: text with `?`, and the values in their order.
#[derive(Debug)]
pub(crate) struct Bound<'v> {
    /// The text.
    pub(crate) sql: String,
    /// One value per `?`; never a list.
    pub(crate) values: Vec<&'v ParameterValue>,
}

impl<'a> Statement<'a> {
    /// The text for preparing without values: a list counts one item.
    pub(crate) fn prepared(&self, declared: &BTreeMap<String, Parameter>) -> String {
        self.render(|used, sql| sql.push_str(&placeholder(declared.get(used.name), self.dialect)))
    }

    /// The text with one `?` per value, and the values. Where a list is asked whether it is NULL, it is its first item.
    ///
    /// # Errors
    /// `SP-SOURCE-010` for a value that is missing, `SP-SOURCE-006` for a decimal with more digits than MySQL's have.
    pub(crate) fn bind<'v>(
        &self,
        declared: &BTreeMap<String, Parameter>,
        scope: &'v ParameterValue,
        given: &'v ParameterValues,
    ) -> Result<Bound<'v>> {
        let mut values = Vec::new();
        let mut problem = None;
        let sql = self.render(|used, sql| {
            let name = used.name;
            let parameter = declared.get(name);
            let mark = placeholder(parameter, self.dialect);
            let items = match if name == SCOPE_PARAMETER { Some(scope) } else { given.get(name) } {
                // `(:name IS NULL OR column IN (:name))`: whether there is a list, one item tells.
                Some(ParameterValue::List(items)) if used.asks_null => items.get(..1).unwrap_or_default(),
                Some(ParameterValue::List(items)) => items.as_slice(),
                Some(value) => std::slice::from_ref(value),
                None => {
                    problem = Some(Error::new(&UNKNOWN_PARAMETER, format!("no value for `:{name}`")));
                    return;
                }
            };
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    sql.push_str(", ");
                }
                sql.push_str(&mark);
                if self.dialect == Dialect::MySql && !fits(parameter, item) {
                    problem = Some(Error::new(&QUERY, format!("the decimal in `{name}` has too many digits")));
                }
                values.push(item);
            }
        });
        problem.map_or(Ok(Bound { sql, values }), Err)
    }

    fn render(&self, mut write: impl FnMut(&Use<'a>, &mut String)) -> String {
        let mut sql = String::with_capacity(self.sql.len() + 64);
        let mut from = 0;
        for used in &self.uses {
            sql.push_str(&self.sql[from..used.at]);
            write(used, &mut sql);
            from = used.at + 1 + used.name.len();
        }
        sql.push_str(&self.sql[from..self.end]);
        sql
    }
}

/// MySQL compares a decimal with a text as floating-point numbers, and knows no instants as parameters, so the type
/// that the TOML declares is said around the placeholder.
///
/// SQLite makes a number of a decimal's text only beside a column of numbers: a computed one, such as a sum, is less
/// than every text (<https://sqlite.org/datatype3.html>, section 4). Within `IN (…)` it takes no notice of the type that
/// is said, and would compare a column of texts with the number's shortest text: there the items stay texts.
fn placeholder(parameter: Option<&Parameter>, dialect: Dialect) -> String {
    if dialect == Dialect::Sqlite {
        let decimal = parameter.is_some_and(|parameter| matches!(parameter.kind, ParameterKind::Decimal { .. }));
        let mark = if decimal { "CAST(? AS NUMERIC)" } else { "?" };
        return mark.to_owned();
    }
    let kind = parameter.map(|parameter| match &parameter.kind {
        ParameterKind::List { items, .. } => items,
        kind => kind,
    });
    match kind {
        Some(ParameterKind::Decimal { scale }) => format!("CAST(? AS DECIMAL(65,{}))", scale.min(&MOST_DECIMAL_SCALE)),
        Some(ParameterKind::Date { .. }) => "CAST(? AS DATE)".to_owned(),
        Some(ParameterKind::Timestamp) => "CAST(? AS DATETIME(6))".to_owned(),
        _ => "?".to_owned(),
    }
}

/// MySQL's largest scale; MariaDB's is 38.
const MOST_DECIMAL_SCALE: u8 = 30;

/// Whether CAST keeps the value: it would clip a larger one, with a warning that nobody reads.
fn fits(parameter: Option<&Parameter>, value: &ParameterValue) -> bool {
    let (Some(parameter), ParameterValue::Decimal(text)) = (parameter, value) else { return true };
    let scale = match &parameter.kind {
        ParameterKind::List { items, .. } => items,
        kind => kind,
    };
    let ParameterKind::Decimal { scale } = scale else { return true };
    let scale = usize::from(*scale.min(&MOST_DECIMAL_SCALE));
    let (whole, fraction) = text.trim_start_matches('-').split_once('.').unwrap_or((text.trim_start_matches('-'), ""));
    whole.trim_start_matches('0').len() <= 65 - scale && fraction.trim_end_matches('0').len() <= scale
}

/// An instant as both databases compare it: the wall clock of UTC, microseconds only where there are some.
pub(crate) fn utc_text(instant: jiff::Timestamp) -> String {
    let utc = instant.to_zoned(jiff::tz::TimeZone::UTC);
    // Of the wall clock: the instant's own fraction is negative before 1970.
    let micros = utc.subsec_nanosecond() / 1000;
    let text = utc.strftime("%Y-%m-%d %H:%M:%S").to_string();
    if micros == 0 { text } else { format!("{text}.{micros:06}") }
}
