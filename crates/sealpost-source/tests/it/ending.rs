//! How queries end: dropped, killed, timed out, cut off. Never as a shorter result, and never running on.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use sealpost_core::error::codes::source as codes;
use sealpost_core::port::RowStream;
use sealpost_testkit::chaos::{Chaos, ChaosProxy};
use sealpost_testkit::mariadb::{MariaDb, USER};
use sealpost_testkit::server::wait_until;
use sealpost_testkit::suite::source::{described, drain};
use serde_json::json;

use crate::{build, proxy, settings};

const ENDLESS: &str = "SELECT COUNT(*) AS n FROM seq_1_to_100000 a, seq_1_to_100000 b, seq_1_to_100000 c \
                       WHERE a.seq + b.seq + c.seq <> 0 AND 'x' = :partner_scope";
const MANY: &str = "SELECT seq, REPEAT('y', 200) AS t FROM seq_1_to_10000000 WHERE 'x' = :partner_scope";
const PATIENCE: Duration = Duration::from_secs(20);

/// How many queries of ours the server still runs.
fn running(server: &MariaDb) -> String {
    server.rows("", "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'sealpost' AND info IS NOT NULL")
}

async fn open(server: &MariaDb, sql: &str, timeout_s: u64) -> Box<dyn RowStream> {
    let source = build("mysql", settings(server, "mysql"));
    let query = described(&*source, sql, json!({"timeout_s": timeout_s}), "x").await;
    source.open(&query).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_stream_ends_its_query_on_the_server() {
    let server = MariaDb::start();
    let stream = open(&server, ENDLESS, 600).await;
    wait_until("the query", PATIENCE, || running(&server) == "1\n");
    drop(stream);
    wait_until("the end of a query that sends nothing", PATIENCE, || running(&server) == "0\n");

    let mut stream = open(&server, MANY, 600).await;
    stream.next().await.unwrap().unwrap();
    wait_until("the query", PATIENCE, || running(&server) == "1\n");
    drop(stream);
    wait_until("the end of a query amid its rows", PATIENCE, || running(&server) == "0\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_query_is_killed_on_another_server_of_the_same_address() {
    let (server, other) = (MariaDb::start(), MariaDb::start());
    other.run("", "SET GLOBAL log_output = 'TABLE', GLOBAL general_log = 1");
    let said = |column: &str| {
        other.rows("", &format!("SELECT {column} FROM mysql.general_log WHERE user_host LIKE '%{USER}%'"))
    };
    let direct = build("mysql", settings(&server, "mysql"));
    let query = described(&*direct, ENDLESS, json!({}), "x").await;
    let mut given = settings(&server, "mysql");
    given["port"] = json!(proxy::in_turn(vec![server.port(), other.port()]));
    let stream = build("mysql", given).open(&query).await.unwrap();
    wait_until("the query", PATIENCE, || running(&server) == "1\n");
    drop(stream);
    wait_until("the connection that would kill to leave", PATIENCE, || said("command_type").contains("Quit"));
    assert!(!said("argument").contains("KILL"), "{}", said("argument"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_early_stop_ends_the_query_while_the_stream_still_lives() {
    let server = MariaDb::start();
    let source = build("mysql", settings(&server, "mysql"));
    let mut query = described(&*source, MANY, json!({}), "x").await;
    query.limit = Some(10);
    let mut stream = source.open(&query).await.unwrap();
    assert_eq!(drain(&mut *stream).await.0.len(), 10);
    wait_until("the end of the query", PATIENCE, || running(&server) == "0\n");
    let query = described(&*source, MANY, json!({"max_rows": 10}), "x").await;
    let mut stream = source.open(&query).await.unwrap();
    assert!(drain(&mut *stream).await.1.unwrap().is(&codes::TOO_MANY_ROWS));
    wait_until("the end of the query", PATIENCE, || running(&server) == "0\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_consumer_slows_the_query() {
    let server = MariaDb::start();
    let mut stream = open(&server, MANY, 600).await;
    stream.next().await.unwrap().unwrap();
    let state = "SELECT state FROM information_schema.processlist WHERE user = 'sealpost' AND info IS NOT NULL";
    let sent = || {
        server
            .rows("", "SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'Bytes_sent'")
    };
    wait_until("the server to wait for us", PATIENCE, || {
        let before: u64 = sent().trim().parse().unwrap();
        std::thread::sleep(Duration::from_millis(200));
        // The status queries themselves send a little.
        sent().trim().parse::<u64>().unwrap() - before < 50_000 && !server.rows("", state).is_empty()
    });
    let bytes: u64 = sent().trim().parse().unwrap();
    assert!(bytes < 200_000_000, "{bytes} of 2 GB were sent");
}

#[tokio::test]
async fn the_time_limit_ends_a_query_before_and_amid_its_rows() {
    let server = MariaDb::lasting();
    let error = drain(&mut *open(&server, ENDLESS, 1).await).await.1.unwrap();
    assert!(error.is(&codes::STATEMENT_TIMEOUT) && !error.is_retried(), "{error}");
    let slow = "SELECT seq, SLEEP(0.01) AS s, REPEAT('y', 2000) AS t FROM seq_1_to_100000 WHERE 'x' = :partner_scope";
    let error = drain(&mut *open(&server, slow, 1).await).await.1.unwrap();
    assert!(error.is(&codes::STATEMENT_TIMEOUT), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_by_the_operator_is_no_end_of_the_rows() {
    let server = MariaDb::start();
    for (kill, code) in [("QUERY", &codes::CANCELLED), ("CONNECTION", &codes::BROKEN)] {
        let mut stream = open(&server, MANY, 600).await;
        stream.next().await.unwrap().unwrap();
        let id = server
            .rows("", "SELECT id FROM information_schema.processlist WHERE user = 'sealpost' AND info IS NOT NULL");
        server.run("", &format!("KILL {kill} {id}"));
        let error = drain_rest(&mut *stream).await;
        assert!(error.is(code), "{kill}: {error}");
    }
}

async fn drain_rest(stream: &mut dyn RowStream) -> sealpost_core::Error {
    loop {
        match stream.next().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("a broken result ended like a whole one"),
            Err(error) => return error,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_cut_at_any_byte_is_an_error() {
    let server = MariaDb::lasting();
    let sql = "SELECT seq, REPEAT('y', 100) AS t FROM seq_1_to_20000 WHERE 'x' = :partner_scope";
    let direct = build("mysql", settings(&server, "mysql"));
    let query = described(&*direct, sql, json!({}), "x").await;
    let whole = drain(&mut *direct.open(&query).await.unwrap()).await.0.len();
    assert_eq!(whole, 20_000);
    // Login and preparing take about a kilobyte; the result 2.2 MB.
    for bytes in [0, 10, 100, 500, 2_000, 5_000, 65_536, 500_000, 1_000_000, 2_000_000, 2_100_000] {
        let mut given = settings(&server, "mysql");
        given["port"] = json!(proxy::cut_after(server.port(), bytes));
        let error = match build("mysql", given).open(&query).await {
            Ok(mut stream) => drain_rest(&mut *stream).await,
            Err(error) => error,
        };
        assert!(error.is(&codes::BROKEN) || bytes < 5_000 && error.is(&codes::UNREACHABLE), "{bytes}: {error}");
        assert!(error.is_retried());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_is_an_error() {
    let server = MariaDb::start();
    let mut stream = open(&server, MANY, 600).await;
    stream.next().await.unwrap().unwrap();
    assert!(Command::new("kill").args(["-9", &server.id().to_string()]).status().unwrap().success());
    assert!(drain_rest(&mut *stream).await.is(&codes::BROKEN));
}

/// A server that is there would have said that its limit is over. Of one whose rows nobody takes we do not hear it.
#[tokio::test(flavor = "multi_thread")]
async fn silence_beyond_the_limit_is_a_broken_connection_unless_nobody_listened() {
    let server = MariaDb::lasting();
    let direct = build("mysql", settings(&server, "mysql"));
    let query = described(&*direct, MANY, json!({"timeout_s": 5}), "x").await;
    let proxy = ChaosProxy::start(([127, 0, 0, 1], server.port()).into());
    // Login and preparing take about a kilobyte.
    proxy.set(Chaos::StallDownload(500_000));
    let mut given = settings(&server, "mysql");
    given["port"] = json!(proxy.address().port());
    let away = build("mysql", given);
    let silent = async { drain_rest(&mut *away.open(&query).await.unwrap()).await };
    let unheard = async {
        let mut stream = direct.open(&query).await.unwrap();
        stream.next().await.unwrap().unwrap();
        // Until after the limit and what is waited beyond it.
        tokio::time::sleep(Duration::from_secs(30)).await;
        drain_rest(&mut *stream).await
    };
    let (silent, unheard) = tokio::join!(silent, unheard);
    assert!(silent.is(&codes::BROKEN) && silent.is_retried(), "{silent}");
    assert!(unheard.is(&codes::STATEMENT_TIMEOUT) && !unheard.is_retried(), "{unheard}");
}

/// Not a test of its own: what the next test starts as another process, and kills.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by `a_killed_worker_ends_its_query`"]
async fn victim() {
    let port: u16 = std::env::var("SEALPOST_TEST_PORT").unwrap().parse().unwrap();
    let source = build(
        "mysql",
        json!({"host": "127.0.0.1", "port": port, "database": "mysql", "user": USER, "password": "env:RIGHT"}),
    );
    let query = described(&*source, MANY, json!({}), "x").await;
    let mut stream = source.open(&query).await.unwrap();
    stream.next().await.unwrap().unwrap();
    println!("reading");
    tokio::time::sleep(Duration::from_secs(600)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_worker_ends_its_query() {
    let server = MariaDb::start();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "ending::victim", "--ignored", "--nocapture"]);
    command.env("SEALPOST_TEST_PORT", server.port().to_string()).stdout(Stdio::piped());
    let mut worker = command.spawn().unwrap();
    let lines = BufReader::new(worker.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.contains("reading")), "the worker did not start to read");
    assert_eq!(running(&server), "1\n");
    worker.kill().unwrap();
    worker.wait().unwrap();
    wait_until("the server to notice", PATIENCE, || running(&server) == "0\n");
}
