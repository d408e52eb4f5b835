//! Attempts that were thought dead and are not, and records that are older than what is on the server.

use sealpost_core::connector::ExistingFile;
use sealpost_core::delivery::Intent;
use sealpost_core::error::codes;
use sealpost_core::receipt::Certainty;
use sealpost_testkit::chaos::{Chaos, ChaosProxy};
use sealpost_testkit::misbehaving::Misbehaving;
use sealpost_testkit::sshd::Sshd;
use sealpost_testkit::suite::transport::{Parcel, names, noise};
use serde_json::json;

use crate::sites::{self, openssh_settings, sftp};

/// A server without an atomic replacing rename: what is in the way is removed and the rename repeated. Where an earlier
/// attempt's rename has just come through, what is in the way is the delivered file itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_earlier_attempt_has_just_published_is_not_removed() {
    let server = Misbehaving::start();
    server.behave(&json!({"extensions": [], "late_rename": true}));
    let site = sites::misbehaving(&server);
    for policy in [ExistingFile::Replace, ExistingFile::Fail, ExistingFile::KeepBoth] {
        let mut parcel = Parcel::new(&site.settings, "a.csv", noise(30_000, 3));
        parcel.connector.settings.existing_file = policy;
        let receipt = parcel.send(&*site.transport).await.unwrap();
        assert_eq!(receipt.certainty, Certainty::Recovered, "{policy:?}");
        assert_eq!(names(&server.inbox()), ["a.csv"], "{policy:?}");
        let path = server.inbox().join("a.csv");
        assert!(std::fs::read(&path).unwrap() == parcel.file.0, "{policy:?}");
        std::fs::remove_file(path).unwrap();
    }
}

/// The recorded intent's file has lost some bytes: the intent is withdrawn and the file removed. When the connection then
/// breaks, the same attempt must not look again by the intent that it began with: to that one a file that is gone was
/// published.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_withdrawn_intent_is_not_looked_at_again() {
    let server = Sshd::start();
    let proxy = ChaosProxy::start(([127, 0, 0, 1], server.port()).into());
    let mut settings = openssh_settings(&server);
    settings.port = proxy.address().port();
    settings.parallel.channels = Some(4);
    settings.parallel.connections = Some(1);
    let transport = sftp();
    let mut parcel = Parcel::new(&settings, "a.csv", noise(60_000_000, 4));
    let inbox = server.inbox();
    let path = |name: &str| inbox.join(name).display().to_string();
    let hidden = format!(".a.csv.{}.1.part", parcel.delivery.id);
    std::fs::write(inbox.join(&hidden), b"not all of it").unwrap();
    let intent = Intent {
        temporary_path: path(&hidden),
        final_path: path("a.csv"),
        account: parcel.connector.settings.account(),
    };
    (parcel.delivery.attempts, parcel.delivery.failed_attempts) = (1, 1);
    *parcel.journal.intent.lock().unwrap() = Some(intent.clone());
    parcel.delivery.intent = Some(intent);
    proxy.set(Chaos::CutUpload(20_000_000));
    let error = parcel.send(&transport).await.unwrap_err();
    assert!(error.is(&codes::deliver::BROKEN), "{error}");
    assert!(parcel.journal.intent.lock().unwrap().is_none(), "it was withdrawn");
    assert!(!inbox.join("a.csv").exists());
    proxy.heal();
    let receipt = parcel.send(&transport).await.unwrap();
    assert_eq!(receipt.certainty, Certainty::Verified);
    assert_eq!(names(&inbox), ["a.csv"]);
    assert!(std::fs::read(inbox.join("a.csv")).unwrap() == parcel.file.0);
}
