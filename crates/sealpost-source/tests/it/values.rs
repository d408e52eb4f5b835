//! Every type of MariaDB, value by value.

use sealpost_core::column::ColumnKind;
use sealpost_core::error::codes::source as codes;
use sealpost_testkit::mariadb::MariaDb;
use sealpost_testkit::suite::source::{described, drain, rows};
use serde_json::json;

use crate::{build, settings};

const INTEGER: ColumnKind = ColumnKind::Integer;
const UNSIGNED: ColumnKind = ColumnKind::Unsigned;
const TEXT: ColumnKind = ColumnKind::Text;
const BYTES: ColumnKind = ColumnKind::Bytes;

fn decimal(precision: u8, scale: u8) -> ColumnKind {
    ColumnKind::Decimal { precision, scale }
}

/// Declaration, value in SQL, expected type, expected value as `Debug` prints it.
fn table() -> Vec<(&'static str, &'static str, ColumnKind, String)> {
    let date = |year: u16, month: u8, day: u8| format!("Date {{ year: {year}, month: {month}, day: {day} }}");
    let clock = |hour: u8, minute: u8, second: u8, micro: u32| {
        format!("Clock {{ hour: {hour}, minute: {minute}, second: {second}, micro: {micro} }}")
    };
    let date_time = |date: String, clock: String| format!("DateTime {{ date: {date}, clock: {clock} }}");
    let time = |negative: bool, hours: u16, minute: u8, second: u8, micro: u32| {
        format!(
            "Time(Time {{ negative: {negative}, hours: {hours}, minute: {minute}, second: {second}, micro: {micro} }})"
        )
    };
    let text = |text: &str| format!("Text({text:?})");
    let nines = "9".repeat(35) + "." + &"9".repeat(30);
    let nines: &'static str = nines.leak();
    vec![
        ("TINYINT", "-128", INTEGER, "Int(-128)".into()),
        ("TINYINT UNSIGNED", "255", UNSIGNED, "UInt(255)".into()),
        ("TINYINT(1)", "2", INTEGER, "Int(2)".into()),
        ("BOOLEAN", "TRUE", INTEGER, "Int(1)".into()),
        ("SMALLINT", "-32768", INTEGER, "Int(-32768)".into()),
        ("SMALLINT UNSIGNED", "65535", UNSIGNED, "UInt(65535)".into()),
        ("MEDIUMINT", "-8388608", INTEGER, "Int(-8388608)".into()),
        ("MEDIUMINT UNSIGNED", "16777215", UNSIGNED, "UInt(16777215)".into()),
        ("INT", "-2147483648", INTEGER, "Int(-2147483648)".into()),
        ("INT UNSIGNED", "4294967295", UNSIGNED, "UInt(4294967295)".into()),
        ("BIGINT", "-9223372036854775808", INTEGER, "Int(-9223372036854775808)".into()),
        ("BIGINT UNSIGNED", "18446744073709551615", UNSIGNED, "UInt(18446744073709551615)".into()),
        ("INT(5) ZEROFILL", "42", UNSIGNED, "UInt(42)".into()),
        ("FLOAT", "0.1", ColumnKind::Float32, format!("Float({:?})", f64::from(0.1f32))),
        ("DOUBLE", "0.1", ColumnKind::Float64, "Float(0.1)".into()),
        ("DOUBLE", "-1.7976931348623157e308", ColumnKind::Float64, "Float(-1.7976931348623157e308)".into()),
        ("DECIMAL(65,30)", nines, decimal(65, 30), format!("Decimal({nines:?})")),
        (
            "DECIMAL(65,30)",
            "-0.000000000000000000000000000001",
            decimal(65, 30),
            "Decimal(\"-0.000000000000000000000000000001\")".into(),
        ),
        ("DECIMAL(10,2)", "-1.5", decimal(10, 2), "Decimal(\"-1.50\")".into()),
        ("DECIMAL(10,2) UNSIGNED", "0", decimal(10, 2), "Decimal(\"0.00\")".into()),
        ("DECIMAL(8,3) ZEROFILL", "1.5", decimal(8, 3), "Decimal(\"1.500\")".into()),
        ("DECIMAL(18,0)", "-999999999999999999", decimal(18, 0), "Decimal(\"-999999999999999999\")".into()),
        ("DECIMAL(1,1)", "0.9", decimal(1, 1), "Decimal(\"0.9\")".into()),
        ("BIT(1)", "b'1'", UNSIGNED, "UInt(1)".into()),
        ("BIT(64)", "x'8000000000000001'", UNSIGNED, "UInt(9223372036854775809)".into()),
        ("YEAR", "2026", UNSIGNED, "UInt(2026)".into()),
        ("DATE", "'2026-01-31'", ColumnKind::Date, format!("Date({})", date(2026, 1, 31))),
        ("DATE", "'0000-00-00'", ColumnKind::Date, format!("Date({})", date(0, 0, 0))),
        ("DATE", "'2026-00-00'", ColumnKind::Date, format!("Date({})", date(2026, 0, 0))),
        ("DATE", "'9999-12-31'", ColumnKind::Date, format!("Date({})", date(9999, 12, 31))),
        (
            "DATETIME",
            "'2026-01-31 23:59:58'",
            ColumnKind::DateTime { digits: 0 },
            format!("DateTime({})", date_time(date(2026, 1, 31), clock(23, 59, 58, 0))),
        ),
        (
            "DATETIME(6)",
            "'2026-01-31 00:00:00.000001'",
            ColumnKind::DateTime { digits: 6 },
            format!("DateTime({})", date_time(date(2026, 1, 31), clock(0, 0, 0, 1))),
        ),
        (
            "DATETIME(3)",
            "'2026-01-31'",
            ColumnKind::DateTime { digits: 3 },
            format!("DateTime({})", date_time(date(2026, 1, 31), clock(0, 0, 0, 0))),
        ),
        (
            "DATETIME",
            "'0000-00-00 00:00:00'",
            ColumnKind::DateTime { digits: 0 },
            format!("DateTime({})", date_time(date(0, 0, 0), clock(0, 0, 0, 0))),
        ),
        (
            "TIMESTAMP(6) NULL",
            "'2026-07-01 12:00:00.5'",
            ColumnKind::Timestamp { digits: 6 },
            format!(
                "Timestamp(Timestamp {{ local: {}, offset_minutes: 120 }})",
                date_time(date(2026, 7, 1), clock(14, 0, 0, 500_000))
            ),
        ),
        (
            "TIMESTAMP NULL",
            "'2026-12-31 23:30:00'",
            ColumnKind::Timestamp { digits: 0 },
            format!(
                "Timestamp(Timestamp {{ local: {}, offset_minutes: 60 }})",
                date_time(date(2027, 1, 1), clock(0, 30, 0, 0))
            ),
        ),
        (
            "TIMESTAMP NULL",
            "'0000-00-00 00:00:00'",
            ColumnKind::Timestamp { digits: 0 },
            format!(
                "Timestamp(Timestamp {{ local: {}, offset_minutes: 0 }})",
                date_time(date(0, 0, 0), clock(0, 0, 0, 0))
            ),
        ),
        ("TIME", "'-838:59:59'", ColumnKind::Time { digits: 0 }, time(true, 838, 59, 59, 0)),
        ("TIME(6)", "'25:00:00.000001'", ColumnKind::Time { digits: 6 }, time(false, 25, 0, 0, 1)),
        ("TIME", "'00:00:00'", ColumnKind::Time { digits: 0 }, time(false, 0, 0, 0, 0)),
        ("CHAR(4)", "'ab '", TEXT, text("ab")),
        ("VARCHAR(20)", "''", TEXT, text("")),
        ("VARCHAR(20)", "'Ünï😀\\n\\0'", TEXT, text("Ünï😀\n\0")),
        ("VARCHAR(20) CHARACTER SET latin1", "'Jörg €'", TEXT, text("Jörg €")),
        ("VARCHAR(20) COLLATE utf8mb4_bin", "'bin'", TEXT, text("bin")),
        ("TINYTEXT", "'t'", TEXT, text("t")),
        ("TEXT", "'t'", TEXT, text("t")),
        ("MEDIUMTEXT COLLATE utf8mb4_bin", "'t'", TEXT, text("t")),
        ("LONGTEXT", "REPEAT('x', 300)", TEXT, text(&"x".repeat(300))),
        ("ENUM('small','größer')", "'größer'", TEXT, text("größer")),
        ("SET('a','b','c')", "'c,a'", TEXT, text("a,c")),
        ("SET('a','b','c')", "''", TEXT, text("")),
        ("JSON", "'{\"a\": [1, null]}'", TEXT, text("{\"a\": [1, null]}")),
        ("BINARY(4)", "'ab'", BYTES, "Bytes([97, 98, 0, 0])".into()),
        ("VARBINARY(9)", "x'00ff'", BYTES, "Bytes([0, 255])".into()),
        ("VARBINARY(9)", "''", BYTES, "Bytes([])".into()),
        ("TINYBLOB", "x'01'", BYTES, "Bytes([1])".into()),
        ("BLOB", "x'02'", BYTES, "Bytes([2])".into()),
        ("MEDIUMBLOB", "x'03'", BYTES, "Bytes([3])".into()),
        ("LONGBLOB", "x'04'", BYTES, "Bytes([4])".into()),
        ("INET6", "'::1'", TEXT, text("::1")),
        ("UUID", "'123e4567-e89b-12d3-a456-426655440000'", TEXT, text("123e4567-e89b-12d3-a456-426655440000")),
    ]
}

#[tokio::test]
async fn every_type_comes_out_as_it_went_in() {
    let server = MariaDb::lasting();
    let database = server.database();
    let table = table();
    let declared: Vec<String> =
        table.iter().enumerate().map(|(index, (kind, ..))| format!("c{index} {kind}")).collect();
    let literals: Vec<&str> = table.iter().map(|(_, literal, ..)| *literal).collect();
    let nulls = vec!["NULL"; table.len()].join(", ");
    server.run(
        &database,
        &format!(
            "SET sql_mode = 'ALLOW_INVALID_DATES'; SET time_zone = '+00:00'; CREATE TABLE v (id INT, {}); \
             INSERT INTO v VALUES (1, {}), (2, {nulls})",
            declared.join(", "),
            literals.join(", "),
        ),
    );
    let source = build("mysql", settings(&server, &database));
    let zone = json!({"time_zone": "Europe/Berlin"});
    let query = described(&*source, "SELECT * FROM v WHERE :partner_scope = 'x' ORDER BY id", zone, "x").await;
    let all = rows(&*source, &query).await;
    for (index, (declared, literal, kind, value)) in table.iter().enumerate() {
        assert_eq!(query.report.columns[index + 1].kind, *kind, "{declared}");
        assert_eq!(all[0][index + 1], *value, "{declared} {literal}");
        assert_eq!(all[1][index + 1], "Null", "{declared}");
    }
}

#[tokio::test]
async fn decimals_of_all_shapes_are_described_exactly() {
    let server = MariaDb::lasting();
    let database = server.database();
    let shapes: Vec<(u8, u8)> = [1u8, 2, 3, 9, 10, 18, 19, 29, 30, 31, 38, 62, 63, 64, 65]
        .into_iter()
        .flat_map(|precision| [0u8, 1, 2, 5, 9, 10, 29, 30, 37, 38].map(|scale| (precision, scale)))
        .filter(|(precision, scale)| scale <= precision)
        .collect();
    for unsigned in ["", " UNSIGNED"] {
        let columns: Vec<String> = shapes
            .iter()
            .map(|(precision, scale)| format!("d{precision}_{scale} DECIMAL({precision},{scale}){unsigned}"))
            .collect();
        server.run(&database, &format!("CREATE OR REPLACE TABLE d ({})", columns.join(", ")));
        let source = build("mysql", settings(&server, &database));
        let query = described(&*source, "SELECT * FROM d WHERE :partner_scope = 'x' -- end", json!({}), "x").await;
        for (column, (precision, scale)) in query.report.columns.iter().zip(&shapes) {
            assert_eq!(column.kind, decimal(*precision, *scale), "{} {unsigned}", column.name);
        }
    }
}

#[tokio::test]
async fn computed_columns_are_described_exactly() {
    let server = MariaDb::lasting();
    let database = server.database();
    server.run(
        &database,
        "CREATE TABLE t (a DECIMAL(10,2), n INT UNSIGNED, b BIGINT, s VARCHAR(9), at DATETIME(3));
         INSERT INTO t VALUES (1.25, 7, -2, 'x', '2026-01-01 00:00:00.123'), (2.50, NULL, 4, 'x', '2026-01-02')",
    );
    let source = build("mysql", settings(&server, &database));
    for (expression, kind, value) in [
        ("SUM(a)", decimal(32, 2), "Decimal(\"3.75\")"),
        ("AVG(a)", decimal(14, 6), "Decimal(\"1.875000\")"),
        ("SUM(b)", decimal(41, 0), "Decimal(\"2\")"),
        ("COUNT(*)", INTEGER, "Int(2)"),
        ("MAX(a) / 3", decimal(14, 6), "Decimal(\"0.833333\")"),
        ("1.50", decimal(3, 2), "Decimal(\"1.50\")"),
        ("CONCAT(MAX(n), '')", TEXT, "Text(\"7\")"),
        ("MAX(at)", ColumnKind::DateTime { digits: 3 }, ""),
        ("MAX(s) = 'x'", INTEGER, "Int(1)"),
        ("NULL", TEXT, "Null"),
        ("CAST(MAX(s) AS BINARY)", BYTES, "Bytes([120])"),
        ("TIMEDIFF(MAX(at), MIN(at))", ColumnKind::Time { digits: 3 }, ""),
        ("JSON_OBJECT('n', MAX(n))", TEXT, "Text(\"{\\\"n\\\": 7}\")"),
        (":partner_scope", TEXT, "Text(\"x\")"),
    ] {
        let sql = format!("SELECT {expression} AS v FROM t WHERE s = :partner_scope ORDER BY 1 LIMIT 1");
        let query = described(&*source, &sql, json!({}), "x").await;
        assert_eq!(query.report.columns[0].kind, kind, "{expression}");
        let all = rows(&*source, &query).await;
        assert!(value.is_empty() || all == [[value]], "{expression}: {all:?}");
    }
}

#[tokio::test]
async fn a_refined_type_is_checked_row_by_row() {
    let server = MariaDb::lasting();
    let database = server.database();
    server.run(
        &database,
        "CREATE TABLE t (id INT, ok TINYINT(1), doc LONGTEXT, n BIGINT UNSIGNED, at DATETIME);
         INSERT INTO t VALUES (1, 1, '[]', 5, '2026-07-01 12:00:00'), (2, 7, 'secret-value', 18446744073709551615, NULL)",
    );
    let source = build("mysql", settings(&server, &database));
    for (column, kind, first) in [
        ("ok", json!({"type": "boolean"}), "Bool(true)"),
        ("doc", json!({"type": "json"}), "Text(\"[]\")"),
        ("n", json!({"type": "integer"}), "Int(5)"),
    ] {
        let sql = format!("SELECT {column} FROM t WHERE 'x' = :partner_scope ORDER BY id");
        let mut query = described(&*source, &sql, json!({"columns": {column: kind}}), "x").await;
        query.limit = Some(1);
        assert_eq!(rows(&*source, &query).await, [[first]]);
        query.limit = None;
        let mut stream = source.open(&query).await.unwrap();
        let error = drain(&mut *stream).await.1.unwrap();
        assert!(error.is(&codes::VALUE) && error.detail().starts_with(&format!("row 2, column `{column}`")), "{error}");
        assert!(!format!("{error:?}").contains("secret-value"));
    }
    let settings = json!({"columns": {"at": {"type": "timestamp", "digits": 0}}, "time_zone": "+02:00"});
    let query = described(&*source, "SELECT at FROM t WHERE 'x' = :partner_scope ORDER BY id", settings, "x").await;
    let shown = &rows(&*source, &query).await[0][0];
    assert!(shown.contains("hour: 14,") && shown.contains("120"), "{shown}");
}
