//! Reading a format's options: every wrong one is named, with what would be right.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use sealpost_core::error::{FieldError, Result, codes};
use sealpost_core::{Error, column::Column};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

/// Where options stand in a request.
const POINTER: &str = "/format_options";

/// Most characters of a null text, which is written as often as there is no value.
pub(crate) const MOST_NULL_TEXT: usize = 64;

/// The options of one format. Every field has a default, so that each can be read alone; unknown ones are refused by serde.
pub(crate) trait Options: DeserializeOwned + Serialize + JsonSchema {
    /// What does not go together, as name of the option and what would be right.
    fn conflicts(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

/// The JSON Schema (2020-12) of a format's options, in one piece.
pub(crate) fn schema<O: Options>() -> Json {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<O>().to_value()
}

/// Reads options. Each is tried on its own first, so that one mistake does not hide the next.
pub(crate) fn read<O: Options>(given: &Map<String, Json>) -> Result<O> {
    // The schema is for explaining: making it takes longer than everything else that a request costs.
    if let Ok(options) = serde_json::from_value::<O>(Json::Object(given.clone()))
        && options.conflicts().is_empty()
    {
        return Ok(options);
    }
    let schema = schema::<O>();
    let known = schema.get("properties").and_then(Json::as_object);
    let mut wrong = Vec::new();
    let mut read_alone = Map::new();
    for (name, value) in given {
        let Some(property) = known.and_then(|known| known.get(name)) else {
            let names: Vec<&str> = known.into_iter().flat_map(Map::keys).map(String::as_str).collect();
            wrong.push(field(name, format!("unknown option; the options are {}", names.join(", "))));
            continue;
        };
        let alone = Json::Object([(name.clone(), value.clone())].into_iter().collect());
        match serde_json::from_value::<O>(alone) {
            Ok(_) => drop(read_alone.insert(name.clone(), value.clone())),
            Err(error) => wrong.push(field(name, explain(&error.to_string(), property))),
        }
    }
    // In place of those that can't be read stand the defaults, of which nothing is said.
    let is_whole = wrong.is_empty();
    match serde_json::from_value::<O>(Json::Object(read_alone.clone())) {
        Ok(options) => {
            let conflicts = options.conflicts().into_iter();
            let conflicts = conflicts.filter(|(name, _)| is_whole || read_alone.contains_key(*name));
            wrong.extend(conflicts.map(|(name, detail)| field(name, detail)));
        }
        Err(error) => wrong.push(FieldError::new(POINTER, error.to_string())),
    }
    let names: Vec<&str> = wrong.iter().map(|field| field.pointer.trim_start_matches("/format_options/")).collect();
    let detail = format!("not valid: {}", names.join(", "));
    Err(Error::new(&codes::request::FORMAT_OPTION, detail).with_fields(wrong))
}

/// What is said of a null text that is longer than it may be.
pub(crate) fn too_long_for_null(text: &str) -> Option<(&'static str, String)> {
    let is_too_long = text.chars().count() > MOST_NULL_TEXT;
    is_too_long.then(|| ("null_text", format!("must have at most {MOST_NULL_TEXT} characters")))
}

fn field(name: &str, detail: String) -> FieldError {
    // RFC 6901 section 3: `~` and `/` are escaped in pointers.
    FieldError::new(format!("{POINTER}/{}", name.replace('~', "~0").replace('/', "~1")), detail)
}

/// serde's words, and the allowed values where the schema lists them and the words do not.
fn explain(words: &str, property: &Json) -> String {
    let listed: Vec<&str> = property
        .get("enum")
        .or_else(|| property.get("oneOf"))
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .filter_map(|value| value.as_str().or_else(|| value.get("const").and_then(Json::as_str)))
        .collect();
    if listed.is_empty() || words.contains("expected one of") {
        words.to_owned()
    } else {
        format!("{words}; allowed: {}", listed.join(", "))
    }
}

/// Refuses columns that can't be told apart where the format addresses them by name.
pub(crate) fn check_unique(columns: &[Column]) -> Result<()> {
    let mut seen = std::collections::BTreeSet::new();
    for column in columns {
        if !seen.insert(column.name.as_str()) {
            let detail = format!("column `{}` exists twice; this format addresses columns by name", column.name);
            return Err(Error::new(&codes::format::COLUMN, detail));
        }
    }
    Ok(())
}
