//! Connectors: made, changed, shown, listed, tagged, tested, removed.

use jiff::Timestamp;
use sealpost_core::connector::{AddressFamily, ConnectorSettings, ExistingFile};
use sealpost_core::id::ConnectorId;
use sealpost_core::transfer::{AfterRetrieve, Landed, TransferConnector};
use serde_json::json;

use super::rig::{Rig, generous};
use sealpost_pipeline::TransferSettings;

async fn partner(rig: &Rig) -> String {
    let document = json!({
        "name": "Acme", "scope": "1", "grants": [],
        "connectors": {"main": {
            "host": "127.0.0.1", "port": rig.sshd.port(), "user": "acme",
            "login": [{"method": "password", "password": "file:secrets/sftp"}],
            "host_keys": [rig.sshd.host_key("ed25519")],
        }},
    });
    rig.pipeline.apply(&"acme".parse().unwrap(), &serde_json::from_value(document).unwrap()).await.unwrap();
    let (all, _) = rig.pipeline.transfer_connectors(None, 10).await.unwrap();
    all.first().unwrap().id.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn connectors_are_made_changed_shown_listed_and_removed() {
    let rig = Rig::start().await;
    let partners = partner(&rig).await;
    let said = rig.run("connectors.py", json!({"partner_connector": partners})).await;
    // What the members became for the engine.
    let id = said["connector"].as_str().unwrap().parse().unwrap();
    let TransferConnector { settings, .. } = rig.pipeline.transfer_connector(&id).await.unwrap().unwrap();
    assert_eq!((settings.host.as_str(), settings.port), ("2001:db8::1", 2022));
    assert_eq!(settings.limits.concurrency, 5);
    assert_eq!(settings.network.family, AddressFamily::Any);
    assert_eq!(settings.ssh.policy.as_deref(), Some("TransferSFTPConnectorSecurityPolicy-2024-03"));
    let secret = settings.user_secret.unwrap();
    assert_eq!(secret.secret.to_string(), "file:secrets/other");
    assert_eq!(secret.stages, ["AWSCURRENT", "AWSPREVIOUS"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_are_kept_and_those_of_ours_are_settings() {
    let rig = Rig::start().await;
    let partners = partner(&rig).await;
    let said = rig.run("tags.py", json!({"partner_connector": partners})).await;
    let find = async |name: &str| {
        let id = said[name].as_str().unwrap().parse().unwrap();
        rig.pipeline.transfer_connector(&id).await.unwrap().unwrap()
    };
    let tagged = find("tagged").await;
    assert_eq!(tagged.after_retrieve, AfterRetrieve::Move("/done".to_owned()));
    assert_eq!(tagged.settings.existing_file, ExistingFile::Fail);
    assert_eq!(tagged.settings.parallel.channels, Some(4));
    assert_eq!(tagged.settings.ssh.legacy[0].name, "ssh-rsa");
    let untagged = find("untagged").await;
    assert_eq!(untagged.after_retrieve, AfterRetrieve::Keep);
    assert_eq!(untagged.settings.existing_file, ExistingFile::Replace);
    assert_eq!((untagged.settings.parallel.channels, untagged.settings.ssh.legacy.len()), (None, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_tested_as_far_as_the_login() {
    let rig = Rig::start().await;
    rig.run("test_connection.py", json!({})).await;
    let left: Vec<_> = std::fs::read_dir(rig.sshd.inbox()).unwrap().collect();
    assert!(left.is_empty(), "nothing is written on the server");
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_only_as_many_connectors_as_configured() {
    let rig = Rig::with(generous(), TransferSettings { most_connectors: 2, ..TransferSettings::default() }).await;
    rig.run("most_connectors.py", json!({})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_of_before_is_changed_within_what_is_allowed_now() {
    let rig = Rig::with(generous(), TransferSettings { public_only: true, ..TransferSettings::default() }).await;
    // Made when the setting was another one.
    let made = TransferConnector {
        id: ConnectorId::fresh(),
        url: "sftp://sftp.example.com".to_owned(),
        access_role: "arn:aws:iam::123456789012:role/tests".to_owned(),
        logging_role: None,
        ip_address_type: None,
        user_secret_id: None,
        tags: Vec::new(),
        settings: ConnectorSettings::new("sftp.example.com", 22, ""),
        landed: Landed::default(),
        after_retrieve: AfterRetrieve::default(),
        partner: None,
        created_at: Timestamp::now(),
    };
    assert!(!made.settings.public_only);
    rig.pipeline.create_transfer_connector(&made).await.unwrap();
    let id = made.id.to_string();
    let secret = "UserSecretId=file:secrets/sftp";
    let arguments =
        ["update-connector", "--connector-id", &id, "--url", "sftp://10.0.0.5:6379", "--sftp-config", secret];
    let (succeeded, answer) = rig.aws("admin", &arguments).await;
    assert!(succeeded, "{answer}");
    let TransferConnector { settings, .. } = rig.pipeline.transfer_connector(&made.id).await.unwrap().unwrap();
    assert_eq!((settings.host.as_str(), settings.port, settings.public_only), ("10.0.0.5", 6379, true));
}
