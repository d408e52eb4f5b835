//! A dry run: what a report would look like, without a job, a file or a value that tells anything.

use sealpost_core::batch::Value;
use sealpost_core::column::Column;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::partner::Partner;
use sealpost_core::report::Query;
use serde::Serialize;

use crate::{Ask, Pipeline};

/// Most rows of a preview.
pub const PREVIEW_ROWS: u64 = 20;

/// What a report would look like.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Preview {
    /// The report type.
    pub report_type: String,
    /// The format it would have.
    pub format: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Up to 20 rows with every letter as `x` and every digit as `9`; NULL as null.
    pub rows: Vec<Vec<Option<String>>>,
    /// Whether there are more rows than shown.
    pub more: bool,
}

impl Pipeline {
    /// Checks an ask and runs its query for a few masked rows. Nothing is stored.
    ///
    /// # Errors
    /// As [`submit`](Self::submit) before admission, and `SP-SOURCE-…`.
    pub async fn preview(&self, partner: &Partner, ask: &Ask) -> Result<Preview> {
        let mut checked = self.check(partner, ask)?;
        checked.report =
            self.parts.catalogue.described(checked.report.clone(), self.source(&checked.report)?.as_ref()).await?;
        let query = self.query(partner, &checked.report, &checked.request.parameters, Some(PREVIEW_ROWS + 1))?;
        let source = self.source(&checked.report)?;
        let mut stream = source.open(&query).await?;
        let mut rows = Vec::new();
        while let Some(batch) = stream.next().await? {
            rows.extend(batch.iter().map(|row| row.values().map(mask).collect()));
        }
        let more = rows.len() as u64 > PREVIEW_ROWS;
        rows.truncate(PREVIEW_ROWS as usize);
        let report = &checked.report;
        Ok(Preview {
            report_type: report.id.to_string(),
            format: checked.format.name.to_owned(),
            columns: report.columns.clone(),
            rows,
            more,
        })
    }

    /// The query of a report for a partner: the engine binds the scope, nobody else can.
    pub(crate) fn query(
        &self,
        partner: &Partner,
        report: &std::sync::Arc<sealpost_core::report::ReportType>,
        parameters: &sealpost_core::param::ParameterValues,
        limit: Option<u64>,
    ) -> Result<Query> {
        let scope = report.settings.scope.kind.value(&partner.scope);
        let scope = scope
            .map_err(|detail| Error::new(&codes::config::PARTNER_FILE, format!("partner {}: {detail}", partner.id)))?;
        Ok(Query { report: report.clone(), scope, parameters: parameters.clone(), limit })
    }

    pub(crate) fn source(
        &self,
        report: &sealpost_core::report::ReportType,
    ) -> Result<&std::sync::Arc<dyn sealpost_core::port::Source>> {
        let name = &report.settings.source;
        self.parts
            .sources
            .get(name)
            .ok_or_else(|| Error::new(&codes::config::CATALOGUE, format!("{}: there is no source `{name}`", report.id)))
    }
}

/// The shape of a value without its content.
fn mask(value: Value<'_>) -> Option<String> {
    let text = match value {
        Value::Null => return None,
        Value::Bool(_) => "xxxx".to_owned(),
        Value::Int(number) => number.to_string(),
        Value::UInt(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Decimal(text) | Value::Text(text) => text.chars().take(64).collect(),
        Value::Bytes(bytes) => format!("({} bytes)", bytes.len()),
        Value::Date(_) => "9999-99-99".to_owned(),
        Value::Time(_) => "99:99:99".to_owned(),
        Value::DateTime(_) => "9999-99-99T99:99:99".to_owned(),
        Value::Timestamp(_) => "9999-99-99T99:99:99Z".to_owned(),
    };
    let masked = text.chars().map(|character| {
        if character.is_numeric() {
            '9'
        } else if character.is_alphabetic() {
            'x'
        } else {
            character
        }
    });
    Some(masked.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_keeps_the_shape_only() {
        assert_eq!(mask(Value::Text("Jörg Müller-42")), Some("xxxx xxxxxx-99".to_owned()));
        assert_eq!(mask(Value::Null), None);
        assert_eq!(mask(Value::Int(-120)), Some("-999".to_owned()));
    }
}
