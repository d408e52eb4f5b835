//! The behaviour suite of the source port.

use std::sync::Arc;

use sealpost_core::batch::Value;
use sealpost_core::column::{Column, ColumnKind};
use sealpost_core::error::codes::source as codes;
use sealpost_core::error::{Code, Error};
use sealpost_core::param::{ParameterValue, ParameterValues};
use sealpost_core::port::{RowStream, Source};
use sealpost_core::report::{Query, ReportType};
use serde_json::{Value as Json, json};

/// An adapter under test, over an empty database.
pub struct Subject {
    /// The adapter.
    pub source: Arc<dyn Source>,
    /// Runs a statement on another connection.
    pub execute: Box<dyn Fn(&str) + Send + Sync>,
}

/// A report type of this SQL. `settings` are as in its TOML; `title` is not needed.
///
/// # Panics
/// When `settings` are not valid.
#[must_use]
pub fn report(sql: &str, mut settings: Json) -> ReportType {
    settings["title"] = json!("a report");
    ReportType {
        id: "report.v1".parse().expect("an id"),
        sql: sql.into(),
        settings: serde_json::from_value(settings).expect("settings"),
        columns: Vec::new(),
    }
}

/// A query of a report type for this scope, without parameters and limit.
#[must_use]
pub fn query(report: ReportType, scope: &str) -> Query {
    let scope = report.settings.scope.kind.value(scope).expect("a scope of the right type");
    Query { report: Arc::new(report), scope, parameters: ParameterValues::new(), limit: None }
}

/// A report type with the columns that the source describes, and a query of it.
///
/// # Panics
/// When the source refuses the report type.
pub async fn described(source: &dyn Source, sql: &str, settings: Json, scope: &str) -> Query {
    let mut report = report(sql, settings);
    report.columns = source.describe(&report).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    query(report, scope)
}

/// All rows of a stream, each value as `Debug` prints it, and what ended it.
pub async fn drain(stream: &mut dyn RowStream) -> (Vec<Vec<String>>, Option<Error>) {
    let mut rows = Vec::new();
    loop {
        match stream.next().await {
            Ok(Some(batch)) => {
                assert!(!batch.is_empty(), "a batch is never empty");
                assert_eq!(batch.first_row(), rows.len() as u64, "batches follow each other");
                rows.extend(batch.iter().map(|row| row.values().map(|value| format!("{value:?}")).collect()));
            }
            Ok(None) => {
                assert!(stream.next().await.expect("after the end").is_none(), "the end stays the end");
                return (rows, None);
            }
            Err(error) => {
                assert!(stream.next().await.is_err(), "a failure never becomes an end");
                return (rows, Some(error));
            }
        }
    }
}

/// The rows of a query.
///
/// # Panics
/// When it fails.
pub async fn rows(source: &dyn Source, query: &Query) -> Vec<Vec<String>> {
    let mut stream = source.open(query).await.unwrap_or_else(|error| panic!("open: {error:?}"));
    let (rows, error) = drain(&mut *stream).await;
    assert!(error.is_none(), "{error:?}");
    rows
}

/// Runs every sentence of the contract.
///
/// # Panics
/// When the adapter breaks one.
pub async fn run(subject: &Subject) {
    (subject.execute)("CREATE TABLE item (partner VARCHAR(40), id INTEGER, name VARCHAR(40))");
    let digits = (0..10).map(|digit| format!("SELECT {digit} AS x")).collect::<Vec<_>>().join(" UNION ALL ");
    (subject.execute)(&format!(
        "INSERT INTO item SELECT 'north', a.x + 10*b.x + 100*c.x + 1000*d.x + 10000*e.x + 1, 'thing' \
         FROM ({digits}) a, ({digits}) b, ({digits}) c, ({digits}) d, (SELECT 0 AS x UNION ALL SELECT 1 UNION ALL SELECT 2) e"
    ));
    (subject.execute)("INSERT INTO item VALUES ('south', 1, ''), ('south', 2, NULL), ('south', 3, 'Jörg 😀')");
    subject.source.check().await.expect("check does what a job does");
    describes_columns(subject).await;
    refuses_what_is_no_report(subject).await;
    yields_every_row_in_batches(subject).await;
    binds_values(subject).await;
    stops_at_the_limit(subject).await;
    fences_hold(subject).await;
    reads_one_snapshot(subject).await;
    can_be_dropped_at_any_time(subject).await;
}

const ITEMS: &str = "SELECT partner, id, name FROM item WHERE partner = :partner_scope ORDER BY id";

async fn describes_columns(subject: &Subject) {
    let found = subject.source.describe(&report(ITEMS, json!({}))).await.expect("describe");
    let expected = [("partner", ColumnKind::Text), ("id", ColumnKind::Integer), ("name", ColumnKind::Text)];
    assert_eq!(found, expected.map(|(name, kind)| Column::new(name, kind)));
    let refined = json!({"columns": {"id": {"type": "decimal", "precision": 12, "scale": 2}}});
    let query = described(&*subject.source, ITEMS, refined, "south").await;
    assert_eq!(query.report.columns[1].kind, ColumnKind::Decimal { precision: 12, scale: 2 });
    assert_eq!(rows(&*subject.source, &query).await[0][1], format!("{:?}", Value::Decimal("1.00")));
}

async fn refuses_what_is_no_report(subject: &Subject) {
    let cases: [(&str, Json, &Code, &str); 11] = [
        ("SELECT 1 AS a\nFRM item WHERE partner = :partner_scope", json!({}), &codes::DOES_NOT_PREPARE, "line 2"),
        ("SELECT id,\n nmae FROM item WHERE partner = :partner_scope", json!({}), &codes::DOES_NOT_PREPARE, "line 2"),
        ("SELECT id FROM itme WHERE partner = :partner_scope", json!({}), &codes::DOES_NOT_PREPARE, "line 1"),
        ("DELETE FROM item WHERE partner = :partner_scope", json!({}), &codes::NOT_READ_ONLY, "line 1"),
        ("SELECT :partner_scope;\nDROP TABLE item", json!({}), &codes::NOT_READ_ONLY, "line 2"),
        ("SELECT id FROM item", json!({}), &codes::NO_SCOPE, "line 1"),
        (
            "SELECT id FROM item\nWHERE partner = :partner_scope AND id = :id",
            json!({}),
            &codes::UNKNOWN_PARAMETER,
            "line 2",
        ),
        (ITEMS, json!({"parameters": {"id": {"type": "integer"}}}), &codes::UNKNOWN_PARAMETER, "`id`"),
        (ITEMS, json!({"columns": {"nmae": {"type": "text"}}}), &codes::COLUMNS, "nmae"),
        (ITEMS, json!({"scope": {"column": "owner"}}), &codes::COLUMNS, "owner"),
        ("SELECT id, name AS id FROM item WHERE partner = :partner_scope", json!({}), &codes::COLUMNS, "twice"),
    ];
    for (sql, settings, code, words) in cases {
        let error = subject.source.describe(&report(sql, settings)).await.expect_err(sql);
        assert!(error.is(code) && error.detail().contains(words), "{sql}: {error}");
    }
}

async fn yields_every_row_in_batches(subject: &Subject) {
    let query = described(&*subject.source, ITEMS, json!({}), "north").await;
    let all = rows(&*subject.source, &query).await;
    assert_eq!(all.len(), 30_000);
    assert!(all.iter().enumerate().all(|(index, row)| row[1] == format!("Int({})", index + 1)), "in order, none twice");
    let query = described(&*subject.source, ITEMS, json!({}), "south").await;
    let names: Vec<String> = rows(&*subject.source, &query).await.into_iter().map(|row| row[2].clone()).collect();
    assert_eq!(names, ["Text(\"\")", "Null", "Text(\"Jörg 😀\")"], "NULL is not the empty text");
    let query = described(&*subject.source, ITEMS, json!({}), "nobody").await;
    assert!(rows(&*subject.source, &query).await.is_empty(), "an empty result is a result");
}

async fn binds_values(subject: &Subject) {
    for evil in ["' OR '1'='1", "\\' OR 1=1 -- ", "south' -- ", "south\\", ":partner_scope", "?"] {
        let query = described(&*subject.source, ITEMS, json!({}), evil).await;
        assert!(rows(&*subject.source, &query).await.is_empty(), "{evil}");
    }
    let sql = "SELECT id FROM item WHERE partner = :partner_scope AND id IN (:ids) AND (:name IS NULL OR name = :name) ORDER BY id";
    let settings = json!({"parameters": {
        "ids": {"type": "list", "items": {"type": "integer"}}, "name": {"type": "string"},
    }});
    let mut query = described(&*subject.source, sql, settings, "south").await;
    let ids = [1, 3, 7].map(ParameterValue::Integer).to_vec();
    query.parameters =
        [("ids".to_owned(), ParameterValue::List(ids)), ("name".to_owned(), ParameterValue::Null)].into();
    assert_eq!(rows(&*subject.source, &query).await, [["Int(1)"], ["Int(3)"]]);
    query.parameters.insert("name".to_owned(), ParameterValue::String("Jörg 😀".to_owned()));
    assert_eq!(rows(&*subject.source, &query).await, [["Int(3)"]]);
}

async fn stops_at_the_limit(subject: &Subject) {
    let mut query = described(&*subject.source, ITEMS, json!({}), "north").await;
    for limit in [0, 1, 7, 29_999, 30_000, 30_001] {
        query.limit = Some(limit);
        assert_eq!(rows(&*subject.source, &query).await.len() as u64, limit.min(30_000));
    }
}

async fn fences_hold(subject: &Subject) {
    let cases = [
        (ITEMS, json!({"max_rows": 29_999}), Some(&codes::TOO_MANY_ROWS)),
        (ITEMS, json!({"max_rows": 30_000}), None),
        (ITEMS, json!({"scope": {"column": "partner"}}), None),
        (
            "SELECT partner, id FROM item WHERE partner = :partner_scope OR id = 2 ORDER BY id",
            json!({"scope": {"column": "partner"}}),
            Some(&codes::FOREIGN_ROW),
        ),
    ];
    for (sql, settings, expected) in cases {
        let query = described(&*subject.source, sql, settings, "north").await;
        let mut stream = subject.source.open(&query).await.expect("open");
        let (_, error) = drain(&mut *stream).await;
        assert_eq!(error.as_ref().map(|error| error.code().id), expected.map(|code| code.id), "{sql}: {error:?}");
    }
    let mut query = described(&*subject.source, ITEMS, json!({}), "north").await;
    Arc::make_mut(&mut query.report).columns[2].name = "title".to_owned();
    let error = subject.source.open(&query).await.err().expect("other columns than when it was loaded");
    assert!(error.is(&codes::COLUMNS), "{error}");
}

async fn reads_one_snapshot(subject: &Subject) {
    let query = described(&*subject.source, ITEMS, json!({}), "north").await;
    let mut stream = subject.source.open(&query).await.expect("open");
    let first = stream.next().await.expect("rows").expect("a batch").rows();
    (subject.execute)("INSERT INTO item VALUES ('north', 999999, 'late')");
    (subject.execute)("DELETE FROM item WHERE partner = 'north' AND id = 30000");
    let mut count = first;
    while let Some(batch) = stream.next().await.expect("rows") {
        count += batch.rows();
        assert!(batch.iter().all(|row| row.get(1) != Value::Int(999_999)), "a row of after the start");
    }
    assert_eq!(count, 30_000);
    drop(stream);
    let ids = rows(&*subject.source, &query).await;
    assert_eq!(ids.last().map(|row| row[1].as_str()), Some("Int(999999)"), "the next query sees the change");
}

async fn can_be_dropped_at_any_time(subject: &Subject) {
    let query = described(&*subject.source, ITEMS, json!({}), "north").await;
    for batches in 0..3 {
        let mut stream = subject.source.open(&query).await.expect("open");
        for _ in 0..batches {
            stream.next().await.expect("rows");
        }
        drop(stream);
    }
    assert_eq!(rows(&*subject.source, &query).await.len(), 30_000);
}
