//! Values come back as they went in, and text that is none is found.

use super::*;

#[test]
fn a_cell_stays_small() {
    assert_eq!(size_of::<Cell>(), 16);
}

#[test]
fn values_come_back_in_order_and_null_is_not_empty() {
    let mut batch = Batch::new(3, 7);
    for value in [
        Value::Int(-1),
        Value::Text("Jörg"),
        Value::Null,
        Value::UInt(u64::MAX),
        Value::Text(""),
        Value::Bytes(&[0, 255]),
    ] {
        batch.push(value);
    }
    let rows: Vec<Vec<Value<'_>>> = batch.iter().map(|row| row.values().collect()).collect();
    assert_eq!(rows[0], [Value::Int(-1), Value::Text("Jörg"), Value::Null]);
    assert_eq!(rows[1], [Value::UInt(u64::MAX), Value::Text(""), Value::Bytes(&[0, 255])]);
    assert_eq!((batch.rows(), batch.first_row()), (2, 7));
}

#[test]
fn text_that_is_not_utf8_is_found_where_it_is() {
    let of = |texts: &[&[u8]]| {
        let mut batch = Batch::new(2, 0);
        texts.iter().for_each(|text| batch.push_utf8(text));
        batch
    };
    let whole = of(&["Jö".as_bytes(), b"", "€".as_bytes(), b"x"]);
    assert_eq!(whole.check(), Ok(()));
    let values: Vec<Value<'_>> = whole.iter().flat_map(Row::values).collect();
    assert_eq!(values, [Value::Text("Jö"), Value::Text(""), Value::Text("€"), Value::Text("x")]);
    assert_eq!(of(&[b"a", b"b", b"c", b"\xFF"]).check(), Err((1, 1)));
    // Two halves of a character make one whole arena, and still no text.
    assert_eq!(of(&[b"a", b"J\xC3", b"\xB6rg", b"b"]).check(), Err((0, 1)));
    assert_eq!(of(&[b"a", b"b\xE2\x82"]).check(), Err((0, 1)));
}

#[test]
fn an_emptied_batch_has_forgotten_what_was_wrong() {
    let mut batch = Batch::new(1, 0);
    batch.push_utf8(b"\x80");
    assert_eq!(batch.check(), Err((0, 0)));
    batch.clear(1);
    batch.push_utf8(b"a");
    assert_eq!(batch.check(), Ok(()));
}

#[test]
fn places_reach_through_4_gib_and_no_further() {
    let most = usize::try_from(u32::MAX).unwrap();
    assert!(reaches(most) && !reaches(most + 1));
    let mut batch = Batch::new(2, 0);
    batch.push(Value::Text("a"));
    batch.push(Value::Bytes(&[1]));
    assert!(batch.has_places());
}

#[test]
fn each_value_is_the_one_that_the_iterator_gives() {
    let date = Date { year: 2026, month: 1, day: 31 };
    let clock = Clock { hour: 23, minute: 59, second: 58, micro: 999_999 };
    let local = DateTime { date, clock };
    let values = [
        Value::Null,
        Value::Bool(true),
        Value::Int(i64::MIN),
        Value::UInt(u64::MAX),
        Value::Float(-0.5),
        Value::Decimal("-1.50"),
        Value::Text("Jörg"),
        Value::Bytes(&[0, 255]),
        Value::Date(date),
        Value::Time(Time { negative: true, hours: 838, minute: 59, second: 59, micro: 1 }),
        Value::DateTime(local),
        Value::Timestamp(Timestamp { local, offset_minutes: -210 }),
    ];
    let mut batch = Batch::new(values.len(), 0);
    values.into_iter().for_each(|value| batch.push(value));
    let row = batch.iter().next().unwrap();
    assert_eq!(row.values().collect::<Vec<_>>(), values);
    let mut each = Vec::new();
    let ended: Result<(), ()> = row.try_each(|column, value| {
        assert_eq!(column, each.len());
        each.push(value);
        Ok(())
    });
    assert_eq!((ended, each), (Ok(()), values.to_vec()));
    let mut seen = 0;
    let ended = row.try_each(|column, _| {
        seen += 1;
        if column == 3 { Err("the fourth") } else { Ok(()) }
    });
    assert_eq!((ended, seen), (Err("the fourth"), 4));
}
