//! The remote file after it was retrieved, also when the process dies in between.

use jiff::Timestamp;
use sealpost_core::transfer::{AfterRetrieve, ItemEvent, ItemOutcome, ItemStatus, TransferConnector};

use crate::retrieve::retrieve;
use crate::rig::{Rig, assert_completed, failure};

fn deletes(connector: &mut TransferConnector) {
    connector.after_retrieve = AfterRetrieve::Delete;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_removed_or_moved_only_after_it_is_stored() {
    let rig = Rig::working().await;
    std::fs::create_dir(rig.sshd.inbox().join("done")).unwrap();
    std::fs::write(rig.sshd.inbox().join("a"), b"one").unwrap();
    std::fs::write(rig.sshd.inbox().join("b"), b"two").unwrap();
    let deleting = rig.connector(deletes).await;
    let done = rig.remote("done/");
    let moving = rig.connector(|connector| connector.after_retrieve = AfterRetrieve::Move(done)).await;
    assert_completed(&rig.run_one(&deleting, retrieve(rig.remote("a"), "in")).await);
    assert_completed(&rig.run_one(&moving, retrieve(rig.remote("b"), "in")).await);
    assert_eq!(rig.remote_names(""), ["done"]);
    assert_eq!(rig.remote_names("done"), ["b"]);
    assert_eq!(std::fs::read(rig.stored("in/a")).unwrap(), b"one");
    assert_eq!(std::fs::read(rig.stored("in/b")).unwrap(), b"two");
}

/// A partner who renames the next file over the one that was just retrieved does not lose it.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_took_its_place_meanwhile_is_left_alone() {
    let rig = Rig::working().await;
    std::fs::create_dir(rig.sshd.inbox().join("done")).unwrap();
    let done = rig.remote("done");
    let deleting = rig.connector(deletes).await;
    let moving = rig.connector(|connector| connector.after_retrieve = AfterRetrieve::Move(done)).await;
    for (connector, next) in
        [(&deleting, "a longer one"), (&moving, "a longer one"), (&deleting, "two"), (&moving, "two")]
    {
        let path = rig.sshd.inbox().join("a");
        std::fs::write(&path, "one").unwrap();
        // So that one of the same size is of another time.
        let earlier = std::time::SystemTime::now() - std::time::Duration::from_secs(60);
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(earlier).unwrap();
        let fresh = rig.sshd.inbox().join("fresh");
        rig.meddle(move || {
            std::fs::write(&fresh, next).unwrap();
            std::fs::rename(&fresh, &path).unwrap();
        });
        assert_completed(&rig.run_one(connector, retrieve(rig.remote("a"), "in")).await);
        assert_eq!(std::fs::read(rig.stored("in/a")).unwrap(), b"one");
        assert_eq!(std::fs::read_to_string(rig.sshd.inbox().join("a")).unwrap(), next);
    }
    assert!(rig.remote_names("done").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn where_that_fails_the_result_says_where_the_file_is() {
    let rig = Rig::working().await;
    std::fs::create_dir(rig.sshd.inbox().join("done")).unwrap();
    std::fs::write(rig.sshd.inbox().join("b"), b"two").unwrap();
    std::fs::write(rig.sshd.inbox().join("done/b"), b"taken").unwrap();
    let done = rig.remote("done");
    let moving = rig.connector(|connector| connector.after_retrieve = AfterRetrieve::Move(done)).await;
    let item = rig.run_one(&moving, retrieve(rig.remote("b"), "in")).await;
    let (code, _, detail) = failure(&item);
    assert_eq!(code, "RENAME_ERROR");
    assert!(detail.contains("stored at /sealpost/in/b"), "{detail}");
    assert!(item.stored);
    assert_eq!(std::fs::read(rig.stored("in/b")).unwrap(), b"two");
    assert_eq!(std::fs::read(rig.sshd.inbox().join("done/b")).unwrap(), b"taken");
    let event = rig.heard.wait_for("SFTP Connector File Retrieve Failed").await;
    assert_eq!(event["detail"]["local-file-location"]["key"], "in/b");
}

/// An item whose worker died right after it had recorded that the file is stored.
async fn interrupted(rig: &Rig, content: &[u8]) -> sealpost_core::id::TransferId {
    let path = rig.sshd.inbox().join("a");
    std::fs::write(&path, content).unwrap();
    let modified = Timestamp::try_from(std::fs::metadata(&path).unwrap().modified().unwrap()).unwrap();
    let connector = rig.connector(deletes).await;
    let transfer = rig.start(&connector, vec![retrieve(rig.remote("a"), "in")]).await;
    let item = rig.items(&transfer.id).await.remove(0);
    rig.put("in/a", content);
    let outcome = ItemOutcome {
        path: Some("/sealpost/in/a".to_owned()),
        bytes: content.len() as u64,
        remote_modified: Some(Timestamp::from_second(modified.as_second()).unwrap()),
        ..ItemOutcome::default()
    };
    let transfers = &rig.pipeline.parts().transfers;
    for event in [ItemEvent::started(1), ItemEvent::Stored { outcome }] {
        transfers.apply_item(&item.id, &event, None, Timestamp::now()).await.unwrap();
    }
    transfer.id
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_it_is_not_retrieved_again_but_removed() {
    let rig = Rig::idle(Default::default()).await;
    let transfer = interrupted(&rig, b"content").await;
    std::fs::write(rig.stored("in/a"), b"stored").unwrap();
    rig.work();
    let item = rig.ended(&transfer).await.remove(0);
    assert_completed(&item);
    assert!(rig.remote_names("").is_empty());
    assert_eq!(std::fs::read(rig.stored("in/a")).unwrap(), b"stored", "what is stored is not touched");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_a_file_that_is_gone_was_removed_before() {
    let rig = Rig::idle(Default::default()).await;
    let transfer = interrupted(&rig, b"content").await;
    std::fs::remove_file(rig.sshd.inbox().join("a")).unwrap();
    rig.work();
    assert_eq!(rig.ended(&transfer).await[0].status, ItemStatus::Completed);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_a_newer_file_of_the_name_is_left_alone() {
    let rig = Rig::idle(Default::default()).await;
    let transfer = interrupted(&rig, b"content").await;
    std::fs::write(rig.sshd.inbox().join("a"), b"newer content that nobody has retrieved").unwrap();
    rig.work();
    assert_eq!(rig.ended(&transfer).await[0].status, ItemStatus::Completed);
    assert_eq!(rig.remote_names(""), ["a"]);
}
