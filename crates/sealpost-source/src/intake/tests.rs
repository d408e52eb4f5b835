//! What is refused says where it is, and what takes a short way is what the long one makes of it.

use std::sync::Arc;

use sealpost_core::column::ColumnKind;
use sealpost_core::param::ParameterValues;
use sealpost_core::report::ReportType;
use sealpost_core::temporal::{Clock, Date, DateTime};
use serde_json::json;

use super::*;

/// For rows of a text and a value of this kind; the first is the scope, `P-1`.
fn intake(kind: ColumnKind) -> Intake {
    scoped(ParameterValue::String("P-1".to_owned()), kind)
}

/// For rows of a text and a value of this kind; the first is this scope.
fn scoped(scope: ParameterValue, kind: ColumnKind) -> Intake {
    let settings = json!({ "title": "a report", "scope": { "column": "scope" } });
    let report = ReportType {
        id: "report.v1".parse().unwrap(),
        sql: "".into(),
        settings: serde_json::from_value(settings).unwrap(),
        columns: vec![Column::new("scope".to_owned(), ColumnKind::Text), Column::new("value".to_owned(), kind)],
    };
    Intake::new(&Query { report: Arc::new(report), scope, parameters: ParameterValues::new(), limit: None }).unwrap()
}

fn text(intake: &mut Intake, scope: &[u8], text: &[u8]) -> Result<()> {
    intake.push_utf8(0, scope)?;
    intake.push_utf8(1, text)?;
    intake.end_row();
    Ok(())
}

#[test]
fn text_that_is_not_utf8_is_told_by_row_and_column_of_the_whole_result() {
    let mut intake = intake(ColumnKind::Text);
    text(&mut intake, b"P-1", "Jörg".as_bytes()).unwrap();
    assert_eq!(intake.take().unwrap().unwrap().rows(), 1);
    assert!(intake.take().unwrap().is_none());
    text(&mut intake, b"P-1", b"a").unwrap();
    text(&mut intake, b"P-1", b"J\xF6rg").unwrap();
    text(&mut intake, b"P-1", b"b").unwrap();
    let error = intake.take().unwrap_err();
    assert!(error.is(&VALUE), "{error:?}");
    assert_eq!(error.detail(), "row 3, column `value`: text that is not UTF-8");
}

#[test]
fn a_foreign_scope_is_refused_at_once_and_so_is_one_that_is_not_text() {
    assert!(text(&mut intake(ColumnKind::Text), b"P-2", b"").unwrap_err().is(&FOREIGN_ROW));
    assert!(text(&mut intake(ColumnKind::Text), b"P-1\xFF", b"").unwrap_err().is(&VALUE));
}

#[test]
fn a_text_is_an_integer_scope_only_as_that_is_written() {
    for (number, text) in [(42, "42"), (-7, "-7"), (0, "0")] {
        let scope = ParameterValue::Integer(number);
        scoped(scope, ColumnKind::Text).push_utf8(0, text.as_bytes()).unwrap();
    }
    // What MySQL takes for 42 where it compares a text with a number, and more.
    for text in ["042", "+42", " 42", "42 ", "42.0", "42x", "-42", ""] {
        let mut intake = scoped(ParameterValue::Integer(42), ColumnKind::Text);
        assert!(intake.push_utf8(0, text.as_bytes()).unwrap_err().is(&FOREIGN_ROW), "{text:?}");
        assert!(intake.push_converted(0, Value::Text(text)).unwrap_err().is(&FOREIGN_ROW), "{text:?}");
    }
}

#[test]
fn the_short_ways_say_what_the_conversion_says() {
    let at = |micro| {
        let clock = Clock { hour: 1, minute: 2, second: 3, micro };
        Value::DateTime(DateTime { date: Date { year: 2026, month: 1, day: 31 }, clock })
    };
    let decimal = ColumnKind::Decimal { precision: 5, scale: 2 };
    for (kind, value) in [
        (decimal, Value::Decimal("1.50")),
        (decimal, Value::Decimal("-007.5")),
        (decimal, Value::Decimal("1000.00")),
        (decimal, Value::Decimal("1.005")),
        (decimal, Value::Decimal("x")),
        (ColumnKind::DateTime { digits: 0 }, at(0)),
        (ColumnKind::DateTime { digits: 0 }, at(1)),
        (ColumnKind::DateTime { digits: 6 }, at(1)),
    ] {
        let mut intake = intake(kind);
        intake.push_utf8(0, b"P-1").unwrap();
        let pushed = intake.push_converted(1, value);
        let (mut zone, mut scratch) = (Zone::parse("UTC").unwrap(), String::new());
        match convert(kind, value, &mut zone, &mut scratch) {
            Ok(expected) => {
                pushed.unwrap();
                let batch = intake.take().unwrap().unwrap();
                assert_eq!(batch.iter().next().unwrap().get(1), expected, "{value:?}");
            }
            Err(reason) => {
                assert_eq!(pushed.unwrap_err().detail(), format!("row 1, column `value`: {reason}"), "{value:?}");
            }
        }
    }
}
