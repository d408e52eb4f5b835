//! The contract against MariaDB, and what can go wrong on the way to it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sealpost_core::error::codes::source as codes;
use sealpost_core::param::ParameterValue;
use sealpost_testkit::mariadb::MariaDb;
use sealpost_testkit::server::{free_port, wait_until};
use sealpost_testkit::suite::source::{Subject, described, report, rows, run};
use serde_json::json;

use crate::{build, proxy, settings};

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds() {
    let server = MariaDb::lasting();
    let database = server.database();
    let source = build("mysql", settings(&server, &database));
    let execute = Box::new(move |sql: &str| drop(server.run(&database, sql)));
    run(&Subject { source, execute }).await;
}

#[tokio::test]
async fn the_unix_socket_serves_too() {
    let server = MariaDb::lasting();
    let mut given = settings(&server, &server.database());
    given["socket"] = json!(server.socket());
    given["port"] = json!(1);
    build("mysql", given).check().await.unwrap();
}

#[tokio::test]
async fn a_way_that_is_closed_is_named() {
    let server = MariaDb::lasting();
    let database = server.database();
    let check = async |change: serde_json::Value| {
        let mut given = settings(&server, &database);
        for (key, value) in change.as_object().unwrap() {
            given[key] = value.clone();
        }
        build("mysql", given).check().await.unwrap_err()
    };
    for (change, code) in [
        (json!({"password": "env:WRONG"}), &codes::LOGIN),
        (json!({"user": "nobody"}), &codes::LOGIN),
        (json!({"database": "no_such"}), &codes::LOGIN),
        (json!({"port": free_port()}), &codes::UNREACHABLE),
        (json!({"socket": "/no/such/socket"}), &codes::UNREACHABLE),
        (json!({"tls": {"mode": "required"}}), &codes::TLS),
    ] {
        let error = check(change.clone()).await;
        assert!(error.is(code), "{change}: {error}");
        assert!(!format!("{error:?}").contains("wrong"), "the password is never named: {error:?}");
    }
    // A server that accepts and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let change = json!({"port": silent.local_addr().unwrap().port(), "connect_timeout_s": 1});
    assert!(check(change).await.is(&codes::UNREACHABLE));
}

#[tokio::test]
async fn too_many_connections_are_tried_again() {
    let server = MariaDb::lasting();
    let database = server.database();
    // Users are the server's, which other tests use too: this one is named after the database.
    let few = format!("few_{database}");
    server.run(
        "",
        &format!(
            "CREATE USER {few}@'%' IDENTIFIED BY 'wrong' WITH MAX_USER_CONNECTIONS 1; GRANT SELECT ON *.* TO {few}@'%'"
        ),
    );
    let mut given = settings(&server, &database);
    given["user"] = json!(few);
    given["password"] = json!("env:FEW");
    let source = build("mysql", given);
    let query = described(&*source, "SELECT seq, :partner_scope AS p FROM seq_1_to_1000000", json!({}), "x").await;
    // The server counts the describing connection for a moment after it was closed.
    let until = Instant::now() + Duration::from_secs(30);
    let mut stream = loop {
        match source.open(&query).await {
            Ok(stream) => break stream,
            Err(error) => assert!(error.is(&codes::BUSY) && Instant::now() < until, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    stream.next().await.unwrap().unwrap();
    let error = source.check().await.unwrap_err();
    assert!(error.is(&codes::BUSY) && error.is_retried(), "{error}");
}

#[tokio::test]
async fn an_account_that_may_only_read_is_enough() {
    let server = MariaDb::lasting();
    let database = server.database();
    server.run(&database, "CREATE TABLE t (a INT); CREATE TABLE secret (a INT); INSERT INTO t VALUES (1)");
    let reader = format!("reader_{database}");
    server.run(
        "",
        &format!("CREATE USER {reader}@'%' IDENTIFIED BY 'wrong'; GRANT SELECT ON {database}.t TO {reader}@'%'"),
    );
    let mut given = settings(&server, &database);
    given["user"] = json!(reader);
    given["password"] = json!("env:READER");
    let source = build("mysql", given);
    let query = described(&*source, "SELECT a FROM t WHERE 'x' = :partner_scope", json!({}), "x").await;
    assert_eq!(rows(&*source, &query).await, [["Int(1)"]]);
    let denied = report("SELECT a\nFROM secret WHERE 'x' = :partner_scope", json!({}));
    let error = source.describe(&denied).await.unwrap_err();
    assert!(error.is(&codes::DOES_NOT_PREPARE) && error.detail().contains("line 2"), "{error}");
}

#[tokio::test]
async fn a_function_that_writes_is_stopped_by_the_transaction() {
    let server = MariaDb::lasting();
    let database = server.database();
    server.run(&database, "CREATE TABLE t (a INT) ENGINE=InnoDB");
    server.run(&database, "CREATE FUNCTION f() RETURNS INT MODIFIES SQL DATA RETURN (SELECT 1)");
    server.run(
        &database,
        "DELIMITER //\nDROP FUNCTION f//\nCREATE FUNCTION f() RETURNS INT BEGIN INSERT INTO t VALUES (1); RETURN 1; END//",
    );
    let source = build("mysql", settings(&server, &database));
    let query = described(&*source, "SELECT f() AS a, :partner_scope AS p", json!({}), "x").await;
    let mut stream = source.open(&query).await.unwrap();
    let error = stream.next().await.unwrap_err();
    assert!(error.is(&codes::QUERY) && error.detail().contains("1792"), "{error}");
    assert_eq!(server.rows(&database, "SELECT COUNT(*) FROM t"), "0\n");
}

#[tokio::test]
async fn a_server_whose_modes_change_quoting_is_read_right() {
    let server = MariaDb::start_with(&["--sql-mode=ANSI,NO_BACKSLASH_ESCAPES,STRICT_TRANS_TABLES"]);
    let source = build("mysql", settings(&server, &server.database()));
    let sql = r#"SELECT "a" AS s, '\' :x' AS t, 1 AS n FROM DUAL WHERE 'x' = :partner_scope"#;
    let query = described(&*source, sql, json!({}), "x").await;
    assert_eq!(rows(&*source, &query).await, [[r#"Text("a")"#, r#"Text("' :x")"#, "Int(1)"]]);
}

#[tokio::test]
async fn parameters_compare_exactly() {
    let server = MariaDb::lasting();
    let database = server.database();
    server.run(
        &database,
        "CREATE TABLE t (id INT, amount DECIMAL(30,10), at TIMESTAMP(6) NULL, day DATE, flag BOOLEAN);
         INSERT INTO t VALUES (1, 12345678901234567890.1234567891, '2026-01-31 23:00:00.5', '2026-02-01', TRUE),
                              (2, 12345678901234567890.1234567892, '2026-01-31 23:00:00.6', '2026-02-02', FALSE)",
    );
    let source = build("mysql", settings(&server, &database));
    let find = async |condition: &str, kind: &str, value: ParameterValue| {
        let sql = format!("SELECT id FROM t WHERE 'x' = :partner_scope AND {condition} ORDER BY id");
        let declared = json!({"parameters": {"v": {"type": kind}}});
        let mut query = described(&*source, &sql, declared, "x").await;
        query.parameters = [("v".to_owned(), value)].into();
        rows(&*source, &query).await.concat().join(",")
    };
    let decimal = ParameterValue::Decimal("12345678901234567890.1234567892".to_owned());
    assert_eq!(find("amount = :v", "decimal", decimal.clone()).await, "Int(2)");
    assert_eq!(find("amount < :v", "decimal", decimal).await, "Int(1)");
    let zoned: ParameterValue = ParameterValue::Timestamp("2026-02-01T00:00:00.6+01:00".parse().unwrap());
    let written = server.rows("", "SELECT @@system_time_zone").trim().to_owned();
    assert_eq!(written, "UTC", "the rows above were written in the server's zone");
    assert_eq!(find("at = :v", "timestamp", zoned).await, "Int(2)");
    let day = ParameterValue::Date("2026-02-02".to_owned());
    assert_eq!(find("day >= :v", "date", day).await, "Int(2)");
    assert_eq!(find("flag = :v", "boolean", ParameterValue::Boolean(true)).await, "Int(1)");
}

#[tokio::test]
async fn an_optional_list_filters_where_it_is_given() {
    let server = MariaDb::lasting();
    let database = server.database();
    server.run(
        &database,
        "CREATE TABLE t (id INT, day DATE);
         INSERT INTO t VALUES (1, '2026-01-01'), (2, '2026-01-02'), (3, '2026-01-03')",
    );
    let source = build("mysql", settings(&server, &database));
    let find = async |column: &str, kind: &str, values: ParameterValue| {
        let sql =
            format!("SELECT id FROM t WHERE 'x' = :partner_scope AND (:v IS NULL OR {column} IN (:v)) ORDER BY id");
        let declared = json!({"parameters": {"v": {"type": "list", "items": {"type": kind}}}});
        let mut query = described(&*source, &sql, declared, "x").await;
        query.parameters = [("v".to_owned(), values)].into();
        rows(&*source, &query).await.concat().join(",")
    };
    let ids = |ids: &[i64]| ParameterValue::List(ids.iter().copied().map(ParameterValue::Integer).collect());
    assert_eq!(find("id", "integer", ParameterValue::Null).await, "Int(1),Int(2),Int(3)");
    assert_eq!(find("id", "integer", ids(&[2])).await, "Int(2)");
    assert_eq!(find("id", "integer", ids(&[3, 1, 7])).await, "Int(1),Int(3)");
    let days = ["2026-01-02", "2026-01-03"].map(|day| ParameterValue::Date(day.to_owned()));
    assert_eq!(find("day", "date", ParameterValue::List(days.to_vec())).await, "Int(2),Int(3)");
}

#[tokio::test]
async fn one_connection_per_query_and_none_stays() {
    let server = MariaDb::lasting();
    let database = server.database();
    let source = build("mysql", settings(&server, &database));
    let query = Arc::new(described(&*source, "SELECT 1 AS a, :partner_scope AS p", json!({}), "x").await);
    for _ in 0..20 {
        rows(&*source, &query).await;
    }
    let open = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'sealpost' AND db = DATABASE()";
    wait_until("the connections to close", Duration::from_secs(20), || server.rows(&database, open) == "0\n");
}

#[tokio::test]
async fn columns_that_change_places_after_preparing_are_noticed() {
    let server = MariaDb::lasting();
    let database = server.database();
    server.run(
        &database,
        "CREATE TABLE t (a INT, b INT); INSERT INTO t VALUES (1, 2); CREATE VIEW v AS SELECT a, b FROM t",
    );
    let source = build("mysql", settings(&server, &database));
    let query = described(&*source, "SELECT * FROM v WHERE 'x' = :partner_scope", json!({}), "x").await;
    // The task that reads does not run before this one waits for it.
    let mut stream = source.open(&query).await.unwrap();
    server.run(&database, "CREATE OR REPLACE VIEW v AS SELECT b, a FROM t");
    let error = stream.next().await.unwrap_err();
    assert!(error.is(&codes::COLUMNS), "{error}");
}

/// The driver says so while it prepares, and the connection is as good as before.
#[tokio::test(flavor = "multi_thread")]
async fn a_column_of_a_type_that_the_driver_does_not_know_is_a_mistake_of_the_report_type() {
    let server = MariaDb::shared();
    let direct = build("mysql", settings(server, "mysql"));
    let query = described(&*direct, "SELECT 1 AS spotted, :partner_scope AS p", json!({}), "x").await;
    let mut given = settings(server, "mysql");
    // MySQL 9 has it for vectors.
    given["port"] = json!(proxy::retyped(server.port(), "spotted", 0xf2));
    let source = build("mysql", given);
    let at_loading = source.describe(&query.report).await.unwrap_err();
    let at_opening = source.open(&query).await.map(drop).unwrap_err();
    for error in [at_loading, at_opening] {
        assert!(error.is(&codes::COLUMNS) && !error.is_retried(), "{error}");
        assert!(error.detail().contains("unknown column type 0xf2: leave that column out"), "{error}");
    }
}

#[tokio::test]
async fn a_table_that_is_built_anew_after_the_snapshot_is_read_again_later() {
    let server = MariaDb::lasting();
    let database = server.database();
    server.run(&database, "CREATE TABLE t (a INT) ENGINE=InnoDB; INSERT INTO t VALUES (1), (2)");
    let source = build("mysql", settings(&server, &database));
    let query = described(&*source, "SELECT a FROM t WHERE 'x' = :partner_scope", json!({}), "x").await;
    for change in ["ALTER TABLE t ENGINE=InnoDB", "TRUNCATE t"] {
        // The task that reads does not run before this one waits for it.
        let mut stream = source.open(&query).await.unwrap();
        server.run(&database, change);
        let error = stream.next().await.unwrap_err();
        assert!(error.is(&codes::BUSY) && error.is_retried() && error.detail().contains("1412"), "{change}: {error}");
    }
}

#[tokio::test]
async fn a_query_without_room_for_its_temporary_table_is_run_again_later() {
    let server = MariaDb::start_with(&["--tmp-memory-table-size=16384", "--tmp-disk-table-size=65536"]);
    let source = build("mysql", settings(&server, &server.database()));
    let sql = "SELECT DISTINCT REPEAT('x', 200) AS t, seq % 99999 AS n FROM seq_1_to_100000 WHERE 'x' = :partner_scope";
    let query = described(&*source, sql, json!({}), "x").await;
    let error = source.open(&query).await.unwrap().next().await.unwrap_err();
    assert!(error.is(&codes::BUSY) && error.is_retried(), "{error}");
    assert!(error.detail().contains("1114") && error.detail().contains("no room"), "{error}");
}

/// What servers say that have no room or are out of their cluster, in a real server's packets.
#[tokio::test]
async fn what_passes_by_itself_is_waited_for() {
    let server = MariaDb::lasting();
    let database = server.database();
    server.run(
        &database,
        "DELIMITER //
         CREATE FUNCTION fails(number INT, said VARCHAR(128)) RETURNS INT
         BEGIN SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = number, MESSAGE_TEXT = said; RETURN 1; END//",
    );
    let source = build("mysql", settings(&server, &database));
    for (number, said, code) in [
        (1047, "WSREP has not yet prepared node for application use", &codes::UNREACHABLE),
        (1615, "Prepared statement needs to be re-prepared", &codes::BUSY),
        (1021, "Disk full (/tmp/x); waiting for someone to free some space...", &codes::BUSY),
        (3, "Error writing file /tmp/x (Errcode: 28 \"No space left on device\")", &codes::BUSY),
        (1030, "Got error 28 \"No space left on device\" from storage engine Aria", &codes::BUSY),
        (1030, "Got error 127 \"Unknown error 127\" from storage engine MyISAM", &codes::QUERY),
    ] {
        let sql = format!("SELECT fails({number}, '{said}') AS a, :partner_scope AS p");
        let query = described(&*source, &sql, json!({}), "x").await;
        let error = source.open(&query).await.unwrap().next().await.unwrap_err();
        assert!(error.is(code) && error.detail().contains(&number.to_string()), "{said}: {error}");
        assert!(!error.detail().contains(said), "a server's words may have values in them: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_table_does_not_hold_us_up() {
    let server = MariaDb::start_with(&["--lock-wait-timeout=86400"]);
    let database = server.database();
    server.run(&database, "CREATE TABLE t (a INT)");
    let source = build("mysql", settings(&server, &database));
    // The statement's limit comes before the shortest wait for a lock, a minute.
    let query = described(&*source, "SELECT a FROM t WHERE 'x' = :partner_scope", json!({"timeout_s": 1}), "x").await;
    std::thread::scope(|scope| {
        let (server, database) = (&server, &database);
        scope.spawn(move || server.try_run(database, "LOCK TABLES t WRITE; SELECT SLEEP(30)"));
        wait_until("the lock", Duration::from_secs(20), || {
            server.rows("", "SELECT info FROM information_schema.processlist").contains("SELECT SLEEP(30)")
        });
        let runtime = tokio::runtime::Handle::current();
        let error = tokio::task::block_in_place(|| {
            runtime.block_on(async { source.open(&query).await.unwrap().next().await.unwrap_err() })
        });
        assert!(error.is(&codes::STATEMENT_TIMEOUT) || error.is(&codes::BUSY), "{error}");
        server.run("", "SELECT CONCAT('KILL ', id) INTO @k FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'; EXECUTE IMMEDIATE @k");
    });
}
