//! What can't be written is refused, with row and column and without the value.

use sealpost_core::batch::Value;
use sealpost_core::column::{Column, ColumnKind};
use sealpost_core::error::{Code, codes};
use serde_json::{Value as Json, json};

use crate::fixture::{Table, date, format, map, write};

const CANARY: &str = "CANARY-7f3a";

fn refused(name: &str, options: Json, kind: ColumnKind, value: Value<'static>, code: &Code) -> String {
    let columns = vec![Column::new("id", ColumnKind::Integer), Column::new("worth", kind)];
    let rows = vec![vec![Value::Int(1), Value::Null], vec![Value::Int(2), value]];
    for split in [1, 2] {
        let table = Table { columns: columns.clone(), rows: rows.clone() };
        let error = write(&*format(name, options.clone()), &table, split).unwrap_err();
        assert!(error.is(code), "{name}: {error:?}");
        assert!(error.detail().contains("row 2, column `worth`"), "{error}");
        assert!(!format!("{error:?}").contains(CANARY), "the value is in the error: {error:?}");
        if split == 2 {
            return error.detail().to_owned();
        }
    }
    unreachable!()
}

#[test]
fn characters_without_a_place_are_named_by_row_and_column() {
    for name in ["csv", "tsv"] {
        for encoding in ["windows-1252", "iso-8859-15"] {
            let value = Value::Text("CANARY-7f3a 🚲");
            let detail =
                refused(name, json!({"encoding": encoding}), ColumnKind::Text, value, &codes::format::CHARACTER);
            assert!(detail.contains(encoding), "{detail}");
        }
    }
}

#[test]
fn values_that_a_format_lacks_are_named_by_row_and_column() {
    let value = &codes::format::VALUE;
    refused("xml", json!({}), ColumnKind::Text, Value::Text("CANARY-7f3a \u{1}"), value);
    refused("json", json!({}), ColumnKind::Json, Value::Text("{CANARY-7f3a"), value);
    refused("ndjson", json!({}), ColumnKind::Json, Value::Text(""), value);
    let long: &'static str = Box::leak(CANARY.repeat(4000).into_boxed_str());
    refused("xlsx", json!({}), ColumnKind::Text, Value::Text(long), value);
    refused("parquet", json!({}), ColumnKind::Date, Value::Date(date(0, 0, 0)), value);
    let decimal = ColumnKind::Decimal { precision: 5, scale: 2 };
    refused("parquet", json!({}), decimal, Value::Decimal("1234.00"), value);
    refused("parquet", json!({}), decimal, Value::Decimal("1.005"), value);
    refused("parquet", json!({}), ColumnKind::Integer, Value::Text(CANARY), value);
    let never = json!({"quoting": "never"});
    refused("csv", never.clone(), ColumnKind::Text, Value::Text("CANARY-7f3a,"), value);
    refused("csv", never.clone(), ColumnKind::Text, Value::Text("CANARY-7f3a\n"), value);
    refused("csv", never, ColumnKind::Text, Value::Text(""), value);
    refused("tsv", json!({"null_text": "CANARY-7f3a"}), ColumnKind::Text, Value::Text(CANARY), value);
    refused("tsv", json!({"null_text": ""}), ColumnKind::Text, Value::Text(""), value);
    refused("tsv", json!({"null_text": "0"}), ColumnKind::Integer, Value::Int(0), value);
}

#[test]
fn columns_that_a_format_lacks_are_refused_before_the_first_row() {
    let refuse = |name: &str, options: Json, names: [&str; 2]| {
        let columns = names.map(|name| Column::new(name, ColumnKind::Text)).to_vec();
        let format = format(name, options);
        let said = format.check(&columns).unwrap_err();
        let error = write(&*format, &Table { columns, rows: Vec::new() }, 1).unwrap_err();
        assert!(error.is(&codes::format::COLUMN), "{name}: {error:?}");
        assert_eq!(format!("{said:?}"), format!("{error:?}"), "{name}");
    };
    for name in ["json", "ndjson", "xml", "parquet"] {
        refuse(name, json!({}), ["a", "a"]);
    }
    refuse("xml", json!({}), ["a b", "a_b"]);
    refuse("csv", json!({"encoding": "windows-1252"}), ["a", "日"]);
    refuse("tsv", json!({"encoding": "iso-8859-15"}), ["a", "日"]);
    refuse("csv", json!({"quoting": "never"}), ["a", "b,c"]);
    let many = Table {
        columns: (0..16_385).map(|number| Column::new(number.to_string(), ColumnKind::Text)).collect(),
        rows: Vec::new(),
    };
    assert!(write(&*format("xlsx", json!({})), &many, 1).unwrap_err().is(&codes::format::COLUMN));
    assert!(format("xlsx", json!({})).check(&many.columns).unwrap_err().is(&codes::format::COLUMN));
    assert!(sealpost_format::xsd(&many.columns[..2], &map(json!({"x": 1}))).is_err());
}
