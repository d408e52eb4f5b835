//! Options: the schema says what there is, and every mistake is named.

use sealpost_core::error::codes;
use serde_json::{Value as Json, json};

use crate::fixture::map;

fn pointers(name: &str, options: Json) -> Vec<(String, String)> {
    let Err(error) = (sealpost_format::format(name).unwrap().build)(&map(options.clone())) else {
        panic!("{name} takes {options}");
    };
    assert!(error.is(&codes::request::FORMAT_OPTION), "{error:?}");
    error.fields().iter().map(|field| (field.pointer.clone(), field.detail.clone())).collect()
}

/// A request without options is not tried out before it is admitted.
#[test]
fn every_format_can_do_without_options() {
    for entry in sealpost_format::FORMATS {
        assert!((entry.build)(&map(json!({}))).is_ok(), "{}", entry.name);
    }
}

#[test]
fn all_mistakes_are_named_at_once() {
    let found = pointers(
        "csv",
        json!({
            "delimiter": "ab", "quoting": "sometimes", "header": 1, "encoding": "latin1", "date_pattern": "yyyy",
            "colour": "red", "a/b": 1, "bytes": "hex"
        }),
    );
    for (pointer, word) in [
        ("/format_options/delimiter", "one ASCII character"),
        ("/format_options/quoting", "non_numeric"),
        ("/format_options/header", "boolean"),
        ("/format_options/encoding", "windows-1252"),
        ("/format_options/date_pattern", "`yyyy` is no token"),
        ("/format_options/colour", "unknown option; the options are delimiter"),
        ("/format_options/a~1b", "unknown option"),
    ] {
        let detail = found.iter().find(|(found, _)| found == pointer).map(|(_, detail)| detail);
        assert!(detail.is_some_and(|detail| detail.contains(word)), "{pointer}: {detail:?}");
    }
    assert_eq!(found.len(), 7, "{found:#?}");
}

/// What can't be read, and what does not fit.
#[test]
fn mistakes_of_both_kinds_are_named_at_once() {
    for (name, options) in [
        ("csv", json!({"delimiter": "ab", "null_text": "\""})),
        ("parquet", json!({"zstd_level": 23, "compression": "lz4"})),
        ("xlsx", json!({"bytes": "x", "sheet_name": "a/b"})),
    ] {
        let mut found: Vec<String> = pointers(name, options.clone()).into_iter().map(|(pointer, _)| pointer).collect();
        found.sort();
        let mut expected: Vec<String> =
            options.as_object().unwrap().keys().map(|option| format!("/format_options/{option}")).collect();
        expected.sort();
        assert_eq!(found, expected, "{name} {options}");
    }
}

#[test]
fn options_that_do_not_fit_are_named() {
    for (name, options, option) in [
        ("csv", json!({"delimiter": "\""}), "delimiter"),
        ("csv", json!({"delimiter": "ä"}), "delimiter"),
        ("csv", json!({"delimiter": ";", "null_text": "a;b"}), "null_text"),
        ("csv", json!({"encoding": "windows-1252", "null_text": "∅"}), "null_text"),
        ("csv", json!({"quoting": "never", "decimal_separator": "comma"}), "decimal_separator"),
        ("csv", json!({"datetime_pattern": "YYYY Z"}), "datetime_pattern"),
        ("csv", json!({"null_text": "x".repeat(65)}), "null_text"),
        ("csv", json!({"date_pattern": "YYYY".to_owned() + &"-".repeat(125)}), "date_pattern"),
        ("tsv", json!({"null_text": "a\tb"}), "null_text"),
        ("tsv", json!({"null_text": "ä".repeat(65)}), "null_text"),
        ("json", json!({"decimals": "float"}), "decimals"),
        ("ndjson", json!({"json_columns": true}), "json_columns"),
        ("xml", json!({"root_element": "a b"}), "root_element"),
        ("xml", json!({"row_element": "xmlRow"}), "row_element"),
        ("xml", json!({"root_element": "a".repeat(256)}), "root_element"),
        ("xml", json!({"row_element": "a".repeat(256)}), "row_element"),
        ("xlsx", json!({"sheet_name": "a/b"}), "sheet_name"),
        ("xlsx", json!({"sheet_name": ""}), "sheet_name"),
        ("xlsx", json!({"sheet_name": "x".repeat(26)}), "sheet_name"),
        ("parquet", json!({"zstd_level": 23}), "zstd_level"),
        ("parquet", json!({"row_group_rows": 1}), "row_group_rows"),
        ("parquet", json!({"compression": "lz4"}), "compression"),
    ] {
        let found = pointers(name, options.clone());
        assert_eq!(found.len(), 1, "{name} {options}: {found:?}");
        assert_eq!(found[0].0, format!("/format_options/{option}"), "{name} {options}");
    }
}

#[test]
fn texts_may_be_as_long_as_the_schema_says() {
    let mut texts = 0;
    for entry in sealpost_format::FORMATS {
        let schema = (entry.options_schema)();
        let properties = schema["properties"].as_object().unwrap().iter();
        for (option, property) in properties.filter(|(_, property)| property["type"] == "string") {
            // Where there is a list, and for one character, no length has to be said.
            let (listed, pattern) = (property["enum"].is_array(), property["pattern"].is_string());
            let most = property["maxLength"].as_u64();
            assert!(listed || most.is_some() || pattern && option == "delimiter", "{}: {option}", entry.name);
            let Some(most) = most else { continue };
            texts += 1;
            // A pattern has to have a token.
            let start = if option.ends_with("_pattern") { "YYYY" } else { "a" };
            let fill = if option.ends_with("_pattern") { "-" } else { "b" };
            let long = start.to_owned() + &fill.repeat(usize::try_from(most).unwrap() - start.len());
            assert!((entry.build)(&map(json!({option: long}))).is_ok(), "{}: {option}", entry.name);
            assert_eq!(pointers(entry.name, json!({option: long + fill})).len(), 1, "{}: {option}", entry.name);
        }
    }
    assert_eq!(texts, 8);
}

#[test]
fn schemas_describe_every_option_with_its_default() {
    for entry in sealpost_format::FORMATS {
        let schema = (entry.options_schema)();
        assert_eq!(schema["additionalProperties"], json!(false), "{}", entry.name);
        let properties = schema["properties"].as_object().unwrap();
        let mut defaults = serde_json::Map::new();
        for (name, property) in properties {
            assert!(
                property["description"].as_str().is_some_and(|text| text.contains("Default:")),
                "{}: {name}",
                entry.name
            );
            defaults.insert(name.clone(), property["default"].clone());
        }
        assert!((entry.build)(&defaults).is_ok(), "{}: its defaults are no options: {defaults:?}", entry.name);
        assert!((entry.build)(&serde_json::Map::new()).is_ok());
    }
}

#[test]
fn tables_find_by_name_and_names_are_unique() {
    assert!(sealpost_format::format("CSV").is_none() && sealpost_format::compression("rar").is_none());
    for entry in sealpost_format::FORMATS {
        assert!(std::ptr::eq(sealpost_format::format(entry.name).unwrap(), entry));
    }
    for entry in sealpost_format::COMPRESSIONS {
        assert!(std::ptr::eq(sealpost_format::compression(entry.name).unwrap(), entry));
    }
}
