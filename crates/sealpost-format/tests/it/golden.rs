//! The exact bytes of every format. `SEALPOST_BLESS=1` rewrites the files; look at the difference before committing.

use std::path::PathBuf;

use serde_json::{Value as Json, json};

use crate::fixture::{Table, format, trouble, western, write};

/// A format with options, and the table that it writes.
pub(crate) struct Case {
    pub(crate) format: &'static str,
    pub(crate) name: &'static str,
    pub(crate) options: Json,
    pub(crate) table: Table,
}

fn case(format: &'static str, name: &'static str, options: Json, table: Table) -> Case {
    Case { format, name, options, table }
}

/// Every case; each is compared with its golden file and read back by another program.
pub(crate) fn cases() -> Vec<Case> {
    let nothing = Table { rows: Vec::new(), ..trouble(false) };
    vec![
        case("csv", "default", json!({}), trouble(true)),
        case("csv", "empty", json!({}), nothing.clone()),
        case("csv", "null_text", json!({"null_text": "<null>", "quoting": "all"}), trouble(true)),
        case(
            "csv",
            "german",
            json!({
                "delimiter": ";", "encoding": "windows-1252", "decimal_separator": "comma",
                "date_pattern": "DD.MM.YYYY", "line_ending": "lf"
            }),
            western(),
        ),
        case("csv", "latin9", json!({"encoding": "iso-8859-15", "delimiter": "|", "header": false}), western()),
        case(
            "csv",
            "excel",
            json!({"encoding": "utf-8-bom", "quoting": "non_numeric", "formula_guard": true, "delimiter": "\t"}),
            western(),
        ),
        case("csv", "comma_in_numbers", json!({"decimal_separator": "comma", "bytes": "base64"}), trouble(true)),
        case(
            "csv",
            "patterns",
            json!({
                "datetime_pattern": "D.M.YY H:mm:ss,SSS", "timestamp_pattern": "YYYYMMDDTHHmmssZ",
                "date_pattern": "'day' DD/MM, YYYY"
            }),
            trouble(true),
        ),
        case("tsv", "default", json!({}), trouble(true)),
        case("tsv", "latin9", json!({"encoding": "iso-8859-15", "header": false}), western()),
        case("json", "default", json!({}), trouble(true)),
        case("json", "empty", json!({}), nothing.clone()),
        case(
            "json",
            "strings",
            json!({"large_integers": "string", "json_columns": "text", "bytes": "hex"}),
            trouble(true),
        ),
        case("ndjson", "default", json!({}), trouble(true)),
        case("ndjson", "numbers", json!({"decimals": "number"}), trouble(true)),
        case("xml", "default", json!({}), trouble(true)),
        case("xml", "empty", json!({}), nothing.clone()),
        case(
            "xml",
            "names",
            json!({"root_element": "Verträge", "row_element": "Vertrag", "bytes": "hex"}),
            trouble(true),
        ),
        case("xlsx", "default", json!({}), trouble(true)),
        case("xlsx", "empty", json!({}), nothing.clone()),
        case(
            "xlsx",
            "text",
            json!({"timestamps": "text", "sheet_name": "R&D's <x>", "bytes": "base64"}),
            trouble(true),
        ),
        case("parquet", "default", json!({}), trouble(false)),
        case("parquet", "empty", json!({}), nothing),
        case("parquet", "snappy", json!({"compression": "snappy", "row_group_rows": 1000}), trouble(false)),
        case("parquet", "none", json!({"compression": "none"}), trouble(false)),
    ]
}

#[test]
fn bytes_are_those_of_the_golden_files() {
    let bless = std::env::var_os("SEALPOST_BLESS").is_some();
    let mut changed = Vec::new();
    for case in cases() {
        let format = format(case.format, case.options);
        format.check(&case.table.columns).unwrap();
        let written = write(&*format, &case.table, 100).unwrap();
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(case.format);
        let file = folder.join(format!("{}.{}", case.name, sealpost_format::format(case.format).unwrap().extension));
        if bless {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&file, written).unwrap();
        } else if std::fs::read(&file).ok() != Some(written) {
            changed.push(file);
        }
    }
    assert!(changed.is_empty(), "differ from what is written now (SEALPOST_BLESS=1 rewrites them): {changed:#?}");
}

#[test]
fn every_format_has_a_golden_file() {
    for entry in sealpost_format::FORMATS {
        assert!(cases().iter().any(|case| case.format == entry.name), "{} has none", entry.name);
    }
}

#[test]
fn the_split_into_batches_leaves_no_trace() {
    for case in cases() {
        let format = format(case.format, case.options);
        let whole = write(&*format, &case.table, 1000).unwrap();
        for split in [1, 2, 3] {
            assert!(write(&*format, &case.table, split).unwrap() == whole, "{} {} by {split}", case.format, case.name);
        }
    }
}
