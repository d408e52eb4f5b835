//! Sinks of transfer events: a real bus with a queue behind it, a real file that is rotated, a webhook whose signature the
//! reference implementation verifies.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use sealpost_core::error::codes;
use sealpost_core::port::{TransferEvent, TransferEventSink};
use sealpost_core::{Error, Result};
use sealpost_deliver::{EVENT_SINKS, EventParts, EventSinkSettings, WebhookSettings, Webhooks, event_sink};
use sealpost_testkit::moto::{Moto, REGION};
use sealpost_testkit::suite::transport::TestSecrets;
use serde_json::{Value, json};

use crate::webhook::{Manner, Receiver};

fn sink(settings: Value, folder: &Path) -> Result<Arc<dyn TransferEventSink>, Error> {
    let settings: EventSinkSettings = serde_json::from_value(settings).unwrap();
    let notifier = Webhooks::new(WebhookSettings {
        allow_private: true,
        allow_http: true,
        timeout: Duration::from_secs(5),
        ..WebhookSettings::default()
    });
    let parts =
        EventParts { base_folder: folder.to_owned(), secrets: Arc::new(TestSecrets), notifier: Arc::new(notifier) };
    event_sink(&settings, &parts)
}

fn event(number: u32) -> TransferEvent {
    let detail = json!({"connector-id": "c-0123456789abcdef0", "bytes": number, "file-path": "/b/ä.csv"}).to_string();
    let resource = "arn:aws:transfer:eu-central-1:123456789012:connector/c-0123456789abcdef0";
    let id = format!("0198c2a4-0000-7000-8000-{number:012}");
    let detail_type = "SFTP Connector File Send Completed";
    let envelope = json!({"version": "0", "id": id, "detail-type": detail_type, "resources": [resource]}).to_string();
    TransferEvent {
        id,
        detail_type: detail_type.to_owned(),
        at: "2026-11-22T21:00:00Z".parse().unwrap(),
        resource: resource.to_owned(),
        detail,
        envelope,
    }
}

#[test]
fn every_row_of_the_table_has_settings_that_are_understood() {
    for row in EVENT_SINKS {
        let settings: Value = serde_json::from_str(row.example).unwrap();
        assert_eq!(sink(settings.clone(), Path::new("/nowhere")).unwrap().name(), row.name);
        let mut more = settings;
        more["nonsense"] = json!(1);
        assert!(serde_json::from_value::<EventSinkSettings>(more).is_err(), "{}", row.name);
    }
    let private = json!({"kind": "webhook", "url": "ftp://hooks.example/", "secret": "env:A"});
    assert!(sink(private, Path::new("/nowhere")).is_err());
}

#[tokio::test]
async fn lines_are_appended_and_a_rotated_file_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    let lines =
        |path: &Path| -> Vec<String> { std::fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect() };
    let file = sink(json!({"kind": "file", "path": "events.jsonl"}), folder.path()).unwrap();
    file.publish(&event(1)).await.unwrap();
    file.publish(&event(2)).await.unwrap();
    assert_eq!(lines(&path), [event(1).envelope, event(2).envelope]);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    std::fs::rename(&path, folder.path().join("events.1")).unwrap();
    file.publish(&event(3)).await.unwrap();
    assert_eq!(lines(&path), [event(3).envelope]);
    std::fs::remove_file(&path).unwrap();
    file.publish(&event(4)).await.unwrap();
    assert_eq!(lines(&path), [event(4).envelope]);
    assert_eq!(lines(&folder.path().join("events.1")).len(), 2);

    // A line that a crash cut short does not swallow the next one.
    std::fs::write(&path, "{\"half").unwrap();
    let again = sink(json!({"kind": "file", "path": path}), Path::new("/nowhere")).unwrap();
    again.publish(&event(5)).await.unwrap();
    assert_eq!(lines(&path), ["{\"half".to_owned(), event(5).envelope]);

    let all = (0..40).map(|number| {
        let (file, again) = (file.clone(), again.clone());
        tokio::spawn(async move { if number % 2 == 0 { &file } else { &again }.publish(&event(number)).await })
    });
    for done in futures::future::join_all(all).await {
        done.unwrap().unwrap();
    }
    let lines = lines(&path);
    assert_eq!(lines.len(), 42);
    assert!(lines[1..].iter().all(|line| serde_json::from_str::<Value>(line).is_ok()));
}

#[tokio::test]
async fn a_full_or_missing_place_says_so() {
    for path in ["/dev/full", "/nowhere/at/all", "/"] {
        let file = sink(json!({"kind": "file", "path": path}), Path::new("/")).unwrap();
        for _ in 0..2 {
            let error = file.publish(&event(1)).await.unwrap_err();
            assert!(error.is(&codes::notify::EVENT_SINK) && error.detail().contains(path), "{error}");
            assert!(error.is_retried());
        }
    }
}

#[tokio::test]
async fn webhooks_are_signed_as_the_standard_says() {
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let answer = |status: &str| Manner::Answers(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n"));
    let mut receiver = Receiver::start(answer("204 Fine")).await;
    let settings = json!({
        "kind": "webhook", "url": receiver.url(), "secret": format!("env:{SECRET}"),
        "previous_secret": "env:whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
    });
    let webhook = sink(settings, Path::new("/")).unwrap();
    webhook.publish(&event(7)).await.unwrap();
    let request = receiver.requests.recv().await.unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, event(7).envelope);
    let headers: Value = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), Value::from(value)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    assert_eq!(headers["webhook-id"], event(7).id);
    for secret in [SECRET, "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"] {
        verify(secret, body, &headers);
    }

    let receiver = Receiver::start(answer("503 Busy\r\nretry-after: 120")).await;
    let settings = json!({"kind": "webhook", "url": receiver.url(), "secret": format!("env:{SECRET}")});
    let error = sink(settings, Path::new("/")).unwrap().publish(&event(7)).await.unwrap_err();
    assert!(error.is(&codes::notify::REFUSED), "{error}");
    assert_eq!(error.retry(), sealpost_core::error::Retry::After(Duration::from_secs(120)));
}

/// By the reference implementation in Python; a changed body must fail there too.
fn verify(secret: &str, body: &str, headers: &Value) {
    const SCRIPT: &str = r"
import json, sys
from standardwebhooks import Webhook, WebhookVerificationError
secret, body, headers = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
Webhook(secret).verify(body, headers)
try:
    Webhook(secret).verify(body + ' ', headers)
    raise SystemExit('a changed body is believed')
except WebhookVerificationError:
    pass
";
    let python =
        std::path::PathBuf::from(std::env::var("HOME").unwrap_or_default()).join(".cache/sealpost/python/bin/python");
    let python = if python.is_file() { python } else { sealpost_testkit::server::program(&["python3"], "python3") };
    let output = Command::new(python).args(["-c", SCRIPT, secret, body, &headers.to_string()]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_bus_hands_the_event_on() {
    let moto = Moto::start();
    let sqs = |operation: &str, body: Value| moto.call("sqs", &format!("AmazonSQS.{operation}"), &body);
    let events = |operation: &str, body: Value| moto.call("events", &format!("AWSEvents.{operation}"), &body);
    let queue = sqs("CreateQueue", json!({"QueueName": "seen"}))["QueueUrl"].clone();
    let arn = sqs("GetQueueAttributes", json!({"QueueUrl": queue, "AttributeNames": ["QueueArn"]}));
    events("CreateEventBus", json!({"Name": "transfers"}));
    let pattern = json!({"source": ["sealpost.transfer"], "detail-type": [event(1).detail_type]}).to_string();
    events("PutRule", json!({"Name": "all", "EventBusName": "transfers", "EventPattern": pattern}));
    let targets = json!([{"Id": "queue", "Arn": arn["Attributes"]["QueueArn"]}]);
    events("PutTargets", json!({"Rule": "all", "EventBusName": "transfers", "Targets": targets}));

    let aws = json!({
        "region": REGION, "endpoint": moto.endpoint(), "access_key_id": "test", "secret_access_key": "env:test",
    });
    let bus = sink(json!({"kind": "eventbridge", "bus": "transfers", "aws": aws}), Path::new("/")).unwrap();
    bus.publish(&event(12)).await.unwrap();
    let received = sqs("ReceiveMessage", json!({"QueueUrl": queue, "WaitTimeSeconds": 5}));
    let seen: Value = serde_json::from_str(received["Messages"][0]["Body"].as_str().unwrap()).unwrap();
    assert_eq!(seen["detail"], serde_json::from_str::<Value>(&event(12).detail).unwrap());
    assert_eq!(seen["source"], "sealpost.transfer");
    assert_eq!(seen["resources"], json!([event(12).resource]));
    assert_eq!(seen["time"], "2026-11-22T21:00:00Z");

    // The call succeeds, its entry does not.
    let error = bus.publish(&TransferEvent { detail: "no JSON".to_owned(), ..event(1) }).await.unwrap_err();
    assert!(error.is(&codes::notify::EVENT_SINK) && error.detail().contains("MalformedDetail"), "{error}");
    let nobody = format!("http://127.0.0.1:{}", sealpost_testkit::server::free_port());
    let aws = json!({"region": REGION, "endpoint": nobody, "access_key_id": "a", "secret_access_key": "env:CANARY"});
    let bus = sink(json!({"kind": "eventbridge", "aws": aws}), Path::new("/")).unwrap();
    let error = bus.publish(&event(1)).await.unwrap_err();
    assert!(error.is(&codes::notify::EVENT_SINK) && !format!("{error:?}").contains("CANARY"), "{error}");
}
