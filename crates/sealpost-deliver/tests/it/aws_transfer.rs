//! The engine `aws_transfer` and the service's connectors, as moto keeps them. That files arrive is shown against our own
//! transfer API, in its tests.

use std::sync::Arc;

use async_trait::async_trait;
use sealpost_core::connector::{Connector, ConnectorSettings, ExistingFile, UserSecret};
use sealpost_core::delivery::Intent;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::id::ConnectorId;
use sealpost_core::port::{Establishing, SecretStore, Transport};
use sealpost_core::secret::{Secret, SecretRef};
use sealpost_deliver::{AwsSettings, AwsTransfer, AwsTransferSettings};
use sealpost_testkit::aws_proxy::AwsProxy;
use sealpost_testkit::moto::{Moto, REGION};
use sealpost_testkit::suite::transport::{Parcel, TestSecrets};
use serde_json::{Value, json};

/// A store that nobody has unsealed yet.
struct Sealed;

#[async_trait]
impl SecretStore for Sealed {
    async fn resolve(&self, _: &SecretRef) -> Result<Secret> {
        Err(Error::new(&codes::secrets::SEALED, "on purpose"))
    }
}

const ROLE: &str = "arn:aws:iam::123456789012:role/sealpost-transfer";
const SECRET: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:acme-AbCdEf";

/// Two host keys, as far as the service looks at them, and their fingerprints.
const OLD: &str = "ssh-rsa AAAAB3NzaC1yc2E=";
const NEW: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY=";
const OLD_PRINT: &str = "SHA256:zBURJC4mpQ6j/DLIDJakTQANmGP4cn9OftElBH5WBrg";
const NEW_PRINT: &str = "SHA256:LlSJjUHi2kyA5mPSwcghY0h+88/PMb0c3hfKLaRaZPk";

fn engine(moto: &Moto) -> AwsTransfer {
    engine_with(moto.endpoint(), Arc::new(TestSecrets))
}

fn engine_with(endpoint: String, secrets: Arc<dyn SecretStore>) -> AwsTransfer {
    let settings = AwsTransferSettings {
        aws: AwsSettings {
            region: Some(REGION.to_owned()),
            endpoint: Some(endpoint),
            access_key_id: Some("test".to_owned()),
            secret_access_key: Some("env:test".parse().unwrap()),
        },
        access_role: Some(ROLE.to_owned()),
        ..AwsTransferSettings::default()
    };
    AwsTransfer::new(settings, secrets)
}

fn connector(host: &str) -> Connector {
    let mut settings = ConnectorSettings::new(host, 2222, "");
    settings.existing_file = ExistingFile::Replace;
    settings.host_keys = vec!["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE8wM2Fi acme".to_owned()];
    settings.user_secret = Some(UserSecret { secret: format!("aws-sm:{SECRET}").parse().unwrap(), stages: Vec::new() });
    Connector {
        id: ConnectorId::fresh(),
        partner: "acme".parse().unwrap(),
        name: "main".to_owned(),
        settings,
        candidates: Vec::new(),
    }
}

fn listed(moto: &Moto) -> Vec<Value> {
    let ask = |operation: &str, body: Value| moto.call("transfer", &format!("TransferService.{operation}"), &body);
    let all = ask("ListConnectors", json!({}));
    let ids = all["Connectors"].as_array().unwrap().iter().map(|one| one["ConnectorId"].clone());
    ids.map(|id| ask("DescribeConnector", json!({"ConnectorId": id}))["Connector"].clone()).collect()
}

/// Finds or makes the service's connector.
async fn arn(engine: &AwsTransfer, connector: &Connector) -> String {
    engine.establish(connector).await.unwrap().unwrap().name
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connector_is_made_once_found_again_and_kept_up_to_date() {
    let moto = Moto::start();
    let first = engine(&moto);
    let mut acme = connector("sftp.acme.example");
    let made = arn(&first, &acme).await;
    assert!(made.starts_with("arn:aws:transfer:eu-central-1:"), "{made}");
    let all = listed(&moto);
    assert_eq!(all.len(), 1);
    assert_eq!(all[0]["Url"], "sftp://sftp.acme.example:2222");
    assert_eq!(all[0]["AccessRole"], ROLE);
    assert_eq!(all[0]["SftpConfig"]["UserSecretId"], SECRET);
    assert_eq!(all[0]["SftpConfig"]["TrustedHostKeys"], json!(["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE8wM2Fi"]));
    assert_eq!(all[0]["Tags"], json!([{"Key": "sealpost-connector", "Value": acme.id.as_str()}]));

    // Another process finds it, also after its address was changed; another connector has its own.
    assert_eq!(arn(&engine(&moto), &acme).await, made);
    acme.settings.host = "new.acme.example".to_owned();
    acme.settings.host_keys.push("ssh-rsa AAAAB3NzaC1yc2E=".to_owned());
    assert_eq!(arn(&first, &acme).await, made);
    let all = listed(&moto);
    assert_eq!((all.len(), &all[0]["Url"]), (1, &json!("sftp://new.acme.example:2222")));
    assert_eq!(all[0]["SftpConfig"]["TrustedHostKeys"].as_array().unwrap().len(), 2);
    let other = connector("new.acme.example");
    assert_ne!(arn(&first, &other).await, made);
    assert_eq!(listed(&moto).len(), 2);

    // One that is named is used as it is.
    let mut named = connector("new.acme.example");
    named.settings.host_keys = acme.settings.host_keys.clone();
    named.settings.aws_connector = made.rsplit('/').next().map(|id| id.parse().unwrap());
    named.settings.user_secret = None;
    assert_eq!(arn(&first, &named).await, made);
    assert_eq!(listed(&moto).len(), 2);
}

/// Partners test their destinations, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_names_the_connector_and_not_the_account_that_it_is_of() {
    let moto = Moto::start();
    let (engine, acme) = (engine(&moto), connector("sftp.acme.example"));
    let steps = engine.check(&acme).await;
    let made = listed(&moto).remove(0);
    assert_eq!((steps[0].step.as_str(), &steps[0].failure), ("service", &None));
    assert_eq!(made["ConnectorId"], steps[0].detail);
    // moto offers no test after it.
    assert!(steps.last().unwrap().failure.is_some());
}

/// What `sealpost apply` does for the connectors of a partner, and for those of one that is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connector_is_established_before_anything_is_sent_and_retired_with_its_partner() {
    let moto = Moto::start();
    let (first, mut acme) = (engine(&moto), connector("sftp.acme.example"));
    let made = first.establish(&acme).await.unwrap().expect("the service keeps connectors");
    assert_eq!(made.outcome, Establishing::Made);
    assert_eq!(listed(&moto)[0]["Arn"], made.name);
    // Another process, as the next `apply` is.
    let next = engine(&moto);
    assert_eq!(next.establish(&acme).await.unwrap().unwrap().outcome, Establishing::Kept);
    acme.settings.host = "new.acme.example".to_owned();
    assert_eq!(next.establish(&acme).await.unwrap().unwrap().outcome, Establishing::Changed);
    let other = connector("sftp.other.example");
    next.establish(&other).await.unwrap();

    assert_eq!(engine(&moto).retire(&acme).await.unwrap(), Some(made.name));
    let left = listed(&moto);
    assert_eq!((left.len(), &left[0]["Url"]), (1, &json!("sftp://sftp.other.example:2222")));
    assert_eq!(engine(&moto).retire(&acme).await.unwrap(), None);
    // One that the settings name is not ours to remove, whatever tag it has; and nobody is asked.
    let mut named = other;
    named.settings.aws_connector = left[0]["ConnectorId"].as_str().map(|id| id.parse().unwrap());
    named.settings.user_secret = None;
    assert_eq!(next.establish(&named).await.unwrap().unwrap().outcome, Establishing::Kept);
    assert_eq!(next.retire(&named).await.unwrap(), None);
    assert_eq!(listed(&moto).len(), 1);
    drop(moto);
    assert_eq!(next.retire(&named).await.unwrap(), None);
}

/// A connector of the service that somebody else has made for `sftp.acme.example:2222`.
fn made_elsewhere(moto: &Moto, keys: &[&str]) -> ConnectorId {
    let config = json!({"UserSecretId": SECRET, "TrustedHostKeys": keys});
    let new = json!({"Url": "sftp://sftp.acme.example:2222", "AccessRole": ROLE, "SftpConfig": config});
    let made = moto.call("transfer", "TransferService.CreateConnector", &new);
    made["ConnectorId"].as_str().unwrap().parse().unwrap()
}

/// The settings of a connector that names one of the service, with these host keys approved.
fn naming(id: &ConnectorId, host_keys: &[&str]) -> ConnectorSettings {
    let mut settings = connector("sftp.acme.example").settings;
    settings.user_secret = None;
    settings.aws_connector = Some(id.clone());
    settings.host_keys = host_keys.iter().map(|&key| key.to_owned()).collect();
    settings
}

/// What becomes of an attempt to deliver, and whether the service was asked to start it. moto itself starts nothing.
async fn attempt(engine: &AwsTransfer, proxy: &AwsProxy, settings: &ConnectorSettings) -> (Error, bool) {
    proxy.forget_calls();
    // The name of the object that the parcel says it is.
    let error = Parcel::new(settings, "key", "x").send(engine).await.unwrap_err();
    let called = proxy.called();
    (error, called.values().any(|actions| actions.contains("transfer:StartFileTransfer")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_started_through_a_connector_that_trusts_what_nobody_approved() {
    let moto = Moto::start();
    let proxy = AwsProxy::before(moto.address());
    let engine = engine_with(proxy.endpoint(), Arc::new(TestSecrets));
    let both = made_elsewhere(&moto, &[OLD, NEW]);
    // The same keys, however they are written.
    let (error, is_started) = attempt(&engine, &proxy, &naming(&both, &[&format!("{OLD} acme"), NEW_PRINT])).await;
    assert!(is_started, "{error}");

    // The next delivery after one is not trusted any more, in the same process.
    let authority = format!("@cert-authority * {NEW}");
    for (host_keys, code, told) in [
        (&[OLD][..], "SP-DELIVER-021", NEW_PRINT),
        (&[NEW_PRINT], "SP-DELIVER-021", OLD_PRINT),
        (&[OLD, authority.as_str()], "SP-DELIVER-021", NEW_PRINT),
        (&[], "SP-DELIVER-014", "no key is approved"),
    ] {
        let settings = naming(&both, host_keys);
        let (error, is_started) = attempt(&engine, &proxy, &settings).await;
        assert!(error.code().id == code && error.detail().contains(told) && !is_started, "{host_keys:?}: {error}");
        assert!(!error.is_retried(), "{error}");
        // A test would log in there, too.
        let steps = engine.check(&Parcel::new(&settings, "key", "x").connector).await;
        assert_eq!((steps.len(), steps[0].failure.is_some()), (1, true), "{steps:?}");
        assert!(!proxy.called().values().any(|actions| actions.contains("transfer:TestConnection")));
    }
    // What is made good at the service counts at once.
    let config = json!({"UserSecretId": SECRET, "TrustedHostKeys": [OLD]});
    let change = json!({"ConnectorId": both, "SftpConfig": config});
    drop(moto.call("transfer", "TransferService.UpdateConnector", &change));
    let (error, is_started) = attempt(&engine, &proxy, &naming(&both, &[OLD])).await;
    assert!(is_started, "{error}");

    // Another server, and one that nobody is trusted at.
    let mut elsewhere = naming(&both, &[OLD, NEW]);
    elsewhere.host = "other.example".to_owned();
    let (error, is_started) = attempt(&engine, &proxy, &elsewhere).await;
    assert!(error.is(&codes::deliver::CONFIG) && error.detail().contains("leads to") && !is_started, "{error}");
    let none = made_elsewhere(&moto, &[]);
    let (error, is_started) = attempt(&engine, &proxy, &naming(&none, &[OLD])).await;
    assert!(error.is(&codes::deliver::NO_HOST_KEY) && !is_started, "{error}");
}

/// Not of one that it was only asked for, as far as anybody knows.
#[test]
fn the_service_tells_of_transfers_that_it_has_begun() {
    let engine = AwsTransfer::new(AwsTransferSettings::default(), Arc::new(TestSecrets));
    let tells_of = |recorded: &str| {
        let (temporary_path, final_path) = (recorded.to_owned(), "in/a.csv.pgp".to_owned());
        engine.announces(Some(&Intent { temporary_path, final_path, account: "arn".to_owned() }))
    };
    assert!(tells_of("transfer:t-1 of dlv_1 since 2026-11-01T00:00:00Z"));
    assert!(!tells_of("asked:dlv_1-0 since 2026-11-01T00:00:00Z"));
    assert!(!engine.announces(None));
}

/// It is waited for, as it is by every other way to a server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_store_that_is_sealed_is_told_from_a_service_that_fails() {
    let moto = Moto::start();
    let engine = engine_with(moto.endpoint(), Arc::new(Sealed));
    let error = engine.establish(&connector("sftp.acme.example")).await.err().unwrap();
    assert!(error.is(&codes::secrets::SEALED) && error.is_retried(), "{error}");
    assert!(error.detail().contains("on purpose"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_not_be_is_said_before_anything_is_made() {
    let moto = Moto::start();
    let engine = engine(&moto);
    for (change, code) in [
        ((|settings| settings.host_keys = vec!["no-key".to_owned()]) as fn(&mut ConnectorSettings), "SP-DELIVER-021"),
        (|settings| settings.user_secret = None, "SP-DELIVER-021"),
        (|settings| settings.existing_file = ExistingFile::Fail, "SP-DELIVER-021"),
        (|settings| settings.aws_connector = Some(ConnectorId::fresh()), "SP-DELIVER-021"),
    ] {
        let mut connector = connector("sftp.acme.example");
        change(&mut connector.settings);
        let steps = engine.probe(&connector).await;
        assert_eq!(steps.len(), 1);
        assert_eq!(steps[0].failure.as_ref().unwrap().code, code, "{steps:?}");
    }
    assert!(listed(&moto).is_empty());
    let connector = connector("sftp.acme.example");
    for error in [
        engine.rename(&connector, "/a", "/b", false).await.unwrap_err(),
        engine.remove(&connector, "/a", false).await.unwrap_err(),
        engine.login_key("a").map(drop).unwrap_err(),
    ] {
        assert_eq!(error.code().id, "SP-DELIVER-021");
    }
}
