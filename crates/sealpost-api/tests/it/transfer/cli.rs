//! The AWS CLI, unchanged: `aws transfer … --endpoint-url`.

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::rig::Rig;

/// What the guide for people says, command by command.
#[tokio::test(flavor = "multi_thread")]
async fn the_aws_cli_drives_every_step_of_a_transfer() {
    let rig = Rig::start().await;
    let aws = async |arguments: &[&str]| {
        let (succeeded, answer) = rig.aws("admin", arguments).await;
        assert!(succeeded, "{arguments:?}: {answer}");
        answer
    };
    let config = json!({"UserSecretId": "file:secrets/sftp", "MaxConcurrentConnections": 2}).to_string();
    let url = format!("sftp://127.0.0.1:{}", rig.sshd.port());
    let role = "arn:aws:iam::123456789012:role/transfer";
    let made = aws(&["create-connector", "--url", &url, "--access-role", role, "--sftp-config", &config]).await;
    let connector = made["ConnectorId"].as_str().unwrap().to_owned();
    let id = ["--connector-id", &connector];

    let test = aws(&["test-connection", id[0], id[1]]).await;
    assert_eq!(test["Status"], "ERROR");
    let key = test["SftpConnectionDetails"]["HostKey"].as_str().unwrap();
    let keys = json!({"TrustedHostKeys": [key]}).to_string();
    aws(&["update-connector", id[0], id[1], "--sftp-config", &keys]).await;
    let test = aws(&["test-connection", id[0], id[1]]).await;
    assert_eq!((&test["Status"], &test["StatusMessage"]), (&json!("OK"), &json!("Connection succeeded")));

    std::fs::create_dir_all(rig.store().join("outbox")).unwrap();
    std::fs::write(rig.store().join("outbox/report.txt"), "hello").unwrap();
    let started = aws(&["start-file-transfer", id[0], id[1], "--send-file-paths", "/sealpost/outbox/report.txt"]).await;
    let results = finished(&rig, &connector, started["TransferId"].as_str().unwrap()).await;
    assert_eq!(results, json!([{"FilePath": "/sealpost/outbox/report.txt", "StatusCode": "COMPLETED"}]));
    assert_eq!(std::fs::read(rig.sshd.inbox().join("report.txt")).unwrap(), b"hello");

    let shown = aws(&["describe-connector", id[0], id[1]]).await;
    assert_eq!(shown["Connector"]["SftpConfig"]["MaxConcurrentConnections"], 2);
    let arn = shown["Connector"]["Arn"].as_str().unwrap();
    let tag = "Key=sealpost:existing-file,Value=fail";
    assert_eq!(aws(&["tag-resource", "--arn", arn, "--tags", tag]).await, json!(""));
    let tags = aws(&["list-tags-for-resource", "--arn", arn]).await;
    assert_eq!(tags["Tags"], json!([{"Key": "sealpost:existing-file", "Value": "fail"}]));
    aws(&["untag-resource", "--arn", arn, "--tag-keys", "sealpost:existing-file"]).await;
    let policies = aws(&["list-security-policies", "--max-items", "2"]).await;
    assert_eq!(policies["SecurityPolicyNames"].as_array().unwrap().len(), 2);
    let policy = "TransferSFTPConnectorSecurityPolicy-2024-03";
    let policy = aws(&["describe-security-policy", "--security-policy-name", policy]).await;
    assert_eq!(policy["SecurityPolicy"]["Type"], "CONNECTOR");

    let (succeeded, words) = rig.aws("reader", &["delete-connector", id[0], id[1]]).await;
    assert!(!succeeded && words.as_str().unwrap().contains("AccessDeniedException"), "{words}");
    aws(&["delete-connector", id[0], id[1]]).await;
    let listed = aws(&["list-connectors"]).await;
    assert_eq!(listed["Connectors"], json!([]));
    let (succeeded, words) = rig.aws("admin", &["describe-connector", id[0], id[1]]).await;
    assert!(!succeeded && words.as_str().unwrap().contains("(ResourceNotFoundException)"), "{words}");
}

async fn finished(rig: &Rig, connector: &str, transfer: &str) -> Json {
    let begun = Instant::now();
    let arguments = ["list-file-transfer-results", "--connector-id", connector, "--transfer-id", transfer];
    loop {
        let (succeeded, answer) = rig.aws("reader", &arguments).await;
        assert!(succeeded, "{answer}");
        let results = &answer["FileTransferResults"];
        if results
            .as_array()
            .unwrap()
            .iter()
            .all(|one| one["StatusCode"] == "COMPLETED" || one["StatusCode"] == "FAILED")
        {
            return results.clone();
        }
        assert!(begun.elapsed() < Duration::from_secs(90), "{answer}");
    }
}
