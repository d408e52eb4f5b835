//! Attempts that fail and are repeated.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::Timestamp;
use sealpost_core::connector::{ExistingFile, RetryPolicy};
use sealpost_core::delivery::Intent;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::SecretStore;
use sealpost_core::secret::{Secret, SecretRef};
use sealpost_core::task::Work;
use sealpost_core::transfer::{Action, ItemEvent, ItemStatus, TransferConnector};
use sealpost_secrets::SecretStores;
use sealpost_testkit::chaos::{Chaos, ChaosProxy};
use sealpost_testkit::suite::transport::noise;

use crate::retrieve::retrieve;
use crate::rig::{Rig, Wish, assert_completed, object};

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
    rig.failed_attempts(&transfer.id, 1).await;
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
    rig.failed_attempts(&transfer.id, 2).await;
    proxy.heal();
    assert_completed(&rig.ended(&transfer.id).await[0]);
    assert!(std::fs::read(rig.stored("in/a")).unwrap() == noise(2_000_000, 5));
}

/// A store that is sealed until somebody opens it.
struct Sealed {
    stores: SecretStores,
    is_open: AtomicBool,
}

#[async_trait]
impl SecretStore for Sealed {
    async fn resolve(&self, reference: &SecretRef) -> Result<Secret> {
        if !self.is_open.load(Ordering::Relaxed) {
            return Err(Error::new(&codes::secrets::SEALED, "on purpose"));
        }
        self.stores.resolve(reference).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_do_not_run_out_while_the_secret_store_is_sealed() {
    let sealed = Arc::new(Sealed { stores: SecretStores::new("/nowhere"), is_open: AtomicBool::new(false) });
    let rig = Rig::with(Wish { secrets: Some(sealed.clone()), ..Wish::default() }).await;
    let connector = rig.connector(|connector| connector.settings.retry.max_attempts = 1).await;
    rig.put("a.txt", b"hello");
    let transfer = rig.start(&connector, vec![Action::Send { local: object("a.txt"), remote_directory: None }]).await;
    let begun = Instant::now();
    let item = loop {
        let item = rig.items(&transfer.id).await.remove(0);
        if item.failure.is_some() {
            break item;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{item:#?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!((item.status, item.failed_attempts, item.used_attempts()), (ItemStatus::InProgress, 1, 0), "{item:#?}");
    assert_eq!(item.failure.unwrap().failure.code, codes::secrets::SEALED.id);
    sealed.is_open.store(true, Ordering::Relaxed);
    // It would be tried again in some minutes.
    while !rig.pipeline.parts().queue.hurry(&Work::Transfer(item.id.clone())).await.unwrap() {
        assert!(begun.elapsed() < Duration::from_secs(60), "its task is gone");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_completed(&rig.ended(&transfer.id).await[0]);
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
    rig.failed_attempts(&transfer.id, 1).await;
    // No attempt is under way while it happens: one that has the earlier object open may send all of that.
    proxy.set(Chaos::Refuse);
    let failed = rig.items(&transfer.id).await[0].failed_attempts;
    rig.failed_attempts(&transfer.id, failed + 2).await;
    // As the store does it: another file takes its place.
    rig.put("newer.bin", &noise(8_000_000, 4));
    std::fs::rename(rig.stored("newer.bin"), rig.stored("big.bin")).unwrap();
    proxy.heal();
    assert_completed(&rig.ended(&transfer.id).await[0]);
    assert!(std::fs::read(rig.sshd.inbox().join("big.bin")).unwrap() == noise(8_000_000, 4));
    assert_eq!(rig.remote_names(""), ["big.bin"], "nothing of the earlier object is left");
}

/// A hidden file that an intent names and that is gone was renamed. So before what is left of an object that was replaced is removed, its
/// intent goes: should the earlier object come back, it was not sent.
#[tokio::test(flavor = "multi_thread")]
async fn an_intent_for_an_object_that_was_replaced_goes_before_its_file() {
    let rig = Rig::idle(Default::default()).await;
    let connector = rig.connector(|connector| connector.settings.existing_file = ExistingFile::Fail).await;
    rig.put("a.txt", b"newer");
    // The second attempt ends before it is about to rename anything.
    std::fs::write(rig.sshd.inbox().join("a.txt"), b"taken").unwrap();
    let transfer = rig.start(&connector, vec![Action::Send { local: object("a.txt"), remote_directory: None }]).await;
    let item = rig.items(&transfer.id).await.remove(0);
    let earlier = format!("{}-0000000", item.id.as_str().replace('-', ""));
    let hidden = format!(".a.txt.{earlier}.1.part");
    std::fs::write(rig.sshd.inbox().join(&hidden), b"earlier").unwrap();
    let account = rig.settings().account();
    let intent = Intent { temporary_path: rig.remote(&hidden), final_path: rig.remote("a.txt"), account };
    let transfers = &rig.pipeline.parts().transfers;
    for event in [
        ItemEvent::Started { attempt: 1, trace: Some(earlier), url: None },
        ItemEvent::Intended { intent: intent.clone() },
    ] {
        transfers.apply_item(&item.id, &event, None, Timestamp::now()).await.unwrap();
    }
    assert_eq!(rig.items(&transfer.id).await[0].intent, Some(intent));
    rig.work();
    let item = rig.ended(&transfer.id).await.remove(0);
    assert_eq!((item.status, item.intent), (ItemStatus::Failed, None));
    assert_eq!(rig.remote_names(""), ["a.txt"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_of_an_object_that_is_deleted_between_attempts_is_removed() {
    let rig = Rig::working().await;
    let proxy = ChaosProxy::start(([127, 0, 0, 1], rig.sshd.port()).into());
    let connector = rig.connector(through(&proxy)).await;
    rig.put("big.bin", &noise(8_000_000, 3));
    proxy.set(Chaos::CutUpload(1_000_000));
    let transfer = rig.start(&connector, vec![Action::Send { local: object("big.bin"), remote_directory: None }]).await;
    rig.failed_attempts(&transfer.id, 1).await;
    // No attempt is under way while it happens: one that has the object open may send all of it.
    proxy.set(Chaos::Refuse);
    let failed = rig.items(&transfer.id).await[0].failed_attempts;
    rig.failed_attempts(&transfer.id, failed + 2).await;
    assert_ne!(rig.remote_names("").len(), 0, "the first attempt has left something");
    std::fs::remove_file(rig.stored("big.bin")).unwrap();
    proxy.heal();
    assert_eq!(rig.ended(&transfer.id).await[0].failure.as_ref().unwrap().code.as_str(), "SEND_FILE_NOT_FOUND");
    let begun = std::time::Instant::now();
    while !rig.remote_names("").is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", rig.remote_names(""));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
