//! With the service's connectors as moto keeps them.

use jiff::{SignedDuration, Timestamp};
use sealpost_core::connector::{ConnectorSettings, ExistingFile, UserSecret};
use sealpost_core::port::{Established, Transport};
use sealpost_core::ssh_policy::DEFAULT_POLICY;
use sealpost_testkit::aws_proxy::{AwsFault, AwsProxy};
use sealpost_testkit::moto::{Moto, REGION};
use sealpost_testkit::suite::transport::{Parcel, TestSecrets};
use serde_json::{Value, json};

use super::*;
use crate::AwsSettings;

const K1: &str = "ssh-rsa AAAAB3NzaC1yc2E=";
const K2: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY=";

const ROLE: &str = "arn:aws:iam::123456789012:role/sealpost-transfer";
const OTHER_ROLE: &str = "arn:aws:iam::123456789012:role/other-transfer";

fn engine(endpoint: String) -> AwsTransfer {
    engine_with(endpoint, ROLE, None)
}

/// One that gives its connectors these roles, the second for their logs.
fn engine_with(endpoint: String, role: &str, logs: Option<&str>) -> AwsTransfer {
    let settings = AwsTransferSettings {
        aws: AwsSettings {
            region: Some(REGION.to_owned()),
            endpoint: Some(endpoint),
            access_key_id: Some("test".to_owned()),
            secret_access_key: Some("env:test".parse().unwrap()),
        },
        access_role: Some(role.to_owned()),
        logging_role: logs.map(str::to_owned),
        ..AwsTransferSettings::default()
    };
    AwsTransfer::new(settings, Arc::new(TestSecrets))
}

/// A delivery under the name of the object that a parcel says it is, by a connector that always has the same id.
fn parcel(host_keys: &[&str]) -> Parcel {
    let mut settings = ConnectorSettings::new("sftp.acme.example", 22, "");
    settings.existing_file = ExistingFile::Replace;
    settings.host_keys = host_keys.iter().map(|&key| key.to_owned()).collect();
    let secret = "aws-sm:arn:aws:secretsmanager:eu-central-1:123456789012:secret:acme-AbCdEf".parse().unwrap();
    settings.user_secret = Some(UserSecret { secret, stages: Vec::new() });
    Parcel::new(&settings, "key", "x")
}

fn ask(moto: &Moto, operation: &str, body: &Value) -> Value {
    moto.call("transfer", &format!("TransferService.{operation}"), body)
}

/// The service's connectors, described.
fn all(moto: &Moto) -> Vec<Value> {
    let listed = ask(moto, "ListConnectors", &json!({}));
    let ids = listed["Connectors"].as_array().unwrap().iter().map(|one| one["ConnectorId"].clone());
    ids.map(|id| ask(moto, "DescribeConnector", &json!({"ConnectorId": id}))["Connector"].clone()).collect()
}

/// The service's only connector.
fn only(moto: &Moto) -> Value {
    let all = all(moto);
    assert_eq!(all.len(), 1, "{all:?}");
    all[0].clone()
}

/// The keys that it trusts.
fn trusted(moto: &Moto) -> Value {
    only(moto)["SftpConfig"]["TrustedHostKeys"].clone()
}

async fn establish(engine: &AwsTransfer, connector: &Connector) -> Established {
    engine.establish(connector).await.unwrap().expect("the service keeps connectors")
}

/// What was seen of it was seen more than a minute ago.
async fn age(engine: &AwsTransfer, connector: &Connector) {
    let place = place(engine, connector);
    let mut held = place.lock().await;
    let found = held.as_mut().and_then(Arc::get_mut).expect("one that was found, and that nobody else has");
    found.trust.since = Timestamp::now() - SignedDuration::from_secs(61);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_process_made_of_it_is_undone_before_anything_is_started() {
    let moto = Moto::start();
    let proxy = AwsProxy::before(moto.address());
    let called = |action: &str| proxy.called().values().any(|actions| actions.contains(action));
    let (first, other) = (engine(proxy.endpoint()), engine(moto.endpoint()));
    let mut parcel = parcel(&[K1]);
    drop(first.check(&parcel.connector).await);
    assert_eq!(trusted(&moto), json!([K1]));
    for there in [&[K1, K2][..], &[]] {
        // The key was approved for as long as the other one looked; or none was.
        drop(other.check(&self::parcel(there).connector).await);
        assert_eq!(trusted(&moto), json!(there));
        age(&first, &parcel.connector).await;
        // While it can't be changed nothing is started.
        proxy.forget_calls();
        let body = r#"{"__type": "AccessDeniedException", "Message": "on purpose"}"#;
        let refusal = AwsFault { action: "transfer:UpdateConnector", every: 1, status: 400, body, after: false };
        proxy.fault(&[refusal]);
        let error = parcel.send(&first).await.unwrap_err();
        assert!(called("transfer:UpdateConnector") && !called("transfer:StartFileTransfer"), "{error}");
        proxy.fault(&[]);
        // moto itself starts nothing.
        let error = parcel.send(&first).await.unwrap_err();
        assert!(called("transfer:StartFileTransfer"), "{error}");
        assert_eq!(trusted(&moto), json!([K1]));
    }
    // One that was removed is made again.
    other.retire(&parcel.connector).await.unwrap();
    age(&first, &parcel.connector).await;
    drop(first.check(&parcel.connector).await);
    assert_eq!(trusted(&moto), json!([K1]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_roles_reach_what_was_made_before() {
    let moto = Moto::start();
    let connector = parcel(&[K1]).connector;
    for (role, logs, outcome, logs_there) in [
        (ROLE, None, Establishing::Made, None),
        (OTHER_ROLE, None, Establishing::Changed, None),
        (OTHER_ROLE, None, Establishing::Kept, None),
        (OTHER_ROLE, Some(ROLE), Establishing::Changed, Some(ROLE)),
        (OTHER_ROLE, Some(ROLE), Establishing::Kept, Some(ROLE)),
        // A role that is not given is the service's affair.
        (OTHER_ROLE, None, Establishing::Kept, Some(ROLE)),
    ] {
        // Another process, as the next `apply` is.
        let there = establish(&engine_with(moto.endpoint(), role, logs), &connector).await;
        assert_eq!(there.outcome, outcome, "{role} {logs:?}");
        let is = only(&moto);
        assert_eq!((is["AccessRole"].as_str(), is["LoggingRole"].as_str()), (Some(role), logs_there), "{is}");
    }
}

/// A change says nothing of what is left out of it: the weaker policy would stay.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_that_was_taken_from_a_connector_is_taken_from_the_services_too() {
    const WEAKER: &str = "TransferSFTPConnectorSecurityPolicy-2023-07";
    let moto = Moto::start();
    let mut connector = parcel(&[K1]).connector;
    for (policy, outcome, there) in [
        (Some(WEAKER), Establishing::Made, WEAKER),
        // moto's address is none of Amazon's, so it counts as our own API.
        (None, Establishing::Changed, DEFAULT_POLICY),
        (None, Establishing::Kept, DEFAULT_POLICY),
        (Some(WEAKER), Establishing::Changed, WEAKER),
    ] {
        connector.settings.ssh.policy = policy.map(str::to_owned);
        // Another process, as the next `apply` is.
        assert_eq!(establish(&engine(moto.endpoint()), &connector).await.outcome, outcome, "{policy:?}");
        assert_eq!(only(&moto)["SecurityPolicyName"], there, "{policy:?}");
    }
}

/// Both looked before the other's was there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_that_make_one_at_once_end_with_the_same() {
    let moto = Moto::start();
    let proxy = AwsProxy::before(moto.address());
    let connector = parcel(&[K1]).connector;
    // The service chooses the ids, so it is tried until each has had the lower one.
    let (mut gave_way, mut stayed) = (false, false);
    while !(gave_way && stayed) {
        let (early, late) = (engine(moto.endpoint()), engine(proxy.endpoint()));
        let theirs = establish(&early, &connector).await;
        assert_eq!(theirs.outcome, Establishing::Made);
        // Every second list is of the time before: its first look's, not that after it has made one.
        let body = r#"{"Connectors": []}"#;
        let before = AwsFault { action: "transfer:ListConnectors", every: 2, status: 200, body, after: false };
        proxy.fault(&[before]);
        listed(&late, "").await.unwrap();
        let ours = establish(&late, &connector).await;
        proxy.fault(&[]);
        if ours.name == theirs.name {
            gave_way = true;
            assert_eq!((ours.outcome, only(&moto)["Arn"].as_str()), (Establishing::Kept, Some(&*ours.name)));
        } else {
            stayed = true;
            assert!(ours.name < theirs.name && ours.outcome == Establishing::Made, "{ours:?} {theirs:?}");
        }
        age(&early, &connector).await;
        assert_eq!(establish(&early, &connector).await.name, ours.name);
        // Whichever is left goes, too.
        assert_eq!(late.retire(&connector).await.unwrap(), Some(ours.name));
        assert!(all(&moto).is_empty());
    }
}

/// A worker has no right to remove any.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_that_was_made_for_a_connector_goes_with_it() {
    let moto = Moto::start();
    let connector = parcel(&[K1]).connector;
    let ours = json!([{"Key": TAG, "Value": connector.id.as_str()}]);
    let others = json!([{"Key": TAG, "Value": "c-0123456789abcdef0"}]);
    for tags in [&ours, &ours, &others] {
        let new = json!({"Url": "sftp://sftp.acme.example", "AccessRole": ROLE, "SftpConfig": {}, "Tags": tags});
        assert!(ask(&moto, "CreateConnector", &new)["ConnectorId"].is_string());
    }
    let first = tagged(&engine(moto.endpoint()), &tag(&connector), "").await.unwrap().map(|(_, facts)| facts.arn);
    assert_eq!(engine(moto.endpoint()).retire(&connector).await.unwrap(), first);
    assert_eq!(only(&moto)["Tags"], others);
}
