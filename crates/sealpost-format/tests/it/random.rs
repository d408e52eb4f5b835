//! Rows by chance: CSV survives another reader, and no format shows how its rows were split.

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::test_runner::{Config, TestRunner};
use sealpost_core::batch::Value;
use sealpost_core::column::{Column, ColumnKind};
use serde_json::json;

use crate::fixture::{Table, date, format, write};
use crate::readers::{canonical, read};

fn columns() -> Vec<Column> {
    vec![
        Column::new("text", ColumnKind::Text),
        Column::new("number", ColumnKind::Integer),
        Column::new("ratio", ColumnKind::Float64),
        Column::new("bytes", ColumnKind::Bytes),
        Column::new("day", ColumnKind::Date),
        Column::new("word", ColumnKind::Text),
    ]
}

/// The test process is short: what it leaks, it leaks once.
fn text() -> impl Strategy<Value = Value<'static>> {
    let character = prop_oneof![
        4 => proptest::char::range('a', 'e'),
        3 => proptest::sample::select(vec!['"', ',', ';', '\r', '\n', '\t', ' ', '\\', 'N', '\'', '=', '<', '&', '_']),
        1 => any::<char>().prop_filter("XML 1.0 has it", |character| {
            !character.is_control() && !matches!(u32::from(*character), 0xFFFE | 0xFFFF)
        }),
    ];
    vec(character, 0..12).prop_map(|text| Value::Text(Box::leak(text.into_iter().collect::<String>().into_boxed_str())))
}

fn row() -> impl Strategy<Value = Vec<Value<'static>>> {
    fn or_null(value: impl Strategy<Value = Value<'static>>) -> impl Strategy<Value = Value<'static>> {
        prop_oneof![1 => Just(Value::Null), 5 => value]
    }
    let bytes = vec(any::<u8>(), 0..9).prop_map(|bytes| Value::Bytes(Box::leak(bytes.into_boxed_slice())));
    let day = (1_u16..10_000, 1_u8..=12, 1_u8..=28).prop_map(|(year, month, day)| Value::Date(date(year, month, day)));
    let ratio = any::<f64>().prop_filter("finite", |value| value.is_finite()).prop_map(Value::Float);
    (or_null(text()), or_null(any::<i64>().prop_map(Value::Int)), or_null(ratio), or_null(bytes), or_null(day), text())
        .prop_map(|(a, b, c, d, e, f)| vec![a, b, c, d, e, f])
}

#[test]
fn random_rows_survive_csv_and_pythons_reader() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.csv");
    let dialects = [
        json!({"null_text": "<nil>"}),
        json!({"null_text": "<nil>", "delimiter": ";", "quoting": "all", "line_ending": "lf"}),
        json!({"null_text": "<nil>", "delimiter": "e", "quoting": "non_numeric", "bytes": "base64"}),
        json!({"null_text": "<nil>", "delimiter": "-", "encoding": "utf-8-bom"}),
    ];
    let strategy = (vec(row(), 1..150), 0..dialects.len());
    TestRunner::new(Config { cases: 24, ..Config::default() })
        .run(&strategy, |(rows, dialect)| {
            let table = Table { columns: columns(), rows };
            let options = &dialects[dialect];
            std::fs::write(&file, write(&*format("csv", options.clone()), &table, 13).unwrap()).unwrap();
            let found = read("csv", &file, &table.columns, options);
            let expected: Vec<Vec<Option<String>>> = table
                .rows
                .iter()
                .map(|row| {
                    row.iter().zip(&table.columns).map(|(value, column)| canonical(*value, column.kind)).collect()
                })
                .collect();
            proptest::prop_assert_eq!(found, expected);
            Ok(())
        })
        .unwrap();
}

#[test]
fn random_splits_leave_no_trace() {
    let strategy = (vec(row(), 0..60), 1_usize..60, 1_usize..60);
    TestRunner::new(Config { cases: 40, ..Config::default() })
        .run(&strategy, |(rows, one, other)| {
            let table = Table { columns: columns(), rows };
            for entry in sealpost_format::FORMATS {
                let format = format(entry.name, json!({}));
                let [one, other] = [one, other].map(|split| write(&*format, &table, split).unwrap());
                proptest::prop_assert!(one == other, "{}", entry.name);
            }
            Ok(())
        })
        .unwrap();
}

/// Past every block, page and row group.
#[test]
fn splits_of_many_rows_leave_no_trace() {
    let fixture = crate::fixture::trouble(false);
    let rows = fixture.rows.iter().cycle().take(10_007).cloned().collect();
    let table = Table { columns: fixture.columns, rows };
    for entry in sealpost_format::FORMATS {
        let format =
            format(entry.name, if entry.name == "parquet" { json!({"row_group_rows": 3000}) } else { json!({}) });
        let [one, other] = [997, 4096].map(|split| write(&*format, &table, split).unwrap());
        assert!(one == other, "{}", entry.name);
    }
}
