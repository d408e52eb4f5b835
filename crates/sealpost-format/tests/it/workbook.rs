//! Workbooks with more rows than a sheet has.

use std::process::Command;

use sealpost_core::batch::Value;
use sealpost_core::column::{Column, ColumnKind};
use serde_json::json;

use crate::fixture::{Table, map, write};
use crate::readers::{canonical, read, run};

fn table(rows: i64) -> Table {
    let columns = vec![Column::new("id", ColumnKind::Integer), Column::new("name", ColumnKind::Text)];
    Table { columns, rows: (0..rows).map(|id| vec![Value::Int(id), Value::Text("Rad")]).collect() }
}

#[test]
fn further_sheets_begin_where_the_limit_is_reached() {
    let folder = tempfile::tempdir().unwrap();
    // Ten rows with the header: nine rows of data a sheet.
    for (rows, sheets) in [(8, 1), (9, 1), (10, 2), (18, 2), (19, 3), (25, 3)] {
        let table = table(rows);
        let format = sealpost_format::xlsx_with_rows_per_sheet(&map(json!({})), 10).unwrap();
        let bytes = write(&*format, &table, 4).unwrap();
        assert!(bytes == write(&*format, &table, 7).unwrap(), "the split shows");
        let file = folder.path().join("report.xlsx");
        std::fs::write(&file, bytes).unwrap();
        let found = read("xlsx", &file, &table.columns, &json!({}));
        let expected: Vec<Vec<Option<String>>> = table
            .rows
            .iter()
            .map(|row| row.iter().zip(&table.columns).map(|(value, column)| canonical(*value, column.kind)).collect())
            .collect();
        assert_eq!(found, expected);
        let script = "import sys, openpyxl; print(len(openpyxl.load_workbook(sys.argv[1]).sheetnames))";
        let count = run(Command::new("python3").args(["-c", script]).arg(&file), "python3 -m pip install openpyxl");
        assert_eq!(String::from_utf8(count).unwrap().trim(), sheets.to_string());
    }
}

#[test]
fn what_stands_between_values_is_compressed_by_where_it_stood_before() {
    // Bytes of a cell of seven digits by chance, which alone are three.
    let size = |kind: ColumnKind, value: fn(u64) -> Value<'static>| {
        let columns: Vec<Column> = (0..20).map(|number| Column::new(format!("c{number}"), kind)).collect();
        let mut state = 1_u64;
        let mut digits = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            1_000_000 + (state >> 40) % 9_000_000
        };
        let rows = (0..3000).map(|_| columns.iter().map(|_| value(digits())).collect()).collect();
        let table = Table { columns, rows };
        write(&*crate::fixture::format("xlsx", json!({})), &table, 1000).unwrap().len() as f64 / 60_000.0
    };
    let numbers = size(ColumnKind::Integer, |digits| Value::Int(digits as i64));
    let long_numbers = size(ColumnKind::Integer, |digits| Value::Int(1_000_000_000_000_000_000 + digits as i64));
    let texts = size(ColumnKind::Text, |digits| Value::Text(digits.to_string().leak()));
    let escaped_texts = size(ColumnKind::Text, |digits| Value::Text(format!("&{digits}").leak()));
    // Without marks it is about one byte more for each.
    for (size, most) in [(numbers, 7.9), (long_numbers, 8.6), (texts, 7.9), (escaped_texts, 8.4)] {
        assert!(size < most, "{size} bytes, where {most} are too many");
    }
}

#[test]
fn rows_of_huge_values_between_small_ones_survive() {
    let folder = tempfile::tempdir().unwrap();
    let columns: Vec<Column> = (0..24).map(|number| Column::new(format!("c{number}"), ColumnKind::Text)).collect();
    // More than is compressed at once: what repeats within a value, and what never does.
    let (word, mut state) = ("Fahrradleasing,Nord,".repeat(1600), 1_u64);
    let noise: String = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'!' + 32 + (state >> 58) as u8 % 26)
    })
    .take(32_000)
    .collect();
    // Leaked once: the table's values are for ever.
    let rows = ["a".to_owned(), word, "b".to_owned(), noise, "c".to_owned()].map(|text| &*text.leak());
    let rows = rows.map(|text| columns.iter().map(|_| Value::Text(text)).collect::<Vec<_>>());
    let table = Table { columns, rows: rows.to_vec() };
    let file = folder.path().join("report.xlsx");
    std::fs::write(&file, write(&*crate::fixture::format("xlsx", json!({})), &table, 2).unwrap()).unwrap();
    let found = read("xlsx", &file, &table.columns, &json!({}));
    let canonical =
        |row: &Vec<Value<'_>>| row.iter().map(|value| canonical(*value, ColumnKind::Text)).collect::<Vec<_>>();
    assert!(found == table.rows.iter().map(canonical).collect::<Vec<_>>());
}

#[test]
fn every_part_is_well_formed_and_the_archive_sound() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.xlsx");
    let format = sealpost_format::xlsx_with_rows_per_sheet(&map(json!({"sheet_name": "A & \"B\""})), 5).unwrap();
    std::fs::write(&file, write(&*format, &crate::fixture::trouble(true), 3).unwrap()).unwrap();
    run(Command::new("unzip").arg("-q").arg(&file).arg("-d").arg(folder.path()), "apt-get install unzip");
    for part in ["xl/workbook.xml", "xl/styles.xml", "xl/worksheets/sheet1.xml", "xl/worksheets/sheet2.xml"] {
        run(Command::new("xmllint").arg("--noout").arg(folder.path().join(part)), "apt-get install libxml2-utils");
    }
}
