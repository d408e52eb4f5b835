//! The engine `aws_transfer` and the service's connectors, as moto keeps them. That files arrive is shown against our own
//! transfer API, in its tests.

use std::sync::Arc;

use async_trait::async_trait;
use sealpost_core::connector::{Connector, ConnectorSettings, ExistingFile, UserSecret};
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::id::ConnectorId;
use sealpost_core::port::{Establishing, SecretStore, Transport};
use sealpost_core::secret::{Secret, SecretRef};
use sealpost_deliver::{AwsSettings, AwsTransfer, AwsTransferSettings};
use sealpost_testkit::moto::{Moto, REGION};
use sealpost_testkit::suite::transport::TestSecrets;
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

fn engine(moto: &Moto) -> AwsTransfer {
    engine_with(moto, Arc::new(TestSecrets))
}

fn engine_with(moto: &Moto, secrets: Arc<dyn SecretStore>) -> AwsTransfer {
    let settings = AwsTransferSettings {
        aws: AwsSettings {
            region: Some(REGION.to_owned()),
            endpoint: Some(moto.endpoint()),
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

/// The first step finds or makes the service's connector; moto offers no test after it.
async fn arn(engine: &AwsTransfer, connector: &Connector) -> String {
    let steps = engine.check(connector).await;
    assert_eq!((steps[0].step.as_str(), &steps[0].failure), ("service", &None));
    assert!(steps.last().unwrap().failure.is_some());
    steps[0].detail.clone()
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
    let mut named = connector("elsewhere.example");
    named.settings.aws_connector = made.rsplit('/').next().map(|id| id.parse().unwrap());
    named.settings.user_secret = None;
    assert_eq!(arn(&first, &named).await, made);
    assert_eq!(listed(&moto).len(), 2);
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

/// It is waited for, as it is by every other way to a server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_store_that_is_sealed_is_told_from_a_service_that_fails() {
    let moto = Moto::start();
    let engine = engine_with(&moto, Arc::new(Sealed));
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
