//! The AWS CLI, unchanged: the guide's commands as they stand there, and what it shows of refusals.

use std::time::{Duration, Instant};

use sealpost_core::id::TransferId;
use sealpost_core::transfer::ItemStatus;
use serde_json::json;

use super::rig::Rig;

const GUIDE: &str = include_str!("../../../../../docs/transfer-api.md");

/// The blocks of commands, one after the other.
fn commands() -> String {
    let parts = GUIDE.split("\n```").skip(1).step_by(2);
    parts.filter_map(|part| part.strip_prefix("sh\n")).map(|text| format!("{text}\n")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guide_is_typed_command_by_command() {
    let rig = Rig::start().await;
    let (inbox, store) = (rig.sshd.inbox(), rig.store());
    for folder in [inbox.join("in"), inbox.join("out"), store.join("outbox")] {
        std::fs::create_dir_all(folder).unwrap();
    }
    std::fs::write(store.join("outbox/report.txt"), "hello").unwrap();
    for name in ["answer.txt", "old.txt", "unwanted.txt"] {
        std::fs::write(inbox.join("out").join(name), name).unwrap();
    }
    let remote = inbox.display().to_string();
    let typed = commands()
        .replace("sftp://sftp.example.com", &format!("sftp://127.0.0.1:{}", rig.sshd.port()))
        .replace("file:secrets/sftp/acme", "file:secrets/sftp")
        .replace(" /in ", &format!(" {remote}/in "))
        .replace(" /out", &format!(" {remote}/out"));
    assert_eq!(typed.matches("aws transfer ").count(), 14, "{typed}");
    // The page shows what became of the file, but not its transfer's id.
    let said = rig.shell(&format!("{typed}printf '\"TransferId\": \"%s\"\\n' \"$TRANSFER\"\n")).await;
    assert!(said.contains("Connection succeeded") && said.contains("\"OutputFileName\""), "{said}");
    assert!(said.contains("sealpost:max-attempts"), "{said}");

    let (succeeded, listed) = rig.aws("reader", &["list-connectors"]).await;
    assert!(succeeded, "{listed}");
    let connector = listed["Connectors"][0]["ConnectorId"].as_str().unwrap();
    let started = ["TransferId", "ListingId", "MoveId", "DeleteId"];
    let members = said.lines().filter_map(|line| line.split_once(": \""));
    let ids = members.filter(|(name, _)| started.iter().any(|one| name.contains(one)));
    let ids: Vec<&str> = ids.map(|(_, id)| id.trim_end_matches(['"', ','])).collect();
    assert_eq!(ids.len(), 5, "{said}");
    for id in &ids {
        completed(&rig, id).await;
    }
    let results = ["list-file-transfer-results", "--connector-id", connector, "--transfer-id", ids[3]];
    let (succeeded, results) = rig.aws("reader", &results).await;
    assert!(succeeded && results["FileTransferResults"][0]["StatusCode"] == "COMPLETED", "{results}");
    let read = |path: std::path::PathBuf| std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(read(inbox.join("in/report.txt")), "hello");
    assert_eq!(read(store.join("answers/answer.txt")), "answer.txt");
    assert_eq!(std::fs::read_dir(store.join("listings")).unwrap().count(), 1);
    assert!(inbox.join("out/older.txt").exists() && !inbox.join("out/unwanted.txt").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rest_of_the_operations_and_refusals_as_the_cli_shows_them() {
    let rig = Rig::start().await;
    let aws = async |arguments: &[&str]| {
        let (succeeded, answer) = rig.aws("admin", arguments).await;
        assert!(succeeded, "{arguments:?}: {answer}");
        answer
    };
    let role = "arn:aws:iam::123456789012:role/transfer";
    let config = json!({"UserSecretId": "file:secrets/sftp", "MaxConcurrentConnections": 2}).to_string();
    let create = ["create-connector", "--url", "sftp://192.0.2.1", "--access-role", role, "--sftp-config", &config];
    let made = aws(&create).await;
    let id = ["--connector-id", made["ConnectorId"].as_str().unwrap()];
    let shown = aws(&["describe-connector", id[0], id[1]]).await;
    assert_eq!(shown["Connector"]["SftpConfig"]["MaxConcurrentConnections"], 2);
    let policies = aws(&["list-security-policies", "--page-size", "1", "--max-items", "2"]).await;
    assert_eq!(policies["SecurityPolicyNames"].as_array().unwrap().len(), 2);
    let policy = ["--security-policy-name", "TransferSFTPConnectorSecurityPolicy-2024-03"];
    let policy = aws(&["describe-security-policy", policy[0], policy[1]]).await;
    assert_eq!(policy["SecurityPolicy"]["Type"], "CONNECTOR");

    let refused = async |role: &str, arguments: &[&str], error: &str| {
        let (succeeded, words) = rig.aws(role, arguments).await;
        assert!(!succeeded && words.as_str().unwrap().contains(error), "{arguments:?}: {words}");
    };
    refused("reader", &["delete-connector", id[0], id[1]], "(AccessDeniedException)").await;
    refused("admin", &["list-servers"], "ListServers is not offered").await;
    aws(&["delete-connector", id[0], id[1]]).await;
    assert_eq!(aws(&["list-connectors"]).await["Connectors"], json!([]));
    refused("admin", &["describe-connector", id[0], id[1]], "(ResourceNotFoundException)").await;
}

/// Waits until nothing more happens to a transfer. The ledger is asked: a start of the CLI takes more than a second.
async fn completed(rig: &Rig, transfer: &str) {
    let id: TransferId = transfer.parse().unwrap();
    let begun = Instant::now();
    loop {
        let items = rig.pipeline.transfer_items(&id, 0, 10).await.unwrap();
        if !items.is_empty() && items.iter().all(|item| item.status.is_terminal()) {
            assert!(items.iter().all(|item| item.status == ItemStatus::Completed), "{items:?}");
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(90), "{items:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
