//! Report parameters: declared types, checked values.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use crate::error::FieldError;
use crate::temporal::Date;

mod raw;

/// A declared parameter of a report type, as in `[parameters.NAME]` of its TOML.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "raw::RawParameter")]
pub struct Parameter {
    /// The type and its limits.
    #[serde(flatten)]
    pub kind: ParameterKind,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// Whether it must be given. An absent optional parameter without default is NULL in the SQL.
    #[serde(default)]
    pub required: bool,
    /// The value when it is absent, written as in a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Json>,
    /// The name of a parameter that this one must not be after (`from` before `to`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<String>,
}

/// The types of parameters.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ParameterKind {
    /// Text.
    String {
        /// Longest value in characters; 255 when not given.
        max_length: usize,
    },
    /// A whole number of 64 bits.
    Integer {
        /// Smallest value.
        #[serde(skip_serializing_if = "Option::is_none")]
        min: Option<i64>,
        /// Largest value.
        #[serde(skip_serializing_if = "Option::is_none")]
        max: Option<i64>,
    },
    /// An exact decimal, given as a string such as `"12.50"` or as a whole JSON number.
    Decimal {
        /// Most digits behind the point; 10 when not given.
        scale: u8,
    },
    /// A date, `YYYY-MM-DD`.
    Date {
        /// Earliest value, `YYYY-MM-DD`.
        #[serde(skip_serializing_if = "Option::is_none")]
        min: Option<String>,
        /// Latest value, `YYYY-MM-DD`.
        #[serde(skip_serializing_if = "Option::is_none")]
        max: Option<String>,
    },
    /// An instant, RFC 3339 with an explicit offset.
    Timestamp,
    /// `true` or `false`.
    Boolean,
    /// One of a closed list.
    Enum {
        /// The list.
        values: Vec<String>,
    },
    /// A list; in the SQL write `IN (:name)`.
    List {
        /// The type of its items.
        items: Box<ParameterKind>,
        /// Most items; 100 when not given.
        max_items: usize,
    },
}

/// A checked value, ready to be bound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "value", rename_all = "snake_case")]
pub enum ParameterValue {
    /// SQL NULL: an optional parameter that was not given.
    Null,
    /// Text.
    String(String),
    /// A whole number.
    Integer(i64),
    /// An exact decimal as text.
    Decimal(String),
    /// A date as `YYYY-MM-DD`.
    Date(String),
    /// An instant.
    Timestamp(jiff::Timestamp),
    /// True or false.
    Boolean(bool),
    /// A list of values, at least one.
    List(Vec<ParameterValue>),
}

/// Checked values by name.
pub type ParameterValues = BTreeMap<String, ParameterValue>;

/// Checks `given` against `declared`: missing, extra, wrong type, out of range, wrong order. All problems at once.
///
/// # Errors
/// One [`FieldError`] per problem, with a pointer below `/parameters`.
pub fn check(
    declared: &BTreeMap<String, Parameter>,
    given: &Map<String, Json>,
) -> Result<ParameterValues, Vec<FieldError>> {
    let mut problems = Vec::new();
    let mut values = ParameterValues::new();
    for name in given.keys().filter(|name| !declared.contains_key(*name)) {
        let known: Vec<&str> = declared.keys().map(String::as_str).collect();
        let hint = if known.is_empty() {
            "this report type has none".to_owned()
        } else {
            format!("known are {}", known.join(", "))
        };
        problems.push(FieldError::new(pointer(name), format!("unknown parameter; {hint}")));
    }
    for (name, parameter) in declared {
        let value = match given.get(name).filter(|value| !value.is_null()).or(parameter.default.as_ref()) {
            Some(value) => parameter.kind.check(value),
            None if parameter.required => Err(format!("missing; expected {}", parameter.kind.expectation())),
            None => Ok(ParameterValue::Null),
        };
        match value {
            Ok(value) => {
                values.insert(name.clone(), value);
            }
            Err(detail) => problems.push(FieldError::new(pointer(name), detail)),
        }
    }
    for (name, parameter) in declared {
        let Some(other) = &parameter.not_after else { continue };
        if let (Some(value), Some(limit)) = (values.get(name), values.get(other))
            && is_after(value, limit)
        {
            problems.push(FieldError::new(pointer(name), format!("must not be after `{other}`")));
        }
    }
    if problems.is_empty() { Ok(values) } else { Err(problems) }
}

fn pointer(name: &str) -> String {
    // RFC 6901, section 3: `~` and `/` are escaped.
    format!("/parameters/{}", name.replace('~', "~0").replace('/', "~1"))
}

fn is_after(value: &ParameterValue, limit: &ParameterValue) -> bool {
    match (value, limit) {
        (ParameterValue::Date(value), ParameterValue::Date(limit)) => value > limit,
        (ParameterValue::Timestamp(value), ParameterValue::Timestamp(limit)) => value > limit,
        (ParameterValue::Integer(value), ParameterValue::Integer(limit)) => value > limit,
        _ => false,
    }
}

impl ParameterKind {
    /// What a value has to look like, for people.
    #[must_use]
    pub fn expectation(&self) -> String {
        match self {
            Self::String { max_length } => format!("a string of at most {max_length} characters"),
            Self::Integer { .. } => "a whole number".to_owned(),
            Self::Decimal { scale } => {
                format!("a decimal as a string, at most {scale} digits behind the point, such as \"12.50\"")
            }
            Self::Date { .. } => "a date such as \"2026-01-31\"".to_owned(),
            Self::Timestamp => "an instant with offset such as \"2026-01-31T00:00:00Z\"".to_owned(),
            Self::Boolean => "true or false".to_owned(),
            Self::Enum { values } => format!("one of {}", values.join(", ")),
            Self::List { items, max_items } => {
                format!("a list of 1 to {max_items} items, each {}", items.expectation())
            }
        }
    }

    /// Reads a value as a person writes it on a command line; lists are separated by commas.
    #[must_use]
    pub fn from_text(&self, text: &str) -> Json {
        match self {
            Self::Integer { .. } => text.parse::<i64>().map_or_else(|_| Json::from(text), Json::from),
            Self::Boolean => text.parse::<bool>().map_or_else(|_| Json::from(text), Json::from),
            Self::List { items, .. } => text.split(',').map(|item| items.from_text(item.trim())).collect(),
            _ => Json::from(text),
        }
    }

    /// Checks one value.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self, value: &Json) -> Result<ParameterValue, String> {
        let wrong = || format!("expected {}", self.expectation());
        match self {
            Self::String { max_length } => {
                let text = value.as_str().ok_or_else(wrong)?;
                if text.chars().count() > *max_length || text.contains('\0') {
                    return Err(wrong());
                }
                Ok(ParameterValue::String(text.to_owned()))
            }
            Self::Integer { min, max } => {
                let number = value.as_i64().ok_or_else(wrong)?;
                if min.is_some_and(|min| number < min) || max.is_some_and(|max| number > max) {
                    return Err(format!("out of range: expected {}", range(min.as_ref(), max.as_ref())));
                }
                Ok(ParameterValue::Integer(number))
            }
            Self::Decimal { scale } => {
                let text = match value {
                    Json::String(text) => text.clone(),
                    Json::Number(number) if number.is_i64() || number.is_u64() => number.to_string(),
                    _ => return Err(wrong()),
                };
                if is_decimal(&text, usize::from(*scale)) { Ok(ParameterValue::Decimal(text)) } else { Err(wrong()) }
            }
            Self::Date { min, max } => {
                let text = value.as_str().filter(|text| parse_date(text).is_some()).ok_or_else(wrong)?;
                // ISO dates of four-digit years order like their text.
                if min.as_deref().is_some_and(|min| text < min) || max.as_deref().is_some_and(|max| text > max) {
                    return Err(format!("out of range: expected {}", range(min.as_ref(), max.as_ref())));
                }
                Ok(ParameterValue::Date(text.to_owned()))
            }
            Self::Timestamp => {
                let text = value.as_str().ok_or_else(wrong)?;
                text.parse().map(ParameterValue::Timestamp).map_err(|_| wrong())
            }
            Self::Boolean => value.as_bool().map(ParameterValue::Boolean).ok_or_else(wrong),
            Self::Enum { values } => match value.as_str() {
                Some(text) if values.iter().any(|known| known == text) => Ok(ParameterValue::String(text.to_owned())),
                _ => Err(wrong()),
            },
            Self::List { items, max_items } => {
                let list = value.as_array().ok_or_else(wrong)?;
                if list.is_empty() || list.len() > *max_items {
                    return Err(wrong());
                }
                let checked: Result<Vec<_>, String> = list
                    .iter()
                    .enumerate()
                    .map(|(index, item)| items.check(item).map_err(|detail| format!("item {index}: {detail}")))
                    .collect();
                checked.map(ParameterValue::List)
            }
        }
    }

    /// The JSON Schema (2020-12) of a value.
    #[must_use]
    pub fn json_schema(&self) -> Json {
        match self {
            Self::String { max_length } => json!({"type": "string", "maxLength": max_length}),
            Self::Integer { min, max } => {
                let mut schema = json!({"type": "integer", "format": "int64"});
                if let Some(min) = min {
                    schema["minimum"] = json!(min);
                }
                if let Some(max) = max {
                    schema["maximum"] = json!(max);
                }
                schema
            }
            Self::Decimal { scale: 0 } => json!({"type": "string", "pattern": "^-?[0-9]{1,65}$"}),
            Self::Decimal { scale } => {
                json!({"type": "string", "pattern": format!("^-?[0-9]{{1,65}}(\\.[0-9]{{1,{scale}}})?$")})
            }
            Self::Date { .. } => json!({"type": "string", "format": "date"}),
            Self::Timestamp => json!({"type": "string", "format": "date-time"}),
            Self::Boolean => json!({"type": "boolean"}),
            Self::Enum { values } => json!({"type": "string", "enum": values}),
            Self::List { items, max_items } => {
                json!({"type": "array", "items": items.json_schema(), "minItems": 1, "maxItems": max_items})
            }
        }
    }
}

/// The JSON Schema of the whole `parameters` object.
#[must_use]
pub fn json_schema(declared: &BTreeMap<String, Parameter>) -> Json {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (name, parameter) in declared {
        let mut schema = parameter.kind.json_schema();
        if !parameter.description.is_empty() {
            schema["description"] = json!(parameter.description);
        }
        if let Some(default) = &parameter.default {
            schema["default"] = default.clone();
        }
        if parameter.required && parameter.default.is_none() {
            required.push(name.clone());
        } else {
            // `null` is the same as nothing, as a report shows its parameters.
            schema["type"] = json!([schema["type"], "null"]);
            if let Some(values) = schema.get_mut("enum").and_then(Json::as_array_mut) {
                values.push(Json::Null);
            }
        }
        properties.insert(name.clone(), schema);
    }
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

fn range<T: std::fmt::Display>(min: Option<&T>, max: Option<&T>) -> String {
    match (min, max) {
        (Some(min), Some(max)) => format!("{min} to {max}"),
        (Some(min), None) => format!("at least {min}"),
        (None, Some(max)) => format!("at most {max}"),
        (None, None) => "any value".to_owned(),
    }
}

/// Reads `YYYY-MM-DD`, real dates only.
#[must_use]
pub fn parse_date(text: &str) -> Option<Date> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let number = |range: std::ops::Range<usize>| -> Option<u16> {
        bytes
            .get(range)?
            .iter()
            .try_fold(0u16, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u16::from(byte - b'0')))
    };
    let date = Date { year: number(0..4)?, month: number(5..7)? as u8, day: number(8..10)? as u8 };
    date.is_real().then_some(date)
}

fn is_decimal(text: &str, scale: usize) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    (1..=65).contains(&whole.len())
        && all_digits(whole)
        && all_digits(fraction)
        && fraction.len() <= scale
        && (!digits.contains('.') || !fraction.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared() -> BTreeMap<String, Parameter> {
        serde_json::from_value(json!({
            "from": {"type": "date", "required": true, "not_after": "to", "min": "2000-01-01"},
            "to": {"type": "date", "default": "2026-12-31"},
            "status": {"type": "list", "items": {"type": "enum", "values": ["active", "ended"]}, "max_items": 2},
            "amount": {"type": "decimal", "scale": 2},
            "count": {"type": "integer", "min": 1, "max": 9},
        }))
        .expect("parameters")
    }

    fn run(given: Json) -> Result<ParameterValues, Vec<FieldError>> {
        check(&declared(), given.as_object().expect("an object"))
    }

    #[test]
    fn good_values_are_typed_and_absent_ones_are_null() {
        let values = run(json!({"from": "2024-02-29", "status": ["active"], "amount": "-1.50"})).expect("valid");
        assert_eq!(values["from"], ParameterValue::Date("2024-02-29".to_owned()));
        assert_eq!(values["to"], ParameterValue::Date("2026-12-31".to_owned()));
        assert_eq!(values["count"], ParameterValue::Null);
        assert_eq!(values["amount"], ParameterValue::Decimal("-1.50".to_owned()));
    }

    #[test]
    fn all_problems_come_at_once_with_pointers() {
        let problems = run(json!({"status": [], "amount": 1.5, "count": 10, "colour/x": 1})).expect_err("invalid");
        let pointers: Vec<&str> = problems.iter().map(|problem| problem.pointer.as_str()).collect();
        assert_eq!(
            pointers,
            [
                "/parameters/colour~1x",
                "/parameters/amount",
                "/parameters/count",
                "/parameters/from",
                "/parameters/status"
            ]
        );
    }

    #[test]
    fn from_after_to_is_refused() {
        let problems = run(json!({"from": "2025-01-02", "to": "2025-01-01"})).expect_err("wrong order");
        assert_eq!(problems[0].detail, "must not be after `to`");
    }

    #[test]
    fn dates_must_exist() {
        for bad in ["2023-02-29", "2023-1-01", "20230101", "2023-01-01T00:00", "１２３４-01-01"] {
            assert!(run(json!({"from": bad})).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_schema_says_what_the_check_does() {
        let schema = json_schema(&declared());
        assert_eq!(schema["required"], json!(["from"]));
        assert_eq!(schema["additionalProperties"], json!(false));
        for (name, property) in schema["properties"].as_object().expect("properties") {
            assert_eq!(property["type"].is_array(), name != "from", "{name}: null is the same as nothing");
        }
    }
}
