//! A parameter as written in TOML: flat, so that an unknown or misplaced key is refused by name.

use serde::Deserialize;
use serde_json::Value as Json;

use super::{Parameter, ParameterKind, parse_date};

/// A parameter as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawParameter {
    r#type: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    required: bool,
    default: Option<Json>,
    not_after: Option<String>,
    max_length: Option<usize>,
    min: Option<Json>,
    max: Option<Json>,
    scale: Option<u8>,
    values: Option<Vec<String>>,
    items: Option<RawItems>,
    max_items: Option<usize>,
}

/// The items of a list, as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawItems {
    r#type: String,
    max_length: Option<usize>,
    min: Option<Json>,
    max: Option<Json>,
    scale: Option<u8>,
    values: Option<Vec<String>>,
}

impl TryFrom<RawParameter> for Parameter {
    type Error = String;

    fn try_from(raw: RawParameter) -> Result<Self, String> {
        let RawParameter {
            r#type,
            description,
            required,
            default,
            not_after,
            max_length,
            min,
            max,
            scale,
            values,
            items,
            max_items,
        } = raw;
        let limits = RawItems { r#type, max_length, min, max, scale, values };
        let kind = if limits.r#type == "list" {
            let items = items.ok_or("a list needs `items`, for example `items = { type = \"integer\" }`")?;
            if items.r#type == "list" {
                return Err("a list of lists is not possible".to_owned());
            }
            limits.refuse_except(&[])?;
            ParameterKind::List { items: Box::new(items.kind()?), max_items: max_items.unwrap_or(100) }
        } else if items.is_some() || max_items.is_some() {
            return Err(format!("`items` and `max_items` belong to a list, not to `{}`", limits.r#type));
        } else {
            limits.kind()?
        };
        if let Some(default) = &default {
            kind.check(default).map_err(|detail| format!("`default`: {detail}"))?;
        }
        Ok(Self { kind, description, required, default, not_after })
    }
}

impl RawItems {
    fn kind(self) -> Result<ParameterKind, String> {
        let whole = |value: &Option<Json>, key: &str| match value {
            None => Ok(None),
            Some(value) => value.as_i64().map(Some).ok_or(format!("`{key}` must be a whole number")),
        };
        let date = |value: &Option<Json>, key: &str| match value {
            None => Ok(None),
            Some(value) => match value.as_str().filter(|text| parse_date(text).is_some()) {
                Some(text) => Ok(Some(text.to_owned())),
                None => Err(format!("`{key}` must be a date such as \"2026-01-31\"")),
            },
        };
        Ok(match self.r#type.as_str() {
            "string" => {
                self.refuse_except(&["max_length"])?;
                ParameterKind::String { max_length: self.max_length.unwrap_or(255) }
            }
            "integer" => {
                self.refuse_except(&["min", "max"])?;
                ParameterKind::Integer { min: whole(&self.min, "min")?, max: whole(&self.max, "max")? }
            }
            "decimal" => {
                self.refuse_except(&["scale"])?;
                ParameterKind::Decimal { scale: self.scale.unwrap_or(10) }
            }
            "date" => {
                self.refuse_except(&["min", "max"])?;
                ParameterKind::Date { min: date(&self.min, "min")?, max: date(&self.max, "max")? }
            }
            "timestamp" => {
                self.refuse_except(&[])?;
                ParameterKind::Timestamp
            }
            "boolean" => {
                self.refuse_except(&[])?;
                ParameterKind::Boolean
            }
            "enum" => {
                self.refuse_except(&["values"])?;
                let values = self.values.filter(|values| !values.is_empty()).ok_or("an enum needs `values`")?;
                ParameterKind::Enum { values }
            }
            other => {
                return Err(format!(
                    "unknown type `{other}`; known are string, integer, decimal, date, timestamp, boolean, enum, list"
                ));
            }
        })
    }

    fn refuse_except(&self, allowed: &[&str]) -> Result<(), String> {
        let given = [
            ("max_length", self.max_length.is_some()),
            ("min", self.min.is_some()),
            ("max", self.max.is_some()),
            ("scale", self.scale.is_some()),
            ("values", self.values.is_some()),
        ];
        match given.iter().find(|(key, is_given)| *is_given && !allowed.contains(key)) {
            Some((key, _)) => Err(format!("`{key}` does not apply to the type `{}`", self.r#type)),
            None => Ok(()),
        }
    }
}
