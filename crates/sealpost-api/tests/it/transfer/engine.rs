//! The engine `aws_transfer` against this API, in place of the service: what AWS can't be asked in a test.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sealpost_core::connector::{Connector, ConnectorSettings, ExistingFile, UserSecret};
use sealpost_core::delivery::Intent;
use sealpost_core::error::{Result, Retry, codes};
use sealpost_core::id::ConnectorId;
use sealpost_core::port::{Establishing, Shipment, Traces, Transport};
use sealpost_core::receipt::{Certainty, Receipt};
use sealpost_deliver::{AwsSettings, AwsTransfer, AwsTransferSettings};
use sealpost_testkit::aws_proxy::{AwsFault, AwsProxy};
use sealpost_testkit::chaos::{Chaos, ChaosProxy};
use sealpost_testkit::suite::transport::{MemoryFile, Notebook, TestSecrets};
use serde_json::json;

use super::rig::Rig;

const CONTENT: &str = "a;b\n1;2\n";

fn engine(rig: &Rig) -> AwsTransfer {
    following(rig, AwsTransferSettings::default())
}

/// The engine with these times.
fn following(rig: &Rig, times: AwsTransferSettings) -> AwsTransfer {
    calling(rig, &rig.url, times)
}

/// The same, which calls this address.
fn calling(rig: &Rig, endpoint: &str, times: AwsTransferSettings) -> AwsTransfer {
    let (id, secret) = rig.key("admin");
    let settings = AwsTransferSettings {
        aws: AwsSettings {
            region: Some("us-east-1".to_owned()),
            endpoint: Some(endpoint.to_owned()),
            access_key_id: Some(id.clone()),
            secret_access_key: Some(format!("env:{secret}").parse().unwrap()),
        },
        access_role: Some("arn:aws:iam::000000000000:role/sealpost".to_owned()),
        ..times
    };
    AwsTransfer::new(settings, Arc::new(TestSecrets))
}

fn connector(rig: &Rig) -> Connector {
    let mut settings = ConnectorSettings::new("127.0.0.1", rig.sshd.port(), "");
    settings.directory = rig.sshd.inbox().display().to_string();
    settings.existing_file = ExistingFile::Replace;
    settings.host_keys = ["ed25519", "ecdsa", "rsa"].map(|kind| rig.sshd.host_key(kind)).into();
    settings.user_secret = Some(UserSecret { secret: "file:secrets/sftp".parse().unwrap(), stages: Vec::new() });
    let id = ConnectorId::fresh();
    Connector { id, partner: "acme".parse().unwrap(), name: "main".to_owned(), settings, candidates: Vec::new() }
}

/// One attempt to send `/sealpost/out/a.csv`.
async fn attempt(
    engine: &AwsTransfer,
    connector: &Connector,
    notebook: &Notebook,
    failed_attempts: u32,
) -> Result<Receipt> {
    let intent = notebook.intent.lock().unwrap().clone();
    let shipment = Shipment {
        connector,
        traces: Traces {
            id: "dlv_01kavs0h9yq4m4d2tkv1c7rbn5",
            file_name: "a.csv",
            attempts: failed_attempts + 1,
            failed_attempts,
            intent: intent.as_ref(),
        },
        sha256: Some("of the file"),
        sealed: true,
        object: "/sealpost/out/a.csv",
        file: &MemoryFile(Bytes::from_static(CONTENT.as_bytes())),
        journal: notebook,
    };
    engine.send(shipment).await
}

async fn rig() -> Rig {
    let rig = Rig::start().await;
    std::fs::create_dir_all(rig.store().join("out")).unwrap();
    std::fs::write(rig.store().join("out/a.csv"), CONTENT).unwrap();
    rig
}

fn intent(notebook: &Notebook) -> Option<Intent> {
    notebook.intent.lock().unwrap().clone()
}

/// What the API's callers see of the connectors.
async fn listed(rig: &Rig) -> usize {
    let (succeeded, answer) = rig.aws("reader", &["list-connectors"]).await;
    assert!(succeeded, "{answer}");
    answer["Connectors"].as_array().map_or(0, Vec::len)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_arrives_through_a_connector_that_is_made_once() {
    let rig = rig().await;
    let (engine, connector, notebook) = (engine(&rig), connector(&rig), Notebook::default());
    let receipt = attempt(&engine, &connector, &notebook, 0).await.unwrap();
    assert_eq!(std::fs::read_to_string(rig.sshd.inbox().join("a.csv")).unwrap(), CONTENT);
    let recorded = intent(&notebook).unwrap();
    let transfer = sealpost_deliver::recorded_transfer(&recorded).unwrap();
    assert!(
        recorded.temporary_path.starts_with(&format!("transfer:{transfer} of dlv_01kavs0h9yq4m4d2tkv1c7rbn5 since "))
    );
    assert!(recorded.account.starts_with("arn:aws:transfer:us-east-1:000000000000:connector/c-"), "{recorded:?}");
    assert_eq!((receipt.certainty, receipt.size), (Certainty::Verified, CONTENT.len() as u64));
    assert_eq!(receipt.remote_path, rig.sshd.inbox().join("a.csv").display().to_string());
    assert!(receipt.algorithms.ends_with(&transfer), "{receipt:?}");

    // The recorded transfer is followed, not started again: the file would come back otherwise.
    std::fs::remove_file(rig.sshd.inbox().join("a.csv")).unwrap();
    let again = self::engine(&rig);
    attempt(&again, &connector, &notebook, 0).await.unwrap();
    assert_eq!(intent(&notebook), Some(recorded.clone()));
    assert!(!rig.sshd.inbox().join("a.csv").exists());
    assert_eq!(listed(&rig).await, 1);

    // One that the service has forgotten is sent again.
    let unknown = Intent { temporary_path: "transfer:0198c2a4-0000-7000-8000-000000000000".to_owned(), ..recorded };
    *notebook.intent.lock().unwrap() = Some(unknown.clone());
    attempt(&again, &connector, &notebook, 1).await.unwrap();
    assert!(rig.sshd.inbox().join("a.csv").exists() && intent(&notebook).unwrap() != unknown);
}

/// Waits for the file, and takes it away: one that is sent again would be there again.
async fn taken_by_the_partner(rig: &Rig) {
    let path = rig.sshd.inbox().join("a.csv");
    let arrived = async {
        while !path.exists() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), arrived).await.unwrap();
    std::fs::remove_file(path).unwrap();
}

/// Two processes make a connector each where they do so at the same time; all go on with the one that has the lower id.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_started_through_the_other_connector_is_followed_through_that_one() {
    let rig = rig().await;
    let (engine, mut all) = (engine(&rig), Vec::new());
    for connector in [connector(&rig), connector(&rig)] {
        let there = engine.establish(&connector).await.unwrap().unwrap();
        all.push((there.name, connector));
    }
    all.sort_by_key(|(arn, _)| arn.clone());
    let (other, connector) = all.pop().unwrap();
    let (lower, _) = all.pop().unwrap();
    let notebook = Notebook::default();
    attempt(&engine, &connector, &notebook, 0).await.unwrap();
    assert_eq!(intent(&notebook).unwrap().account, other);
    taken_by_the_partner(&rig).await;

    let tag = format!("Key=sealpost-connector,Value={}", connector.id);
    let (succeeded, answer) = rig.aws("admin", &["tag-resource", "--arn", &lower, "--tags", &tag]).await;
    assert!(succeeded, "{answer}");
    let next = self::engine(&rig);
    assert_eq!(next.establish(&connector).await.unwrap().unwrap().name, lower);
    let receipt = attempt(&next, &connector, &notebook, 0).await.unwrap();
    let id = other.rsplit('/').next().unwrap();
    assert!(receipt.algorithms.starts_with(&format!("aws_transfer {id}/")), "{receipt:?}");
    assert!(!rig.sshd.inbox().join("a.csv").exists(), "it was not started again");
    // With the other one gone nobody can tell what came of it.
    let (succeeded, answer) = rig.aws("admin", &["delete-connector", "--connector-id", id]).await;
    assert!(succeeded, "{answer}");
    attempt(&next, &connector, &notebook, 1).await.unwrap();
    assert_eq!(intent(&notebook).unwrap().account, lower);
    assert!(rig.sshd.inbox().join("a.csv").exists());
}

/// What is between us and the API loses every answer to the start, though each was carried out. To the next attempt that is as a
/// crash before the answer came.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_whose_answer_is_lost_starts_nothing_twice() {
    let rig = rig().await;
    let proxy = AwsProxy::before(rig.url.trim_start_matches("http://").parse().unwrap());
    let engine = calling(&rig, &proxy.endpoint(), AwsTransferSettings::default());
    let (connector, notebook) = (connector(&rig), Notebook::default());
    let lost = AwsFault { action: "transfer:StartFileTransfer", every: 1, status: 504, body: "", after: true };
    proxy.fault(&[lost]);
    let error = attempt(&engine, &connector, &notebook, 0).await.unwrap_err();
    assert!(error.is(&codes::deliver::REMOTE_ENGINE) && error.is_retried(), "{error}");
    assert!(proxy.faults() > 1, "with a token it may be repeated at once");
    assert!(intent(&notebook).unwrap().temporary_path.starts_with("asked:dlv_01kavs0h9yq4m4d2tkv1c7rbn5-0 since "));
    proxy.fault(&[]);
    taken_by_the_partner(&rig).await;
    // Another process, after a failure that counted: it is the same token all the same.
    attempt(&self::engine(&rig), &connector, &notebook, 1).await.unwrap();
    assert!(sealpost_deliver::recorded_transfer(&intent(&notebook).unwrap()).is_some());
    assert!(!rig.sshd.inbox().join("a.csv").exists(), "the transfer that was started is the one that is followed");
    // Where nothing is recorded, after a transfer that has failed, the token is another.
    attempt(&engine, &connector, &Notebook::default(), 1).await.unwrap();
    assert!(rig.sshd.inbox().join("a.csv").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_lost_the_delivery_starts_nothing() {
    let rig = rig().await;
    let notebook = Notebook::default();
    notebook.lost.store(true, std::sync::atomic::Ordering::Relaxed);
    let error = attempt(&engine(&rig), &connector(&rig), &notebook, 0).await.unwrap_err();
    assert!(error.is(&codes::ledger::LEASE_LOST), "{error}");
    assert_eq!(listed(&rig).await, 1, "the connector was made");
    assert!(!rig.sshd.inbox().join("a.csv").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_has_our_code_and_leaves_no_record() {
    let rig = rig().await;
    let (engine, mut connector) = (engine(&rig), connector(&rig));
    connector.settings.directory = "/nowhere/at/all".to_owned();
    let notebook = Notebook::default();
    let error = attempt(&engine, &connector, &notebook, 0).await.unwrap_err();
    assert!(error.is(&codes::deliver::DIRECTORY), "{error}");
    assert_eq!(intent(&notebook), None);
    connector.settings.existing_file = ExistingFile::KeepBoth;
    let error = attempt(&engine, &connector, &notebook, 1).await.unwrap_err();
    assert!(error.is(&codes::deliver::CONFIG) && error.detail().contains("existing_file"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_shows_the_key_and_the_login() {
    let rig = rig().await;
    let (engine, mut connector) = (engine(&rig), connector(&rig));
    let steps = engine.check(&connector).await;
    assert!(steps.iter().all(|step| step.failure.is_none()), "{steps:?}");
    assert_eq!((steps[0].step.as_str(), steps.last().unwrap().step.as_str()), ("service", "login"));
    assert!(steps.iter().any(|step| step.host_key.is_some() && step.detail.ends_with(", approved")), "{steps:?}");
    let id = steps[0].detail.rsplit('/').next().unwrap().to_owned();
    // With no key approved the server's is shown, so that somebody can; nobody logs in, whatever was approved before.
    connector.settings.host_keys.clear();
    for id in [connector.id.clone(), ConnectorId::fresh()] {
        connector.id = id;
        let steps = engine.probe(&connector).await;
        let last = steps.last().unwrap();
        let shown = last.host_key.clone().unwrap_or_default();
        assert!(shown.starts_with("ssh-") || shown.starts_with("ecdsa-"), "{steps:?}");
        assert_eq!((&*last.step, &*last.failure.as_ref().unwrap().code), ("host_key", "SP-DELIVER-014"), "{steps:?}");
        let prints = ["ed25519", "ecdsa", "rsa"].map(|kind| rig.sshd.host_fingerprint(kind));
        assert!(prints.iter().any(|print| last.detail.contains(print)), "{steps:?}");
    }
    let (_, answer) = rig.aws("reader", &["describe-connector", "--connector-id", &id]).await;
    assert_eq!(answer["Connector"]["SftpConfig"]["TrustedHostKeys"], json!([]), "{answer}");
    let notebook = Notebook::default();
    let error = attempt(&engine, &connector, &notebook, 0).await.unwrap_err();
    assert!(error.is(&codes::deliver::NO_HOST_KEY), "{error}");
    // A secret that does not let us in.
    let mut stranger = self::connector(&rig);
    stranger.settings.user_secret =
        Some(UserSecret { secret: "file:secrets/stranger".parse().unwrap(), stages: Vec::new() });
    let error = attempt(&engine, &stranger, &notebook, 0).await.unwrap_err();
    assert!(error.is(&codes::deliver::AUTHENTICATION), "{error}");
}

/// A change says nothing of what is left out of it: the service would keep them.
#[tokio::test(flavor = "multi_thread")]
async fn stages_that_were_taken_from_a_connector_are_taken_from_the_services_too() {
    let rig = rig().await;
    let mut connector = connector(&rig);
    for (stages, outcome) in [
        (&["AWSCURRENT", "AWSPREVIOUS"][..], Establishing::Made),
        (&[], Establishing::Changed),
        (&[], Establishing::Kept),
        (&["AWSCURRENT"], Establishing::Kept),
        (&["AWSPREVIOUS"], Establishing::Changed),
    ] {
        let secret = connector.settings.user_secret.as_mut().unwrap();
        secret.stages = stages.iter().map(|&stage| stage.to_owned()).collect();
        // Another process, as the next `apply` is.
        let there = engine(&rig).establish(&connector).await.unwrap().unwrap();
        assert_eq!(there.outcome, outcome, "{stages:?}");
    }
}

/// As Terraform makes them, and the partner's file names them.
#[tokio::test(flavor = "multi_thread")]
async fn a_named_connector_delivers_while_it_trusts_approved_keys_alone() {
    let rig = rig().await;
    let engine = engine(&rig);
    let arn = engine.establish(&connector(&rig)).await.unwrap().unwrap().name;
    let mut named = connector(&rig);
    named.settings.user_secret = None;
    named.settings.aws_connector = arn.rsplit('/').next().map(|id| id.parse().unwrap());
    // A fingerprint will do: the service has the key.
    named.settings.host_keys = ["ed25519", "ecdsa", "rsa"].map(|kind| rig.sshd.host_fingerprint(kind)).into();
    attempt(&engine, &named, &Notebook::default(), 0).await.unwrap();
    let file = rig.sshd.inbox().join("a.csv");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), CONTENT);
    std::fs::remove_file(&file).unwrap();

    let notebook = Notebook::default();
    let distrusted = named.settings.host_keys.pop().unwrap();
    let error = attempt(&engine, &named, &notebook, 1).await.unwrap_err();
    assert!(error.is(&codes::deliver::CONFIG) && error.detail().contains(&distrusted), "{error}");
    named.settings.host_keys.clear();
    let error = attempt(&engine, &named, &notebook, 1).await.unwrap_err();
    assert!(error.is(&codes::deliver::NO_HOST_KEY), "{error}");
    assert_eq!(intent(&notebook), None, "the service was asked for nothing");
    assert!(!file.exists());
}

/// An attempt does not wait for a transfer that takes long: it ends, without having failed, and the next one goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_that_takes_long_is_left_and_followed_again() {
    let rig = rig().await;
    let proxy = ChaosProxy::start(SocketAddr::from(([127, 0, 0, 1], rig.sshd.port())));
    let (mut connector, notebook) = (connector(&rig), Notebook::default());
    connector.settings.port = proxy.address().port();
    proxy.set(Chaos::Stall);
    let hasty = following(&rig, AwsTransferSettings { follow_s: 0, ..AwsTransferSettings::default() });
    for _ in 0..2 {
        let error = attempt(&hasty, &connector, &notebook, 0).await.unwrap_err();
        assert!(error.is(&codes::deliver::NOT_YET), "{error}");
        assert!(
            matches!(error.retry(), Retry::After(pause) if pause >= Duration::from_secs(15)),
            "{:?}",
            error.retry()
        );
    }
    let recorded = intent(&notebook).unwrap();
    let times = AwsTransferSettings { follow_s: 0, follow_deadline_s: 0, ..AwsTransferSettings::default() };
    let error = attempt(&following(&rig, times), &connector, &notebook, 0).await.unwrap_err();
    assert!(error.is(&codes::deliver::NO_RESULT) && !error.is_retried(), "{error}");

    proxy.heal();
    let receipt = attempt(&engine(&rig), &connector, &notebook, 0).await.unwrap();
    let transfer = sealpost_deliver::recorded_transfer(&recorded).unwrap();
    assert!(receipt.algorithms.ends_with(&transfer), "the one that was started at first: {receipt:?}");
    assert_eq!(intent(&notebook), Some(recorded));
    assert_eq!(std::fs::read_to_string(rig.sshd.inbox().join("a.csv")).unwrap(), CONTENT);
}
