//! Attempts that fail and are repeated.

use std::time::Duration;

use sealpost_core::connector::RetryPolicy;
use sealpost_core::transfer::{Action, TransferConnector};
use sealpost_testkit::chaos::{Chaos, ChaosProxy};
use sealpost_testkit::suite::transport::noise;

use crate::retrieve::retrieve;
use crate::rig::{Rig, assert_completed, object};

pub(crate) fn through(proxy: &ChaosProxy) -> impl FnOnce(&mut TransferConnector) {
    let port = proxy.address().port();
    move |connector| {
        connector.settings.port = port;
        connector.settings.retry = RetryPolicy { max_attempts: 20, first_pause_s: 0.1, longest_pause_s: 0.2 };
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_send_that_breaks_in_the_middle_is_resumed() {
    let rig = Rig::working().await;
    let proxy = ChaosProxy::start(([127, 0, 0, 1], rig.sshd.port()).into());
    let connector = rig.connector(through(&proxy)).await;
    rig.put("big.bin", &noise(8_000_000, 3));
    proxy.set(Chaos::CutUpload(4_000_000));
    let transfer = rig.start(&connector, vec![Action::Send { local: object("big.bin"), remote_directory: None }]).await;
    while rig.items(&transfer.id).await[0].failed_attempts == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    proxy.heal();
    let item = rig.ended(&transfer.id).await.remove(0);
    assert_completed(&item);
    assert!(item.failure.is_none() && item.attempts >= 2 && item.may_have_acted, "{item:#?}");
    assert!(std::fs::read(rig.sshd.inbox().join("big.bin")).unwrap() == noise(8_000_000, 3));
    assert_eq!(rig.remote_names(""), ["big.bin"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retrieval_from_a_server_that_comes_back_succeeds() {
    let rig = Rig::working().await;
    let proxy = ChaosProxy::start(([127, 0, 0, 1], rig.sshd.port()).into());
    let connector = rig.connector(through(&proxy)).await;
    std::fs::write(rig.sshd.inbox().join("a"), noise(2_000_000, 5)).unwrap();
    proxy.set(Chaos::Refuse);
    let transfer = rig.start(&connector, vec![retrieve(rig.remote("a"), "in")]).await;
    while rig.items(&transfer.id).await[0].failed_attempts < 2 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    proxy.heal();
    assert_completed(&rig.ended(&transfer.id).await[0]);
    assert!(std::fs::read(rig.stored("in/a")).unwrap() == noise(2_000_000, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_send_left_behind_is_removed_once_it_is_given_up() {
    let rig = Rig::working().await;
    let proxy = ChaosProxy::start(([127, 0, 0, 1], rig.sshd.port()).into());
    let connector = rig.connector(|connector| {
        connector.settings.port = proxy.address().port();
        connector.settings.retry.max_attempts = 1;
    });
    let connector = connector.await;
    rig.put("big.bin", &noise(8_000_000, 3));
    proxy.set(Chaos::CutUpload(4_000_000));
    let transfer = rig.start(&connector, vec![Action::Send { local: object("big.bin"), remote_directory: None }]).await;
    assert_eq!(rig.ended(&transfer.id).await[0].failure.as_ref().unwrap().code.as_str(), "CONNECTION_ERROR");
    let begun = std::time::Instant::now();
    while !rig.remote_names("").is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", rig.remote_names(""));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_replaced_between_attempts_is_never_mixed_with_the_new_one() {
    let rig = Rig::working().await;
    let proxy = ChaosProxy::start(([127, 0, 0, 1], rig.sshd.port()).into());
    let connector = rig.connector(through(&proxy)).await;
    rig.put("big.bin", &noise(8_000_000, 3));
    proxy.set(Chaos::CutUpload(1_000_000));
    let transfer = rig.start(&connector, vec![Action::Send { local: object("big.bin"), remote_directory: None }]).await;
    while rig.items(&transfer.id).await[0].failed_attempts == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // No attempt is under way while it happens: one that has the earlier object open may send all of that.
    proxy.set(Chaos::Refuse);
    let failed = rig.items(&transfer.id).await[0].failed_attempts;
    while rig.items(&transfer.id).await[0].failed_attempts <= failed + 1 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // As the store does it: another file takes its place.
    rig.put("newer.bin", &noise(8_000_000, 4));
    std::fs::rename(rig.stored("newer.bin"), rig.stored("big.bin")).unwrap();
    proxy.heal();
    assert_completed(&rig.ended(&transfer.id).await[0]);
    assert!(std::fs::read(rig.sshd.inbox().join("big.bin")).unwrap() == noise(8_000_000, 4));
}
