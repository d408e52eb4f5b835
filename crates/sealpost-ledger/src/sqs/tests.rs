//! Bells on a real SQS server, for a ledger over a table in memory.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sealpost_core::error::codes;
use sealpost_core::port::Admission;
use sealpost_core::task::{QueueDepth, WorkKind};
use sealpost_testkit::moto::Moto;
use sealpost_testkit::suite::ledger::{HOUR, Ports, admission};
use serde_json::{Value as Json, json};

use super::{SqsSettings, body_of, delay, ring_of};
use crate::LedgerSet;

/// The server that tests of many processes share; each has a queue of its own.
fn moto() -> &'static Moto {
    static MOTO: OnceLock<Moto> = OnceLock::new();
    MOTO.get_or_init(Moto::lasting)
}

fn sqs(operation: &str, ask: &Json) -> Json {
    moto().call("sqs", &format!("AmazonSQS.{operation}"), ask)
}

fn new_queue(name: &str, attributes: &Json) -> String {
    let name = format!("{name}-{:032x}", rand::random::<u128>());
    let made = sqs("CreateQueue", &json!({"QueueName": name, "Attributes": attributes}));
    made["QueueUrl"].as_str().unwrap().to_owned()
}

/// Messages that are visible, hidden, delayed.
fn counts(url: &str) -> [String; 3] {
    let answer = sqs("GetQueueAttributes", &json!({"QueueUrl": url, "AttributeNames": ["All"]}));
    ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"]
        .map(|name| answer["Attributes"][name].as_str().unwrap().to_owned())
}

fn variable(name: &str) -> Option<String> {
    ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].contains(&name).then(|| "test".to_owned())
}

fn with_bells(url: &str, endpoint: Option<&str>) -> Ports {
    let settings = SqsSettings {
        url: url.to_owned(),
        region: Some("eu-central-1".to_owned()),
        endpoint: endpoint.map(str::to_owned),
    };
    let set = LedgerSet::from(crate::table::tests::ledger()).with_bells(&settings, &variable).unwrap();
    let LedgerSet { ledger, records, queue, usage, outbox, changes, transfers, .. } = set;
    Ports { ledger, records, queue, usage, outbox, changes, transfers, keep: Arc::new(()) }
}

/// Waits until the process has heard a bell: a guard against hanging, not a measurement.
async fn hear(ports: &Ports, url: &str, expected: [&str; 3]) {
    for _ in 0..100 {
        if counts(url) == expected {
            return;
        }
        ports.queue.wait(&WorkKind::ALL, Duration::from_secs(1)).await;
    }
    panic!("{:?} instead of {expected:?}", counts(url));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bell_is_held_with_its_task_and_goes_with_it() {
    let url = new_queue("held", &json!({}));
    let ports = with_bells(&url, None);
    ports.admit(admission("acme")).await;
    assert_eq!(counts(&url), ["1", "0", "0"]);
    hear(&ports, &url, ["0", "1", "0"]).await;
    let mut lease = ports.claim(&[WorkKind::Produce]).await;
    ports.queue.extend(&mut lease, HOUR).await.unwrap();
    assert_eq!(counts(&url), ["0", "1", "0"], "nobody else hears it while the task is worked on");
    ports.queue.complete(&lease).await.unwrap();
    assert_eq!(counts(&url), ["0", "0", "0"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bell_that_leads_to_nothing_goes() {
    let url = new_queue("nothing", &json!({}));
    let ports = with_bells(&url, None);
    for body in [r#"{"ring":"deliver"}"#, "no bell"] {
        let _ = sqs("SendMessage", &json!({"QueueUrl": url, "MessageBody": body}));
    }
    hear(&ports, &url, ["0", "1", "0"]).await;
    assert_eq!(ports.queue.claim(&[WorkKind::Deliver], HOUR).await.unwrap(), None);
    assert_eq!(counts(&url), ["0", "0", "0"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_is_given_back_rings_when_it_is_ready() {
    let url = new_queue("later", &json!({}));
    let ports = with_bells(&url, None);
    ports.admit(admission("acme")).await;
    hear(&ports, &url, ["0", "1", "0"]).await;
    let lease = ports.claim(&[WorkKind::Produce]).await;
    ports.queue.release(&lease, Duration::from_secs(600)).await.unwrap();
    assert_eq!(counts(&url), ["0", "0", "1"]);
    // Later than SQS can: for the sweep.
    ports.admit(Admission { now: Timestamp::now() + SignedDuration::from_hours(1), ..admission("acme") }).await;
    assert_eq!(counts(&url), ["0", "0", "1"]);
    assert_eq!(ports.queue.sweep().await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_is_a_bell_and_the_sweep_rings_again() {
    let dead = new_queue("dead", &json!({}));
    let arn = sqs("GetQueueAttributes", &json!({"QueueUrl": dead, "AttributeNames": ["QueueArn"]}));
    let redrive = json!({"deadLetterTargetArn": arn["Attributes"]["QueueArn"], "maxReceiveCount": 2}).to_string();
    let url = new_queue("redriven", &json!({"RedrivePolicy": redrive}));
    let ports = with_bells(&url, None);
    let earlier = Timestamp::now() - SignedDuration::from_mins(2);
    ports.admit(Admission { now: earlier, ..admission("acme") }).await;
    for _ in 0..3 {
        // Functions that take it and die.
        let _ = sqs("ReceiveMessage", &json!({"QueueUrl": url, "VisibilityTimeout": 0}));
    }
    assert_eq!((counts(&url), counts(&dead)), (["0", "0", "0"].map(str::to_owned), ["1", "0", "0"].map(str::to_owned)));

    assert_eq!(ports.queue.depth().await.unwrap(), QueueDepth { ready: 1, ..QueueDepth::default() });
    assert_eq!(ports.queue.sweep().await.unwrap(), 1);
    hear(&ports, &url, ["0", "1", "0"]).await;
    let lease = ports.claim(&[WorkKind::Produce]).await;
    ports.queue.complete(&lease).await.unwrap();
    assert_eq!(counts(&url), ["0", "0", "0"]);
    assert_eq!(ports.queue.sweep().await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_sqs_work_goes_on() {
    let url = new_queue("gone", &json!({}));
    let ports = with_bells(&url, Some("http://127.0.0.1:9"));
    ports.admit(Admission { now: Timestamp::now() - SignedDuration::from_mins(2), ..admission("acme") }).await;
    ports.queue.wait(&WorkKind::ALL, Duration::from_millis(10)).await;
    let lease = ports.claim(&[WorkKind::Produce]).await;
    ports.queue.release(&lease, Duration::ZERO).await.unwrap();
    ports.admit(Admission { now: Timestamp::now() - SignedDuration::from_mins(2), ..admission("acme") }).await;
    assert_eq!(ports.queue.sweep().await.unwrap(), 1, "for the one that has waited");
}

#[test]
fn a_ledger_of_one_machine_has_no_bells() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let sqlite = crate::SqliteLedger::open(folder.path().join("ledger.db")).await.unwrap();
        let settings = SqsSettings { url: "http://127.0.0.1:9/1/w".to_owned(), region: None, endpoint: None };
        let error = LedgerSet::from(sqlite).with_bells(&settings, &variable).err().unwrap();
        assert!(error.is(&codes::config::INVALID) && error.detail().contains("several machines"), "{error}");
    });
}

#[test]
fn a_message_names_a_kind_and_nothing_else() {
    for kind in WorkKind::ALL {
        let body = body_of(kind).unwrap();
        assert_eq!(body, format!(r#"{{"ring":"{}"}}"#, kind.as_str()));
        assert_eq!(ring_of(&body).unwrap(), kind);
    }
    for body in ["", "{}", "deliver", r#"{"ring":"dance"}"#, r#"{"ring":1,"canary":"CANARY"}"#] {
        let error = ring_of(body).unwrap_err();
        assert!(error.is(&codes::ledger::CORRUPT) && !error.to_string().contains("CANARY"), "{error}");
    }
}

#[test]
fn delays_are_whole_seconds_up_to_a_quarter_of_an_hour() {
    let now: Timestamp = "2026-11-28T12:00:00Z".parse().unwrap();
    for (at, expected) in [
        ("2026-11-28T11:00:00Z", Some(0)),
        ("2026-11-28T12:00:00Z", Some(0)),
        ("2026-11-28T12:00:00.001Z", Some(1)),
        ("2026-11-28T12:00:05Z", Some(5)),
        ("2026-11-28T12:15:00Z", Some(900)),
        ("2026-11-28T12:15:00.001Z", None),
        ("2027-01-01T00:00:00Z", None),
    ] {
        assert_eq!(delay(at.parse().unwrap(), now), expected, "{at}");
    }
}
