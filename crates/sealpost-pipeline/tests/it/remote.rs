//! Moves and deletes on the server.

use sealpost_core::transfer::Action;

use crate::rig::{Rig, assert_completed, failure};

#[tokio::test(flavor = "multi_thread")]
async fn files_and_folders_are_moved_and_removed() {
    let rig = Rig::working().await;
    let connector = rig.connector(|_| {}).await;
    std::fs::write(rig.sshd.inbox().join("a"), b"one").unwrap();
    std::fs::create_dir(rig.sshd.inbox().join("done")).unwrap();
    std::fs::create_dir(rig.sshd.inbox().join("empty")).unwrap();
    let moved = Action::Move { source: rig.remote("a"), target: rig.remote("done/b") };
    let item = rig.run_one(&connector, moved).await;
    assert_completed(&item);
    assert_eq!(item.outcome.as_ref().unwrap().path.as_deref(), Some(rig.remote("done/b").as_str()));
    assert_completed(&rig.run_one(&connector, Action::Delete { path: rig.remote("done/b") }).await);
    assert_completed(&rig.run_one(&connector, Action::Delete { path: rig.remote("empty") }).await);
    assert_eq!((rig.remote_names(""), rig.remote_names("done").len()), (vec!["done".to_owned()], 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_have_the_codes_of_transfer_family() {
    let rig = Rig::working().await;
    let connector = rig.connector(|_| {}).await;
    for name in ["a", "b"] {
        std::fs::write(rig.sshd.inbox().join(name), name).unwrap();
    }
    std::fs::create_dir(rig.sshd.inbox().join("full")).unwrap();
    std::fs::write(rig.sshd.inbox().join("full/x"), b"").unwrap();
    let item = rig.run_one(&connector, Action::Delete { path: rig.remote("missing") }).await;
    assert_eq!(failure(&item).0, "FILE_NOT_FOUND");
    let item = rig.run_one(&connector, Action::Delete { path: rig.remote("full") }).await;
    assert_eq!(failure(&item).0, "DELETE_ERROR");
    let move_to = |source: &str, target: &str| Action::Move { source: rig.remote(source), target: rig.remote(target) };
    let item = rig.run_one(&connector, move_to("missing", "c")).await;
    assert_eq!(failure(&item).0, "PATH_NOT_FOUND");
    let item = rig.run_one(&connector, move_to("a", "b")).await;
    assert_eq!(failure(&item).0, "RENAME_ERROR");
    assert_eq!(std::fs::read(rig.sshd.inbox().join("b")).unwrap(), b"b", "never replaced");
}
