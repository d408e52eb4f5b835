//! Rows with every type and every kind of trouble, and how to write them.

use sealpost_core::Result;
use sealpost_core::batch::{Batch, Value};
use sealpost_core::column::{Column, ColumnKind};
use sealpost_core::port::format::Format;
use sealpost_core::sink::MemorySink;
use sealpost_core::temporal::{Clock, Date, DateTime, Time, Timestamp};
use serde_json::{Map, Value as Json};

pub(crate) type Rows = Vec<Vec<Value<'static>>>;

/// Columns with rows.
#[derive(Clone)]
pub(crate) struct Table {
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Rows,
}

pub(crate) fn date(year: u16, month: u8, day: u8) -> Date {
    Date { year, month, day }
}

pub(crate) fn clock(hour: u8, minute: u8, second: u8, micro: u32) -> Clock {
    Clock { hour, minute, second, micro }
}

pub(crate) fn span(negative: bool, hours: u16, minute: u8, second: u8, micro: u32) -> Value<'static> {
    Value::Time(Time { negative, hours, minute, second, micro })
}

fn at(date: Date, clock: Clock) -> Value<'static> {
    Value::DateTime(DateTime { date, clock })
}

fn instant(date: Date, clock: Clock, offset_minutes: i16) -> Value<'static> {
    Value::Timestamp(Timestamp { local: DateTime { date, clock }, offset_minutes })
}

/// One column of every type.
pub(crate) fn columns() -> Vec<Column> {
    vec![
        Column::new("id", ColumnKind::Integer),
        Column::new("serial", ColumnKind::Unsigned),
        Column::new("ratio32", ColumnKind::Float32),
        Column::new("ratio", ColumnKind::Float64),
        Column::new("amount", ColumnKind::Decimal { precision: 12, scale: 2 }),
        Column::new("exact", ColumnKind::Decimal { precision: 65, scale: 30 }),
        Column::new("active", ColumnKind::Boolean),
        Column::new("Name, \"voll\"", ColumnKind::Text),
        Column::new("details", ColumnKind::Json),
        Column::new("digest", ColumnKind::Bytes),
        Column::new("signed on", ColumnKind::Date),
        Column::new("span", ColumnKind::Time { digits: 6 }),
        Column::new("booked_at", ColumnKind::DateTime { digits: 0 }),
        Column::new("changed_at", ColumnKind::DateTime { digits: 6 }),
        Column::new("seen_at", ColumnKind::Timestamp { digits: 3 }),
    ]
}

/// Every kind of trouble that all formats must carry; zero dates, which Parquet can't, on request.
pub(crate) fn trouble(zero_dates: bool) -> Table {
    let zero = |value: Value<'static>| if zero_dates { value } else { Value::Null };
    let never = date(0, 0, 0);
    let noon = clock(12, 0, 0, 0);
    let rows = vec![
        vec![
            Value::Int(1),
            Value::UInt(42),
            Value::Float(0.1_f32.into()),
            Value::Float(0.1),
            Value::Decimal("1234.50"),
            Value::Decimal("0.000000000000000000000000000001"),
            Value::Bool(true),
            Value::Text("Jörg Müßig-Öztürk"),
            Value::Text("{\"farbe\": \"grün\",\n \"gänge\": [1, 2.5, null]}"),
            Value::Bytes(&[0xDE, 0xAD, 0xBE, 0xEF]),
            Value::Date(date(2026, 11, 22)),
            span(false, 8, 5, 9, 250_000),
            at(date(2026, 2, 28), clock(7, 8, 9, 0)),
            at(date(2026, 2, 28), clock(7, 8, 9, 123_456)),
            instant(date(2026, 7, 1), clock(14, 30, 0, 125_000), 120),
        ],
        vec![Value::Null; 15],
        vec![
            Value::Int(0),
            Value::UInt(0),
            Value::Float(0.0),
            Value::Float(-1e-7),
            Value::Decimal("0.00"),
            Value::Decimal("0.000000000000000000000000000000"),
            Value::Bool(false),
            Value::Text(""),
            Value::Text("{}"),
            Value::Bytes(&[]),
            Value::Date(date(1970, 1, 1)),
            span(false, 0, 0, 0, 0),
            at(date(1970, 1, 1), clock(0, 0, 0, 0)),
            at(date(1970, 1, 1), clock(0, 0, 0, 1)),
            instant(date(1970, 1, 1), clock(0, 0, 0, 0), 0),
        ],
        vec![
            Value::Int(i64::MIN),
            Value::UInt(u64::MAX),
            Value::Float(f32::MAX.into()),
            Value::Float(f64::MAX),
            Value::Decimal("-9999999999.99"),
            Value::Decimal("-99999999999999999999999999999999999.999999999999999999999999999999"),
            Value::Bool(true),
            Value::Text("says \"hi\", then; a\ttab | pipe\r\nnew line \\ backslash\nend"),
            Value::Text("[\"a\\nb\", \"\\u00e4\"]"),
            Value::Bytes(&[0, 10, 13, 34, 44, 255]),
            Value::Date(date(9999, 12, 31)),
            span(true, 838, 59, 59, 0),
            at(date(9999, 12, 31), clock(23, 59, 59, 0)),
            at(date(9999, 12, 31), clock(23, 59, 59, 999_000)),
            instant(date(2038, 1, 19), clock(3, 14, 7, 999_000), -210),
        ],
        vec![
            Value::Int(i64::MAX),
            Value::UInt(9_007_199_254_740_993),
            Value::Float(f32::MIN_POSITIVE.into()),
            Value::Float(1e16),
            Value::Decimal("-0.01"),
            Value::Decimal("123456789012345.000000000000000000000000000000"),
            Value::Bool(false),
            Value::Text("=HYPERLINK(\"http://example.org\") 🚲"),
            Value::Text("\"=text\""),
            Value::Bytes(b"=1+1"),
            Value::Date(date(1900, 3, 1)),
            span(false, 838, 59, 59, 999_999),
            at(date(1900, 3, 1), noon),
            at(date(1900, 2, 28), noon),
            instant(date(2026, 1, 1), clock(0, 0, 0, 0), 345),
        ],
        vec![
            Value::Int(-7),
            Value::UInt(2155),
            Value::Float(1.5),
            Value::Float(2.0),
            Value::Decimal("7.10"),
            Value::Decimal("-1.500000000000000000000000000000"),
            Value::Bool(true),
            Value::Text("  spaces kept  "),
            Value::Text("null"),
            Value::Bytes(&[0; 3]),
            zero(Value::Date(never)),
            span(true, 0, 0, 1, 500_000),
            zero(at(never, clock(0, 0, 0, 0))),
            zero(at(date(2024, 0, 0), clock(0, 0, 0, 0))),
            Value::Null,
        ],
        vec![
            Value::Int(999_999_999_999_999),
            Value::UInt(1_000_000_000_000_001),
            Value::Float(3.25),
            Value::Float(std::f64::consts::PI),
            Value::Decimal("100.00"),
            Value::Decimal("12345678901234567.000000000000000000000000000000"),
            Value::Bool(false),
            Value::Text("<b>&amp;]]> _x0041_ \\N NULL ' ` €"),
            Value::Text("{\"<\": \"&\"}"),
            Value::Bytes(b"\\N"),
            Value::Date(date(1, 1, 1)),
            span(false, 23, 59, 59, 1),
            at(date(1000, 1, 1), noon),
            at(date(2024, 2, 29), clock(1, 2, 3, 4000)),
            instant(date(2026, 12, 31), clock(23, 59, 59, 0), 0),
        ],
    ];
    Table { columns: columns(), rows }
}

/// Text that one-byte encodings have.
pub(crate) fn western() -> Table {
    let columns = vec![
        Column::new("größe", ColumnKind::Text),
        Column::new("preis", ColumnKind::Decimal { precision: 10, scale: 2 }),
        Column::new("am", ColumnKind::Date),
    ];
    let rows = vec![
        vec![Value::Text("Žižkov; 5 € für Šárka"), Value::Decimal("-1234.56"), Value::Date(date(2026, 1, 9))],
        vec![Value::Text(""), Value::Null, Value::Null],
        vec![Value::Null, Value::Decimal("0.00"), Value::Date(date(1999, 12, 31))],
        vec![Value::Text("-5 œufs \"ß\""), Value::Decimal("7.00"), Value::Date(date(0, 0, 0))],
    ];
    Table { columns, rows }
}

/// Options from a JSON object.
pub(crate) fn map(options: Json) -> Map<String, Json> {
    options.as_object().unwrap().clone()
}

/// The format with these options.
pub(crate) fn format(name: &str, options: Json) -> std::sync::Arc<dyn Format> {
    (sealpost_format::format(name).unwrap().build)(&map(options)).unwrap()
}

/// Writes a table in batches of `split` rows.
pub(crate) fn write(format: &dyn Format, table: &Table, split: usize) -> Result<Vec<u8>> {
    let sink = MemorySink::default();
    let mut writer = format.begin(&table.columns, Box::new(sink.clone()))?;
    for (number, rows) in table.rows.chunks(split).enumerate() {
        let mut batch = Batch::new(table.columns.len(), (number * split) as u64);
        rows.iter().flatten().for_each(|value| batch.push(*value));
        writer.write(&batch)?;
    }
    writer.finish()?;
    Ok(sink.finished().expect("finish reaches the sink"))
}
