//! Moves and deletes on the server.

use std::time::Duration;

use jiff::Timestamp;
use sealpost_core::error::{Code, Error, codes};
use sealpost_core::transfer::{Action, ItemEvent, TransferFailure, TransferKind};
use sealpost_testkit::chaos::{Chaos, ChaosProxy};

use crate::retry::through;
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

/// Attempts that came to no connection have done nothing, however many they were: what is missing was always missing.
#[tokio::test(flavor = "multi_thread")]
async fn what_never_came_to_the_server_was_not_done_there() {
    let rig = Rig::working().await;
    let proxy = ChaosProxy::start(([127, 0, 0, 1], rig.sshd.port()).into());
    std::fs::write(rig.sshd.inbox().join("there"), "another file").unwrap();
    for (action, code) in [
        (Action::Delete { path: rig.remote("missing") }, "FILE_NOT_FOUND"),
        (Action::Move { source: rig.remote("missing"), target: rig.remote("there") }, "PATH_NOT_FOUND"),
    ] {
        proxy.set(Chaos::Refuse);
        while std::net::TcpStream::connect(proxy.address()).is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let connector = rig.connector(through(&proxy)).await;
        let transfer = rig.start(&connector, vec![action]).await;
        rig.failed_attempts(&transfer.id, 2).await;
        proxy.heal();
        let item = rig.ended(&transfer.id).await.remove(0);
        assert_eq!(failure(&item).0, code);
        assert!(!item.may_have_acted && item.attempts > 2, "{item:#?}");
    }
}

/// It is done where an attempt before may have done it: the last one, an earlier one, or one that a crash cut off.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_attempt_may_have_done_is_taken_for_done() {
    let rig = Rig::idle(Default::default()).await;
    let connector = rig.connector(|_| {}).await;
    let started = ItemEvent::started;
    let failed = |code: &'static Code, may_have_acted| {
        let failure = TransferFailure::new(TransferKind::Delete, &Error::new(code, "the server"));
        ItemEvent::AttemptFailed { failure, may_have_acted }
    };
    let (broken, unreachable) = (&codes::deliver::BROKEN, &codes::deliver::UNREACHABLE);
    let mut transfers = Vec::new();
    for before in [
        vec![started(1)],
        vec![started(1), failed(broken, true)],
        vec![started(1), failed(broken, true), started(2), failed(unreachable, false)],
        vec![started(1), failed(unreachable, false), started(2)],
        vec![started(1), started(2), failed(unreachable, false)],
    ] {
        let transfer = rig.start(&connector, vec![Action::Delete { path: rig.remote("gone") }]).await;
        let item = rig.items(&transfer.id).await.remove(0);
        for event in before {
            rig.pipeline.parts().transfers.apply_item(&item.id, &event, None, Timestamp::now()).await.unwrap();
        }
        transfers.push(transfer.id);
    }
    rig.work();
    for id in &transfers {
        rig.ended(id).await.iter().for_each(assert_completed);
    }
}
