//! A report type as the API shows it: everything needed to ask for one and to read its file.

use sealpost_core::column::{Column, ColumnKind};
use sealpost_core::param;
use sealpost_core::partner::Partner;
use sealpost_core::report::ReportType;
use sealpost_pipeline::Pipeline;
use serde::Serialize;
use serde_json::Value as Json;
use utoipa::ToSchema;

use crate::base_path::BasePath;

/// A report that can be asked for.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReportType, example = json!({
    "id": "contracts.v1", "title": "Contracts", "description": "One row per leasing contract.",
    "parameters": {"type": "object", "properties": {"from": {"type": "string", "format": "date"}}, "required": ["from"], "additionalProperties": false},
    "columns": [{"name": "contract", "type": "integer"}, {"name": "monthly_rate", "type": "decimal", "precision": 12, "scale": 2}],
    "formats": [{"name": "csv", "summary": "RFC 4180", "media_type": "text/csv", "extension": "csv", "options": {"type": "object"}, "schema": null}],
    "default_format": "csv", "time_zone": "UTC", "max_rows": null, "retention_days": 30,
    "links": {"self": "/v1/report-types/contracts.v1"}
}))]
pub struct ReportTypeBody {
    /// Its id, with its version.
    id: String,
    /// A name for people.
    title: String,
    /// What rows it has, for people.
    description: String,
    /// The JSON Schema (2020-12) of the parameters.
    #[schema(value_type = Object)]
    parameters: Json,
    /// The columns of the file, in order.
    columns: Vec<ColumnShape>,
    /// The formats you may ask for.
    formats: Vec<FormatBody>,
    /// The format when you name none; null where it is not granted to you, so that you have to name one.
    default_format: Option<String>,
    /// The zone in which instants are shown.
    time_zone: String,
    /// Most rows of a file.
    max_rows: Option<u64>,
    /// How long a file can be fetched, in days.
    retention_days: u32,
    /// Where to go from here.
    links: ReportTypeLinks,
}

/// A format of a report type.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Format)]
pub struct FormatBody {
    /// The name in requests.
    name: &'static str,
    /// One line for people.
    summary: &'static str,
    /// The media type of the file inside the encryption.
    media_type: &'static str,
    /// Its extension.
    extension: &'static str,
    /// The JSON Schema of `format_options`.
    #[schema(value_type = Object)]
    options: Json,
    /// The path of the file's own schema (the XSD of XML), where there is one.
    schema: Option<String>,
}

/// Paths of what belongs to a report type.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReportTypeLinks {
    /// This report type.
    #[serde(rename = "self")]
    this: String,
}

/// A column of a file. Any column may hold NULL.
#[derive(Debug, Default, PartialEq, Serialize, ToSchema)]
#[schema(as = Column)]
pub struct ColumnShape {
    /// Its name.
    name: String,
    /// `integer`, `unsigned`, `float32`, `float64`, `decimal`, `boolean`, `text`, `json`, `bytes`, `date`, `time`,
    /// `date_time` or `timestamp`.
    r#type: &'static str,
    /// Digits in all, of a decimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    precision: Option<u8>,
    /// Digits behind the point, of a decimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    scale: Option<u8>,
    /// Digits behind the second, of times.
    #[serde(skip_serializing_if = "Option::is_none")]
    digits: Option<u8>,
}

impl ColumnShape {
    pub(crate) fn of(column: &Column) -> Self {
        let plain = |r#type| Self { name: column.name.clone(), r#type, ..Self::default() };
        let timed = |r#type, digits| Self { digits: Some(digits), ..plain(r#type) };
        match column.kind {
            ColumnKind::Integer => plain("integer"),
            ColumnKind::Unsigned => plain("unsigned"),
            ColumnKind::Float32 => plain("float32"),
            ColumnKind::Float64 => plain("float64"),
            ColumnKind::Decimal { precision, scale } => {
                Self { precision: Some(precision), scale: Some(scale), ..plain("decimal") }
            }
            ColumnKind::Boolean => plain("boolean"),
            ColumnKind::Text => plain("text"),
            ColumnKind::Json => plain("json"),
            ColumnKind::Bytes => plain("bytes"),
            ColumnKind::Date => plain("date"),
            ColumnKind::Time { digits } => timed("time", digits),
            ColumnKind::DateTime { digits } => timed("date_time", digits),
            ColumnKind::Timestamp { digits } => timed("timestamp", digits),
        }
    }
}

impl ReportTypeBody {
    /// The report type as this partner may ask for it, with links for a caller whose URL begins with `base`.
    pub(crate) fn of(pipeline: &Pipeline, partner: &Partner, report: &ReportType, base: &BasePath) -> Self {
        let grant = partner.grants.iter().find(|grant| grant.report == report.id);
        let allowed = grant.map(|grant| grant.formats.as_slice()).unwrap_or_default();
        let path = base.before(format!("/v1/report-types/{}", report.id));
        let formats: Vec<FormatBody> = pipeline
            .formats_of(report)
            .into_iter()
            .filter(|entry| allowed.is_empty() || allowed.iter().any(|name| name == entry.name))
            .map(|entry| FormatBody {
                name: entry.name,
                summary: entry.summary,
                media_type: entry.media_type,
                extension: entry.extension,
                options: (entry.options_schema)(),
                schema: (entry.name == "xml").then(|| format!("{path}/schema.xsd")),
            })
            .collect();
        let settings = &report.settings;
        Self {
            id: report.id.to_string(),
            title: settings.title.clone(),
            description: settings.description.clone(),
            parameters: param::json_schema(&settings.parameters),
            columns: report.columns.iter().map(ColumnShape::of).collect(),
            default_format: formats
                .iter()
                .find(|one| one.name == settings.default_format)
                .map(|one| one.name.to_owned()),
            formats,
            time_zone: settings.time_zone.clone(),
            max_rows: settings.max_rows,
            retention_days: settings.retention_days,
            links: ReportTypeLinks { this: path },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_has_the_core_types_names() {
        for kind in [
            ColumnKind::Integer,
            ColumnKind::Float32,
            ColumnKind::Json,
            ColumnKind::DateTime { digits: 6 },
            ColumnKind::Decimal { precision: 65, scale: 30 },
        ] {
            let column = Column::new("a", kind);
            let ours = serde_json::to_value(ColumnShape::of(&column)).expect("json");
            assert_eq!(ours, serde_json::to_value(&column).expect("json"));
        }
    }
}
