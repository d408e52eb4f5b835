//! Every case read back by programs that are not ours, and compared value by value.

use std::path::Path;
use std::process::Command;

use sealpost_core::batch::Value;
use sealpost_core::column::{Column, ColumnKind};
use serde_json::{Value as Json, json};

use crate::fixture::{Table, format, map, write};
use crate::golden::cases;

/// Runs a program and gives what it printed.
///
/// # Panics
/// When it is missing (with what to install) or fails (with what it said).
pub(crate) fn run(command: &mut Command, install: &str) -> Vec<u8> {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; install it: {install}"));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed (perhaps missing: {install}): {complaint}");
    output.stdout
}

/// The rows that the independent reader finds in a file.
pub(crate) fn read(name: &str, file: &Path, columns: &[Column], options: &Json) -> Vec<Vec<Option<String>>> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/readers/read.py");
    let columns = serde_json::to_string(columns).unwrap();
    let mut command = Command::new("python3");
    command.arg(script).arg(name).arg(file).arg(columns).arg(options.to_string());
    let lines = run(&mut command, "apt-get install python3, and python3 -m pip install openpyxl pyarrow");
    let lines = String::from_utf8(lines).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A value as the reader prints it.
pub(crate) fn canonical(value: Value<'_>, kind: ColumnKind) -> Option<String> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::UInt(value) => value.to_string(),
        Value::Float(value) if kind == ColumnKind::Float32 => format!("{:08x}", (value as f32).to_bits()),
        Value::Float(value) => format!("{:016x}", value.to_bits()),
        Value::Decimal(text) | Value::Text(text) => text.to_owned(),
        Value::Bytes(bytes) => hex::encode(bytes),
        Value::Date(date) => date.to_string(),
        Value::Time(time) => {
            let sign = if time.negative { "-" } else { "" };
            format!("{sign}{:02}:{:02}:{:02}.{:06}", time.hours, time.minute, time.second, time.micro)
        }
        Value::DateTime(value) => wall_clock(value),
        Value::Timestamp(value) => value.micros_since_epoch().unwrap().to_string(),
    })
}

fn wall_clock(value: sealpost_core::temporal::DateTime) -> String {
    let clock = value.clock;
    format!("{} {:02}:{:02}:{:02}.{:06}", value.date, clock.hour, clock.minute, clock.second, clock.micro)
}

/// What a format keeps of a value, by its documentation.
fn expected(name: &str, options: &Json, value: Value<'_>, kind: ColumnKind) -> Option<String> {
    let csv_null = options.get("null_text").and_then(Json::as_str).unwrap_or_default();
    match (name, value) {
        // Python's reader can't tell "" from nothing; golden files and `null_and_empty_differ` do.
        ("csv", Value::Text(text)) if text == csv_null => None,
        ("csv", Value::Bytes([])) if csv_null.is_empty() => None,
        // An embedded JSON null is a null.
        ("json" | "ndjson", Value::Text("null"))
            if kind == ColumnKind::Json && options.get("json_columns").is_none() =>
        {
            None
        }
        // The wall clock of the report's zone.
        ("xlsx", Value::Timestamp(value)) if options.get("timestamps").is_none() => Some(wall_clock(value.local)),
        _ => canonical(value, kind),
    }
}

fn compare(name: &str, case: &str, options: &Json, table: &Table, found: &[Vec<Option<String>>]) {
    assert_eq!(found.len(), table.rows.len(), "{name} {case}: number of rows");
    for (number, (row, found)) in table.rows.iter().zip(found).enumerate() {
        for ((value, column), found) in row.iter().zip(&table.columns).zip(found) {
            let expected = expected(name, options, *value, column.kind);
            let place = format!("{name} {case}: row {}, column {}", number + 1, column.name);
            match (&expected, found) {
                (Some(expected), Some(found)) if column.kind == ColumnKind::Json => {
                    // Compared as documents: numbers may be spelled differently once another program has read them.
                    let [expected, found] = [expected, found].map(|text| {
                        let text = text.replace("\"2.5\"", "2.5");
                        serde_json::from_str::<Json>(&text).unwrap()
                    });
                    assert_eq!(expected, found, "{place}");
                }
                _ => assert_eq!(&expected, found, "{place}"),
            }
        }
    }
}

#[test]
fn another_program_reads_the_same_values() {
    let folder = tempfile::tempdir().unwrap();
    // Patterns that drop digits or begin with words can't be read back as values.
    for case in cases().into_iter().filter(|case| case.name != "patterns") {
        let file = folder.path().join(format!("{}.{}", case.name, case.format));
        std::fs::write(&file, write(&*format(case.format, case.options.clone()), &case.table, 3).unwrap()).unwrap();
        let found = read(case.format, &file, &case.table.columns, &case.options);
        compare(case.format, case.name, &case.options, &case.table, &found);
    }
}

#[test]
fn xmllint_finds_every_file_valid_by_its_xsd() {
    let folder = tempfile::tempdir().unwrap();
    for case in cases().into_iter().filter(|case| case.format == "xml") {
        let (file, xsd) = (folder.path().join("report.xml"), folder.path().join("report.xsd"));
        std::fs::write(&file, write(&*format("xml", case.options.clone()), &case.table, 3).unwrap()).unwrap();
        let schema = sealpost_format::xsd(&case.table.columns, &map(case.options)).unwrap();
        std::fs::write(&xsd, schema).unwrap();
        let mut xmllint = Command::new("xmllint");
        xmllint.args(["--noout", "--nonet", "--schema"]).arg(&xsd).arg(&file);
        run(&mut xmllint, "apt-get install libxml2-utils");
        // The schema is strict enough to notice a wrong value.
        let broken = std::fs::read_to_string(&file).unwrap().replace("<id>1</id>", "<id>one</id>");
        if broken.contains("<id>one</id>") {
            std::fs::write(&file, broken).unwrap();
            assert!(!xmllint.output().unwrap().status.success(), "a wrong value passed the schema");
        }
    }
}

#[test]
fn jq_reads_json_and_json_lines() {
    let folder = tempfile::tempdir().unwrap();
    for case in cases().into_iter().filter(|case| ["json", "ndjson"].contains(&case.format)) {
        let file = folder.path().join("report.json");
        std::fs::write(&file, write(&*format(case.format, case.options), &case.table, 3).unwrap()).unwrap();
        let filter = if case.format == "json" { ".[] | .\"Name, \\\"voll\\\"\"" } else { ".\"Name, \\\"voll\\\"\"" };
        let names = run(Command::new("jq").args(["-c", filter]).arg(&file), "apt-get install jq");
        let names: Vec<Json> =
            String::from_utf8(names).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let expected: Vec<Json> = case
            .table
            .rows
            .iter()
            .map(|row| match row[7] {
                Value::Text(text) => json!(text),
                _ => Json::Null,
            })
            .collect();
        assert_eq!(names, expected, "{} {}", case.format, case.name);
    }
}

#[test]
fn null_and_empty_differ() {
    let columns = vec![Column::new("a", ColumnKind::Text), Column::new("b", ColumnKind::Text)];
    let rows = vec![vec![Value::Null, Value::Text("")], vec![Value::Text("NULL"), Value::Text("\\N")]];
    let table = Table { columns, rows };
    let text = |name, options| String::from_utf8(write(&*format(name, options), &table, 9).unwrap()).unwrap();
    assert_eq!(text("csv", json!({})), "a,b\r\n,\"\"\r\nNULL,\\N\r\n");
    assert_eq!(text("csv", json!({"null_text": "NULL"})), "a,b\r\nNULL,\r\n\"NULL\",\\N\r\n");
    assert_eq!(text("csv", json!({"quoting": "all"})), "\"a\",\"b\"\r\n,\"\"\r\n\"NULL\",\"\\N\"\r\n");
    assert_eq!(text("tsv", json!({})), "a\tb\n\\N\t\nNULL\t\\\\N\n");
    assert_eq!(text("ndjson", json!({})), "{\"a\":null,\"b\":\"\"}\n{\"a\":\"NULL\",\"b\":\"\\\\N\"}\n");
    assert!(text("xml", json!({})).contains("<row><a xsi:nil=\"true\"/><b></b></row>"));
}
