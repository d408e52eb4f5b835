//! Logins that change, answers that are lost, tables that say "slow down".

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sealpost_core::error::codes;
use sealpost_core::id::ConnectorId;
use sealpost_core::job::JobStatus;
use sealpost_core::port::{Admission, Admitted, JobFilter};
use sealpost_core::task::{QueueDepth, WorkKind};
use sealpost_ledger::{LedgerParts, find};
use sealpost_testkit::chaos::{Chaos, ChaosProxy};
use sealpost_testkit::mariadb::MariaDb;
use sealpost_testkit::moto::Moto;
use sealpost_testkit::suite::ledger::{Ports, admission, partner, stored};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::secrets::OnePassword;

/// A password that is changed while the ledger runs is taken up: nothing fails.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mysql_takes_a_changed_password_up() {
    let server = MariaDb::lasting();
    let mut options = crate::mysql::options();
    let user = format!("u{:x}", rand::random::<u64>());
    options["user"] = json!(user);
    server.run("", &format!("CREATE USER '{user}'@'%' IDENTIFIED BY 'one'; GRANT ALL ON *.* TO '{user}'@'%'"));
    let secrets = Arc::new(OnePassword::of("one"));
    let parts = LedgerParts { secrets: secrets.clone(), variable: &|_| None };
    let open = async || (find("mysql").unwrap().build)(options.as_object().unwrap(), &parts).await;
    let ports = crate::ports(open().await.unwrap());
    ports.admit(admission("acme")).await;

    for password in ["two", "three"] {
        server.run("", &format!("ALTER USER '{user}'@'%' IDENTIFIED BY '{password}'; KILL USER '{user}'"));
        secrets.change(password);
        ports.admit(admission("acme")).await;
    }
    assert_eq!(ports.queue.depth().await.unwrap(), QueueDepth { ready: 3, ..QueueDepth::default() });

    // One that nobody tells the secret store of.
    server.run("", &format!("ALTER USER '{user}'@'%' IDENTIFIED BY 'four'; KILL USER '{user}'"));
    let error = ports.ledger.check().await.unwrap_err();
    assert!(error.is(&codes::ledger::LOGIN) && error.is_retried(), "{error}");
    assert!(!format!("{error:?}").contains("three"), "{error:?}");
    let error = open().await.err().expect("to be refused");
    assert!(error.is(&codes::ledger::LOGIN), "{error}");
}

/// Cuts the connection to the ledger at some byte of the answers to an admission. A client that asks again under its key has one
/// report.
async fn one_job_though_answers_are_lost(
    open: impl AsyncFn(SocketAddr) -> Ports,
    upstream: SocketAddr,
    cuts: impl Iterator<Item = u64>,
) {
    let mut lost = 0;
    for cut in cuts {
        let proxy = ChaosProxy::start(upstream);
        let ports = open(proxy.address()).await;
        let before = proxy.traffic();
        proxy.set(Chaos::ResetDownload(before.downloaded + cut));
        let keyed = || Admission { idempotency: Some(("k".to_owned(), "aa".to_owned())), ..admission("acme") };
        let job = loop {
            match ports.ledger.admit(keyed()).await {
                Ok(Admitted::New(job) | Admitted::Replayed(job)) => break job,
                Err(error) => assert!(error.is_retried(), "{error}"),
            }
            // New connections end at the same byte, which may come before the answer.
            proxy.heal();
        };
        lost += u32::from(proxy.traffic().connections > before.connections);
        proxy.heal();
        let filter = JobFilter { partner: Some(partner("acme")), limit: 10, ..JobFilter::default() };
        let jobs = ports.ledger.jobs(&filter).await.unwrap().jobs;
        assert_eq!(jobs.iter().map(|job| &job.id).collect::<Vec<_>>(), [&job.id], "after {cut} bytes");
        assert_eq!(ports.queue.depth().await.unwrap(), QueueDepth { ready: 1, ..QueueDepth::default() });
        assert_eq!(ports.ledger.timeline(&job.id).await.unwrap().len(), 1);
    }
    assert!(lost > 2, "{lost} connections were cut");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mysql_answers_that_are_lost_double_nothing() {
    let upstream = SocketAddr::from(([127, 0, 0, 1], MariaDb::lasting().port()));
    let open = async |address: SocketAddr| {
        let mut options = crate::mysql::options();
        options["port"] = json!(address.port());
        options["connections"] = json!(1);
        crate::mysql::opened(&options).await
    };
    one_job_though_answers_are_lost(open, upstream, (1..16).map(|number| number * 47)).await;
}

/// How many bytes have come down, once no more come.
async fn settled(proxy: &ChaosProxy) -> u64 {
    loop {
        let before = proxy.traffic().downloaded;
        tokio::time::sleep(Duration::from_millis(200)).await;
        if proxy.traffic().downloaded == before {
            break before;
        }
    }
}

/// A server that goes right after its answer: what the pool asks it before it keeps the connection is never answered. The
/// connection's place is free all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mysql_that_goes_after_its_answer_takes_no_connection_away() {
    let proxy = ChaosProxy::start(SocketAddr::from(([127, 0, 0, 1], MariaDb::lasting().port())));
    let mut options = crate::mysql::options();
    options["port"] = json!(proxy.address().port());
    options["connections"] = json!(1);
    options["connect_timeout_s"] = json!(30);
    let ports = crate::mysql::opened(&options).await;
    let nobody = ConnectorId::fresh();
    let look = async || assert!(ports.records.connector(&nobody).await.unwrap().is_none());
    // One look is as many bytes as the one before, what the pool asks afterwards included.
    let (mut at, mut bytes) = (settled(&proxy).await, 0);
    loop {
        look().await;
        let (now, before) = (settled(&proxy).await, bytes);
        (at, bytes) = (now, now - at);
        if bytes == before {
            break;
        }
    }
    // The last of them is missing: the look has its answer.
    let before = proxy.traffic();
    proxy.set(Chaos::StallDownload(at + bytes - 1));
    look().await;
    look().await;
    let after = proxy.traffic();
    assert!(after.faults > before.faults, "every answer came");
    assert_eq!((before.connections, after.connections), (1, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dynamodb_answers_that_are_lost_double_nothing() {
    let open = async |address: SocketAddr| {
        let mut options = crate::dynamodb::options();
        options["endpoint"] = json!(format!("http://{address}"));
        crate::dynamodb::opened(&options).await
    };
    one_job_though_answers_are_lost(open, Moto::lasting().address(), (1..9).map(|number| number * 97)).await;
}

/// What stands between the ledger and DynamoDB.
struct Gate {
    address: SocketAddr,
    requests: Arc<AtomicU32>,
    /// Of each so many requests, one is let through; 0 for none.
    of: Arc<AtomicU32>,
}

const SLOW_DOWN: &str =
    r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"slow"}"#;
const CANCELLED: &str = r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","Message":"cancelled",
    "CancellationReasons":[{"Code":"None"},{"Code":"ThrottlingError","Message":"slow"}]}"#;

impl Gate {
    async fn before(moto: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (requests, of) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(1)));
        let gate = Self { address: listener.local_addr().unwrap(), requests: requests.clone(), of: of.clone() };
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let number = requests.fetch_add(1, Ordering::Relaxed) + 1;
                let passes = number.checked_rem(of.load(Ordering::Relaxed)) == Some(0);
                tokio::spawn(one_request(client, moto, passes));
            }
        });
        gate
    }
}

/// One request for each connection: passed on, or told to slow down.
async fn one_request(mut client: TcpStream, moto: SocketAddr, passes: bool) {
    let request = request(&mut client).await;
    let answer = if passes {
        let mut server = TcpStream::connect(moto).await.unwrap();
        server.write_all(&request).await.unwrap();
        let mut answer = Vec::new();
        server.read_to_end(&mut answer).await.unwrap();
        answer
    } else {
        let is_write = String::from_utf8_lossy(&request).contains("TransactWriteItems");
        let body = if is_write { CANCELLED } else { SLOW_DOWN };
        let head = format!("HTTP/1.1 400 Bad Request\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
        format!("{head}{body}").into_bytes()
    };
    client.write_all(&answer).await.unwrap();
}

/// A whole request, that asks for the end of its connection.
async fn request(client: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let mut some = [0; 8192];
        let count = client.read(&mut some).await.unwrap();
        bytes.extend_from_slice(&some[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            return format!("{head}\r\nconnection: close\r\n\r\n{body}").into_bytes();
        }
    }
}

/// A table that is throttled delays work and doubles nothing; one that takes nothing at all gives a clear, retried error.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dynamodb_throttling_is_waited_for() {
    let gate = Gate::before(Moto::lasting().address()).await;
    let mut options: Json = crate::dynamodb::options();
    options["endpoint"] = json!(format!("http://{}", gate.address));
    let ports = crate::dynamodb::opened(&options).await;
    gate.of.store(2, Ordering::Relaxed);
    let job = ports.admit(admission("acme")).await;
    let lease = ports.start(&job).await;
    let job = ports.apply(&job, &stored(&job), Some(&lease)).await;
    ports.queue.complete(&lease).await.unwrap();
    assert_eq!(job.status, JobStatus::Succeeded);
    assert_eq!(ports.ledger.timeline(&job.id).await.unwrap().len(), 3);

    gate.of.store(0, Ordering::Relaxed);
    let before = gate.requests.load(Ordering::Relaxed);
    let error = ports.ledger.admit(admission("acme")).await.unwrap_err();
    assert!(error.is(&codes::ledger::THROTTLED) && error.is_retried(), "{error}");
    assert!(gate.requests.load(Ordering::Relaxed) - before < 20, "it gives up");
    gate.of.store(1, Ordering::Relaxed);
    assert_eq!(ports.queue.depth().await.unwrap().ready, 0);
    ports.admit(admission("acme")).await;
    ports.claim(&[WorkKind::Produce]).await;
}

#[tokio::test]
async fn a_table_that_is_not_there_is_named() {
    let mut options = crate::dynamodb::options();
    options["create"] = json!(false);
    let ports = crate::dynamodb::opened(&options).await;
    let error = ports.ledger.check().await.unwrap_err();
    assert!(error.is(&codes::ledger::UNREACHABLE), "{error}");
    let table = options["table"].as_str().unwrap();
    assert!(error.detail().contains(table) && error.detail().contains("ResourceNotFound"), "{error}");
}
