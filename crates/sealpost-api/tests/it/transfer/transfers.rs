//! What is started: files sent and retrieved, directories listed, files moved and deleted, and what becomes of them.

use sealpost_pipeline::TransferSettings;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::rig::{Rig, generous};

#[tokio::test(flavor = "multi_thread")]
async fn files_are_sent_and_their_results_told() {
    let rig = Rig::start().await;
    let outbox = rig.store().join("outbox");
    std::fs::create_dir_all(&outbox).unwrap();
    std::fs::create_dir(rig.sshd.inbox().join("in")).unwrap();
    let contents: Vec<Vec<u8>> = [0, 1, 20_000, 3_000_000].map(noise).into();
    for (number, content) in contents.iter().enumerate() {
        std::fs::write(outbox.join(format!("file-{number}.bin")), content).unwrap();
    }
    let digests: Vec<String> = contents.iter().map(|content| hex::encode(Sha256::digest(content))).collect();
    rig.run("send.py", json!({"digests": digests, "sizes": contents.iter().map(Vec::len).collect::<Vec<_>>()})).await;
    for (number, content) in contents.iter().enumerate() {
        let arrived = std::fs::read(rig.sshd.inbox().join(format!("in/file-{number}.bin"))).unwrap();
        assert!(arrived == *content, "file-{number}.bin");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_starts_one_transfer_and_metadata_comes_back() {
    let rig = Rig::start().await;
    std::fs::create_dir_all(rig.store()).unwrap();
    std::fs::write(rig.store().join("a.txt"), "a").unwrap();
    rig.run("idempotency.py", json!({})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_files_by_configuration_and_a_queue_that_is_full() {
    let settings = TransferSettings { most_files: 25, queue_limit: 30, ..TransferSettings::default() };
    let rig = Rig::with(generous(), settings).await;
    rig.run("full_queue.py", json!({})).await;
}

fn noise(size: usize) -> Vec<u8> {
    sealpost_testkit::suite::transport::noise(size, size as u64 + 7)
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_retrieved_listed_moved_and_deleted() {
    let rig = Rig::start().await;
    let inbox = rig.sshd.inbox();
    for folder in ["out", "out/deeper", "done", "empty"] {
        std::fs::create_dir(inbox.join(folder)).unwrap();
    }
    let contents: Vec<Vec<u8>> = [0, 5, 2_000_000].map(noise).into();
    for (number, content) in contents.iter().enumerate() {
        std::fs::write(inbox.join(format!("out/file-{number}.bin")), content).unwrap();
    }
    for name in ["kept.txt", "deleted.txt", "moved.txt"] {
        std::fs::write(inbox.join(name), name).unwrap();
    }
    let digests: Vec<String> = contents.iter().map(|content| hex::encode(Sha256::digest(content))).collect();
    let said = rig.run("remote.py", json!({"digests": digests})).await;
    for (number, content) in contents.iter().enumerate() {
        let stored = std::fs::read(rig.store().join(format!("landed/file-{number}.bin"))).unwrap();
        assert!(stored == *content, "file-{number}.bin");
    }
    let listing = said["listing"].as_str().unwrap();
    let listing: Json =
        serde_json::from_slice(&std::fs::read(rig.store().join("lists").join(listing)).unwrap()).unwrap();
    let mut files: Vec<&str> =
        listing["files"].as_array().unwrap().iter().map(|one| one["filePath"].as_str().unwrap()).collect();
    files.sort_unstable();
    let folder = inbox.join("out");
    let expected: Vec<String> = (0..3).map(|number| format!("{}/file-{number}.bin", folder.display())).collect();
    assert_eq!(files, expected);
    assert_eq!(listing["paths"], json!([{"path": format!("{}/deeper", folder.display())}]));
    assert_eq!(listing["truncated"], false);
}
