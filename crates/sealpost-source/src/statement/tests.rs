use proptest::prelude::*;
use sealpost_core::error::codes::source as codes;
use sealpost_core::param::ParameterValue;
use serde_json::json;

use super::*;

fn declared(names: &[&str]) -> BTreeMap<String, Parameter> {
    names.iter().map(|name| ((*name).to_owned(), serde_json::from_value(json!({"type": "string"})).unwrap())).collect()
}

fn parse<'a>(sql: &'a str, names: &[&str], dialect: Dialect) -> Result<Statement<'a>> {
    Statement::parse(sql, &declared(names), dialect)
}

fn names(sql: &str, dialect: Dialect) -> Vec<String> {
    let tokens = lexer::tokens(sql, dialect).unwrap();
    let name = |token: &lexer::Token<'_>| match token.kind {
        Kind::Parameter(name) => Some(name.to_owned()),
        _ => None,
    };
    tokens.iter().filter_map(name).collect()
}

#[test]
fn names_are_found_outside_strings_names_and_comments() {
    let mysql = r#"SELECT ':a', ":b", `:c`, 'it''s :d', 'x\' :e', "\\", :f -- :g
        # :h
        /* :i
        */ , 1--:j, x::k, @v:=2, :l2"#;
    assert_eq!(names(mysql, Dialect::MySql), ["f", "j", "l2"]);
    let sqlite = r#"SELECT ':a', ":b", `:c`, [:d], 'x\', :e --:f
        /* :g */ , :h"#;
    assert_eq!(names(sqlite, Dialect::Sqlite), ["e", "h"]);
}

#[test]
fn placeholders_come_in_order_and_a_list_has_one_each() {
    let declared: BTreeMap<String, Parameter> = serde_json::from_value(json!({
        "ids": {"type": "list", "items": {"type": "integer"}},
        "from": {"type": "date"},
    }))
    .unwrap();
    let sql = "SELECT 1 FROM t\nWHERE p = :partner_scope AND i IN (:ids) AND d >= :from AND :from IS NOT NULL; -- end";
    let statement = Statement::parse(sql, &declared, Dialect::MySql).unwrap();
    let scope = ParameterValue::Integer(7);
    let ids = ParameterValue::List(vec![ParameterValue::Integer(1), ParameterValue::Integer(2)]);
    let from = ParameterValue::Date("2026-01-31".to_owned());
    let given = [("ids".to_owned(), ids), ("from".to_owned(), from.clone())].into();
    let bound = statement.bind(&declared, &scope, &given).unwrap();
    assert_eq!(
        bound.sql,
        "SELECT 1 FROM t\nWHERE p = ? AND i IN (?, ?) AND d >= CAST(? AS DATE) AND CAST(? AS DATE) IS NOT NULL"
    );
    assert_eq!(bound.values, [&scope, &ParameterValue::Integer(1), &ParameterValue::Integer(2), &from, &from]);
    assert!(statement.prepared(&declared).contains("i IN (?)"));
}

#[test]
fn a_list_that_is_asked_whether_it_is_null_is_one_value_there() {
    let declared: BTreeMap<String, Parameter> =
        serde_json::from_value(json!({"ids": {"type": "list", "items": {"type": "integer"}}})).unwrap();
    let sql = "SELECT 1 FROM t WHERE p = :partner_scope AND (:ids\n  is /* not */ null OR i IN (:ids)) \
               AND (:ids IS NOT NULL OR j IS NOT DISTINCT FROM k)";
    let scope = ParameterValue::Integer(7);
    let (one, two) = (ParameterValue::Integer(1), ParameterValue::Integer(2));
    for dialect in [Dialect::MySql, Dialect::Sqlite] {
        let statement = Statement::parse(sql, &declared, dialect).unwrap();
        let given = [("ids".to_owned(), ParameterValue::List(vec![one.clone(), two.clone()]))].into();
        let bound = statement.bind(&declared, &scope, &given).unwrap();
        assert_eq!(
            bound.sql,
            "SELECT 1 FROM t WHERE p = ? AND (?\n  is /* not */ null OR i IN (?, ?)) \
             AND (? IS NOT NULL OR j IS NOT DISTINCT FROM k)"
        );
        assert_eq!(bound.values, [&scope, &one, &one, &two, &one]);
        let given = [("ids".to_owned(), ParameterValue::Null)].into();
        let bound = statement.bind(&declared, &scope, &given).unwrap();
        assert!(bound.sql.contains("(?\n  is /* not */ null OR i IN (?))"), "{}", bound.sql);
        assert_eq!(bound.values, [&scope, &ParameterValue::Null, &ParameterValue::Null, &ParameterValue::Null]);
    }
}

#[test]
fn a_decimal_is_a_number_for_sqlite_and_a_text_in_a_list() {
    let declared: BTreeMap<String, Parameter> = serde_json::from_value(json!({
        "min": {"type": "decimal"},
        "any": {"type": "list", "items": {"type": "decimal"}},
    }))
    .unwrap();
    let sql = "SELECT :partner_scope FROM t GROUP BY a HAVING SUM(b) >= :min AND a IN (:any)";
    let statement = Statement::parse(sql, &declared, Dialect::Sqlite).unwrap();
    let expected = "SELECT ? FROM t GROUP BY a HAVING SUM(b) >= CAST(? AS NUMERIC) AND a IN (?)";
    assert_eq!(statement.prepared(&declared), expected);
}

#[test]
fn what_is_not_one_query_is_refused_with_its_place() {
    for (sql, place) in [
        ("UPDATE t SET a = :partner_scope", "line 1, column 1"),
        ("SELECT :partner_scope;\nDELETE FROM t", "line 2, column 1"),
        ("SELECT :partner_scope\n  INTO OUTFILE '/tmp/x'", "line 2, column 3"),
        ("SELECT :partner_scope INTO @x", "line 1, column 23"),
        ("SELECT 1 FROM t WHERE a = :partner_scope FOR UPDATE", "line 1, column 42"),
        ("SELECT 1 FROM t WHERE a = :partner_scope for share", "line 1, column 42"),
        ("SELECT 1 FROM t WHERE a = :partner_scope LOCK IN SHARE MODE", "line 1, column 42"),
        ("SELECT /*!50000 1 */ :partner_scope", "line 1, column 8"),
        ("SELECT /*M! 1 */ :partner_scope", "line 1, column 8"),
        ("WITH x AS (SELECT 1) DELETE FROM t WHERE a = :partner_scope", "line 1, column 22"),
        ("WITH x (a) AS (SELECT 1), y AS (SELECT 2)\nUPDATE t SET a = :partner_scope", "line 2, column 1"),
        ("WITH x AS (SELECT :partner_scope)", "line 1, column 33"),
        ("SELECT NEXTVAL(s), :partner_scope", "line 1, column 8"),
        ("SELECT 1) UNION (SELECT :partner_scope", "line 1, column 9"),
        ("CALL p(:partner_scope)", "line 1, column 1"),
        ("", "line 1, column 1"),
        ("-- nothing\n;", "line 2, column 1"),
    ] {
        let error = parse(sql, &[], Dialect::MySql).expect_err(sql);
        assert!(error.is(&codes::NOT_READ_ONLY), "{sql}: {error}");
        assert!(error.detail().starts_with(place), "{sql}: {error}");
    }
}

#[test]
fn what_cannot_be_read_is_refused_with_its_place() {
    for (sql, place) in [
        ("SELECT 'x, :partner_scope", "line 1, column 8"),
        ("SELECT 1 /* :partner_scope", "line 1, column 10"),
        ("SELECT 'ü', ? , :partner_scope", "line 1, column 13"),
    ] {
        let error = parse(sql, &[], Dialect::MySql).expect_err(sql);
        assert!(error.is(&codes::DOES_NOT_PREPARE) && error.detail().starts_with(place), "{sql}: {error}");
    }
}

#[test]
fn queries_of_all_shapes_pass() {
    for sql in [
        "SELECT replace(a, 'x', 'y') FROM t WHERE p = :partner_scope",
        "(SELECT :partner_scope) UNION ALL (SELECT 2) ORDER BY 1;",
        "WITH RECURSIVE x (a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM x), y AS (SELECT 2)\nSELECT :partner_scope",
        "WITH x AS (SELECT 1) (SELECT :partner_scope)",
        "WITH RECURSIVE x AS (SELECT 1 a) CYCLE a RESTRICT SELECT :partner_scope",
        "SELECT SUBSTRING(a FROM 1 FOR 2), `into`, 'for update' FROM t USE INDEX FOR JOIN (i) WHERE p=:partner_scope",
        "select 1 -- ; delete\nfrom t where p = :partner_scope ; /* done */",
    ] {
        parse(sql, &[], Dialect::MySql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}

#[test]
fn names_and_declarations_must_agree() {
    let error = parse("SELECT 1\nWHERE :partner_scope AND :other", &[], Dialect::MySql).unwrap_err();
    assert!(error.is(&codes::UNKNOWN_PARAMETER) && error.detail().starts_with("line 2, column 26"), "{error}");
    let error = parse("SELECT :partner_scope", &["from"], Dialect::MySql).unwrap_err();
    assert!(error.is(&codes::UNKNOWN_PARAMETER) && error.detail().contains("`from`"), "{error}");
    let error = parse("SELECT ':partner_scope'", &[], Dialect::MySql).unwrap_err();
    assert!(error.is(&codes::NO_SCOPE), "{error}");
    assert!(parse("SELECT :partner_scope", &["partner_scope"], Dialect::MySql).is_err());
}

#[test]
fn a_decimal_that_mysql_would_clip_is_refused() {
    let declared: BTreeMap<String, Parameter> =
        serde_json::from_value(json!({"d": {"type": "decimal", "scale": 10}})).unwrap();
    let statement = Statement::parse("SELECT :partner_scope, :d", &declared, Dialect::MySql).unwrap();
    let scope = ParameterValue::Integer(1);
    for (digits, ok) in [(55, true), (56, false)] {
        let given = [("d".to_owned(), ParameterValue::Decimal("9".repeat(digits)))].into();
        assert_eq!(statement.bind(&declared, &scope, &given).is_ok(), ok, "{digits}");
    }
}

#[test]
fn an_instant_has_its_fraction_before_1970_too() {
    for (instant, text) in [
        ("2026-02-01T00:00:00.6+01:00", "2026-01-31 23:00:00.600000"),
        ("1969-12-31T23:59:59.5Z", "1969-12-31 23:59:59.500000"),
        ("1960-01-01T00:00:00.0000019Z", "1960-01-01 00:00:00.000001"),
        ("1960-01-01T00:00:00Z", "1960-01-01 00:00:00"),
    ] {
        assert_eq!(utc_text(instant.parse().unwrap()), text);
    }
}

fn value() -> impl Strategy<Value = ParameterValue> {
    prop_oneof![
        "[^\\x00]{4,40}".prop_map(ParameterValue::String),
        (1_000_000i64..).prop_map(ParameterValue::Integer),
        "[1-9][0-9]{5,20}\\.[0-9]{2}".prop_map(ParameterValue::Decimal),
        "[0-9]{4}-[01][0-9]-[0-3][0-9]".prop_map(ParameterValue::Date),
    ]
}

proptest! {
    /// What is sent depends on how many values there are and on nothing else about them.
    #[test]
    fn no_value_ever_stands_in_the_text(
        values in proptest::collection::vec(value(), 1..5),
        others in proptest::collection::vec(value(), 5),
        scope in value(),
    ) {
        let declared: BTreeMap<String, Parameter> = serde_json::from_value(json!({
            "x": {"type": "list", "items": {"type": "string"}},
        })).unwrap();
        let sql = "SELECT ':x', :x FROM t /* :x */ WHERE p = :partner_scope AND a IN (:x)";
        for dialect in [Dialect::MySql, Dialect::Sqlite] {
            let statement = Statement::parse(sql, &declared, dialect).unwrap();
            let count = values.len();
            let given = [("x".to_owned(), ParameterValue::List(values.clone()))].into();
            let other = [("x".to_owned(), ParameterValue::List(others[..count].to_vec()))].into();
            let bound = statement.bind(&declared, &scope, &given).unwrap();
            prop_assert_eq!(&bound.sql, &statement.bind(&declared, &others[4], &other).unwrap().sql);
            let marks = vec!["?"; count].join(", ");
            let expected = format!("SELECT ':x', {marks} FROM t /* :x */ WHERE p = ? AND a IN ({marks})");
            prop_assert_eq!(bound.sql, expected);
            prop_assert_eq!(bound.values.len(), 2 * count + 1);
        }
    }

    /// Any text is either refused or read, never a panic; and the text around the names stays as it is.
    #[test]
    fn any_text_is_read_or_refused(sql in "\\PC{0,60}", tail in "[-:/*'\"`\\\\ a-z;()?#\\n]{0,40}") {
        for dialect in [Dialect::MySql, Dialect::Sqlite] {
            let text = format!("SELECT :partner_scope {sql}{tail}");
            if let Ok(statement) = Statement::parse(&text, &BTreeMap::new(), dialect) {
                prop_assert!(statement.prepared(&BTreeMap::new()).starts_with("SELECT ? "));
            }
        }
    }
}
