//! What a file is made of, beside its values (those are read back by other programs).

use ::parquet::file::metadata::RowGroupMetaData;
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use sealpost_core::column::ColumnKind;
use sealpost_core::sink::MemorySink;

use super::*;

/// A file of this many rows, of which the first column is different in each and the second repeats, written so many rows at a time.
fn file(rows: i64, at_once: i64) -> Vec<u8> {
    let column = |name: &str| Column::new(name.to_owned(), ColumnKind::Text);
    let columns = [Column::new("id".to_owned(), ColumnKind::Integer), column("a.b"), column("status")];
    let memory = MemorySink::default();
    let mut writer = build(&Map::new()).unwrap().begin(&columns, Box::new(memory.clone())).unwrap();
    for start in (0..rows).step_by(usize::try_from(at_once).unwrap()) {
        let mut batch = Batch::new(columns.len(), u64::try_from(start).unwrap());
        for row in start..(start + at_once).min(rows) {
            batch.push(Value::Int(row));
            batch.push(Value::Text(&format!("number {row}")));
            batch.push(Value::Text(if row % 3 == 0 { "active" } else { "ended" }));
        }
        writer.write(&batch).unwrap();
    }
    writer.finish().unwrap();
    memory.finished().unwrap()
}

/// What the file says of each row group.
fn groups(bytes: &[u8]) -> Vec<RowGroupMetaData> {
    let path = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(path.path(), bytes).unwrap();
    let reader = SerializedFileReader::new(path.reopen().unwrap()).unwrap();
    reader.metadata().row_groups().to_vec()
}

/// Whether each column has a dictionary in each row group.
fn dictionaries(bytes: &[u8]) -> Vec<Vec<bool>> {
    let has_dictionary = |group: &RowGroupMetaData| {
        group.columns().iter().map(|column| column.dictionary_page_offset().is_some()).collect()
    };
    groups(bytes).iter().map(has_dictionary).collect()
}

#[test]
fn columns_whose_values_repeat_have_a_dictionary_and_others_have_none() {
    assert_eq!(dictionaries(&file(70_000, 5_000)), [[false, false, true]; 2]);
}

#[test]
fn few_rows_are_written_as_ever_and_none_are_a_file_too() {
    assert_eq!(dictionaries(&file(999, 100)), [[true; 3]]);
    assert_eq!(dictionaries(&file(0, 1)), Vec::<Vec<bool>>::new());
}

#[test]
fn how_rows_arrive_does_not_show() {
    let whole = file(20_000, 20_000);
    assert!([1_000, 777, 8_192].iter().all(|at_once| file(20_000, *at_once) == whole));
}

#[test]
fn small_row_groups_grow_with_the_file() {
    const ROWS: usize = 1_500_000;
    let options = serde_json::json!({"row_group_rows": 1000, "compression": "none"}).as_object().unwrap().clone();
    let memory = MemorySink::default();
    let columns = [Column::new("same", ColumnKind::Integer)];
    let mut writer = build(&options).unwrap().begin(&columns, Box::new(memory.clone())).unwrap();
    let mut batch = Batch::new(1, 0);
    for start in (0..ROWS).step_by(10_000) {
        batch.clear(start as u64);
        (0..10_000).for_each(|_| batch.push(Value::Int(7)));
        writer.write(&batch).unwrap();
    }
    writer.finish().unwrap();
    let rows: Vec<i64> = groups(&memory.finished().unwrap()).iter().map(RowGroupMetaData::num_rows).collect();
    assert_eq!(rows.iter().sum::<i64>(), ROWS as i64);
    assert!(rows[..GROUP_PART].iter().all(|rows| *rows == 1000), "as asked, as long as the file is small");
    assert!(rows.len() < ROWS / 2000, "{} groups", rows.len());
}

/// A file of 200 columns with so many rows, whose first row group ends at 16 KiB.
fn wide(rows: i64) -> Vec<u8> {
    let columns: Vec<Column> = (0..200).map(|number| Column::new(format!("c{number}"), ColumnKind::Integer)).collect();
    let memory = MemorySink::default();
    let options = ParquetOptions::default();
    let mut writer: Box<dyn RowWriter> = Box::new(options.file(&columns, 16 * 1024, Box::new(memory.clone())).unwrap());
    let mut batch = Batch::new(columns.len(), 0);
    for start in (0..rows).step_by(1_000) {
        batch.clear(u64::try_from(start).unwrap());
        for row in start..start + 1_000 {
            (0..200).for_each(|column| batch.push(Value::Int(row * column)));
        }
        writer.write(&batch).unwrap();
    }
    writer.finish().unwrap();
    memory.finished().unwrap()
}

#[test]
fn row_groups_of_many_columns_grow_with_what_is_kept_about_them() {
    let rows_of = |bytes: &[u8]| groups(bytes).iter().map(RowGroupMetaData::num_rows).collect::<Vec<i64>>();
    let (small, large) = (rows_of(&wide(2_000)), rows_of(&wide(8_000)));
    assert_eq!((small.iter().sum::<i64>(), large.iter().sum::<i64>()), (2_000, 8_000));
    // All but the last, which has what is left.
    assert!(large[..large.len() - 1].is_sorted_by(|before, next| before < next), "{large:?}");
    assert!(large.len() < 3 * small.len(), "four times the rows: {} groups, then {}", small.len(), large.len());
}

#[test]
fn nothing_is_kept_about_pages() {
    for column in groups(&wide(2_000)).iter().flat_map(RowGroupMetaData::columns) {
        assert_eq!((column.column_index_offset(), column.offset_index_offset()), (None, None));
        assert!(column.statistics().is_some(), "each group still says what it has");
    }
}

#[test]
fn a_row_group_has_32_mib_or_as_much_as_is_kept_about_those_before_it() {
    for (columns, before, bytes) in [
        (200, 0, GROUP_BYTES),
        (200, 327, GROUP_BYTES),
        (200, 328, 328 * 200 * 512),
        (20, 3_276, GROUP_BYTES),
        (4_096, 32, 2 * GROUP_BYTES),
        (4_096, usize::MAX, usize::MAX),
    ] {
        assert_eq!(group_bytes(GROUP_BYTES, columns, before), bytes, "{columns} columns, {before} groups before");
    }
}

#[test]
fn a_row_group_has_as_many_rows_as_asked_or_its_part_and_never_more_than_the_most() {
    for (asked, before, rows) in [
        (1_000, 0, 1_000),
        (1_000, 256_000, 1_000),
        (1_000, 512_000, 2_000),
        (65_536, 10_000_000, 65_536),
        (65_536, 1_000_000_000, 1_048_576),
        (1_048_576, usize::MAX, 1_048_576),
    ] {
        assert_eq!(group_rows(asked, before), rows, "{asked} after {before}");
    }
}
