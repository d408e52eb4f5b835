//! Stored files to a server.

use sealpost_core::connector::{ConnectorSettings, ExistingFile, Login};
use sealpost_core::transfer::{Action, ItemStatus};
use sealpost_testkit::misbehaving::{self, Misbehaving};
use sealpost_testkit::suite::transport::{noise, sha256};
use serde_json::json;

use crate::rig::{Rig, assert_completed, failure, object};

fn send(key: &str, directory: Option<String>) -> Action {
    Action::Send { local: object(key), remote_directory: directory }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_arrive_whole_and_results_say_so() {
    let rig = Rig::working().await;
    let connector = rig.connector(|_| {}).await;
    std::fs::create_dir(rig.sshd.inbox().join("in")).unwrap();
    let sizes = [0, 1, 20_000, 300_000, 5_000_000, 7, 8, 9, 10, 32_768];
    for (number, size) in sizes.into_iter().enumerate() {
        rig.put(&format!("out/file-{number}.bin"), &noise(size, number as u64 + 1));
    }
    let actions = (0..sizes.len()).map(|number| send(&format!("out/file-{number}.bin"), Some(rig.remote("in"))));
    let items = rig.run(&connector, actions.collect()).await;
    for (number, (item, size)) in items.iter().zip(sizes).enumerate() {
        assert_completed(item);
        let outcome = item.outcome.as_ref().unwrap();
        assert_eq!((item.bytes, item.size, outcome.bytes), (size as u64, Some(size as u64), size as u64));
        assert_eq!(outcome.path.as_deref(), Some(rig.remote(&format!("in/file-{number}.bin")).as_str()));
        assert!(outcome.host_key.as_ref().unwrap().starts_with("SHA256:"));
        let arrived = std::fs::read(rig.sshd.inbox().join(format!("in/file-{number}.bin"))).unwrap();
        assert!(arrived == noise(size, number as u64 + 1), "file {number}");
    }
    assert_eq!(rig.remote_names("in").len(), sizes.len(), "nothing else stays");
    let transfer = rig.pipeline.transfer_by_id(&items[0].transfer).await.unwrap().unwrap();
    assert!(transfer.open == 0 && transfer.finished_at.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_directory_it_is_the_logins_own() {
    let rig = Rig::working().await;
    let connector = rig.connector(|_| {}).await;
    rig.put("a.txt", b"hello");
    assert_completed(&rig.run_one(&connector, send("a.txt", None)).await);
    assert_eq!(std::fs::read(rig.sshd.inbox().join("a.txt")).unwrap(), b"hello");
    // AWS replaces what is there; so does a connector of the transfer API unless it is told otherwise.
    rig.put("a.txt", b"again");
    assert_completed(&rig.run_one(&connector, send("a.txt", None)).await);
    assert_eq!(std::fs::read(rig.sshd.inbox().join("a.txt")).unwrap(), b"again");
}

/// Of a stored file that was not made here nobody knows it before.
#[tokio::test(flavor = "multi_thread")]
async fn a_checksum_file_has_the_checksum() {
    let rig = Rig::working().await;
    let connector = rig.connector(|connector| connector.settings.checksum_file = true).await;
    let bytes = noise(3_000_001, 5);
    let digest = sha256(&bytes);
    rig.put("a.bin", &bytes);
    let item = rig.run_one(&connector, send("a.bin", None)).await;
    assert_completed(&item);
    assert_eq!(rig.remote_names(""), ["a.bin", "a.bin.sha256"]);
    let line = std::fs::read_to_string(rig.sshd.inbox().join("a.bin.sha256")).unwrap();
    assert_eq!(line, format!("{digest}  a.bin\n"));
    assert_eq!(item.outcome.unwrap().sha256, Some(digest));
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_have_the_codes_of_transfer_family() {
    let rig = Rig::working().await;
    let connector = rig.connector(|_| {}).await;
    rig.put("a.txt", b"hello");
    let items = rig.run(&connector, vec![send("missing.txt", None), send("a.txt", Some("/no/such".to_owned()))]).await;
    assert_eq!(failure(&items[0]).0, "SEND_FILE_NOT_FOUND");
    assert_eq!(failure(&items[1]).0, "DIRECTORY_NOT_FOUND");
    assert_eq!((items[1].attempts, items[1].failed_attempts), (1, 0), "final at once");

    let wrong_key = rig.sshd.unaccepted_key("ed25519", "256", "RFC4716", "");
    let locked_out = rig.connector(|connector| {
        let key = format!("file:{}", wrong_key.display()).parse().unwrap();
        connector.settings.login =
            vec![sealpost_core::connector::Login::PrivateKey { key, passphrase: None, public_key: None }];
    });
    let item = rig.run_one(&locked_out.await, send("a.txt", None)).await;
    assert_eq!(failure(&item).0, "CONNECTION_ERROR");
    assert_eq!(failure(&item).1, "SP-DELIVER-005");
    let unknown = rig.connector(|connector| connector.settings.host = "no-such-host.invalid".to_owned()).await;
    let item = rig.run_one(&unknown, send("a.txt", None)).await;
    assert_eq!(failure(&item).0, "CONNECTION_ERROR");
    assert_eq!((item.attempts, item.failed_attempts), (2, 1), "tried as often as the connector says");
    let impostor = rig.connector(|connector| {
        connector.settings.host_keys = vec!["SHA256:uNiVztksCsDhcc0u9e8BrdoXT3s8Y6cB3gZ0JL4tT1A".to_owned()];
    });
    let item = rig.run_one(&impostor.await, send("a.txt", None)).await;
    assert_eq!((failure(&item).0, failure(&item).1), ("CONNECTION_ERROR", "SP-DELIVER-003"));
}

/// Cut off at every request, which was carried out all the same: where the file has its name, its failure says that it may.
#[tokio::test(flavor = "multi_thread")]
async fn a_send_that_failed_says_where_the_file_may_be_there() {
    let rig = Rig::working().await;
    let server = Misbehaving::start();
    std::fs::write(rig.folder.path().join("password"), misbehaving::PASSWORD).unwrap();
    let mut said = 0;
    for after in 0..16 {
        server.behave(&json!({"disconnect_after": after, "done_unanswered": true}));
        // Each time another one: it has no connection from before, and its server has not failed yet.
        let connector = rig.connector(|connector| {
            connector.settings = ConnectorSettings {
                login: vec![Login::Password { password: "file:password".parse().unwrap() }],
                host_keys: vec![server.host_key()],
                existing_file: ExistingFile::Replace,
                ..ConnectorSettings::new("127.0.0.1", server.port(), misbehaving::USER)
            };
            connector.settings.retry.max_attempts = 1;
        });
        let (connector, name) = (connector.await, format!("{after}.txt"));
        rig.put(&name, b"hello");
        let item = rig.run_one(&connector, send(&name, None)).await;
        if item.status == ItemStatus::Completed {
            continue;
        }
        let message = item.failure.as_ref().unwrap().message();
        let says_so = message.contains(&format!("{name}`, and it may be there"));
        assert!(says_so || !server.inbox().join(&name).exists(), "cut off after {after} requests: {message}");
        said += usize::from(says_so);
    }
    assert!(said > 0, "one of them was cut off at its rename");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_that_was_removed_fails_what_waits_for_it() {
    let rig = Rig::idle(Default::default()).await;
    let connector = rig.connector(|_| {}).await;
    rig.put("a.txt", b"hello");
    let transfer = rig.start(&connector, vec![send("a.txt", None)]).await;
    assert!(rig.pipeline.remove_transfer_connector(&connector).await.unwrap());
    rig.work();
    let item = rig.ended(&transfer.id).await.remove(0);
    assert_eq!((failure(&item).0, failure(&item).1, item.attempts), ("CONNECTION_ERROR", "SP-DELIVER-019", 0));
    rig.heard.wait_for("SFTP Connector File Send Failed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_records_decide_is_refused_when_it_is_asked_for() {
    let rig = Rig::idle(Default::default()).await;
    let connector = rig.connector(|_| {}).await;
    let caller = sealpost_core::id::AccessKeyId::fresh();
    let ask = |connector: &sealpost_core::id::ConnectorId, count: usize| sealpost_pipeline::StartAsk {
        connector: connector.clone(),
        actions: vec![send("a.txt", None); count],
        caller: caller.clone(),
        metadata: Default::default(),
        idempotency: Some(("token".to_owned(), format!("{count}"))),
    };
    let refused = async |ask| rig.pipeline.start_transfer(ask).await.unwrap_err().code().id;
    assert_eq!(refused(ask(&sealpost_core::id::ConnectorId::fresh(), 1)).await, "SP-REQUEST-008");
    assert_eq!(refused(ask(&connector, 11)).await, "SP-REQUEST-001");
    assert_eq!(refused(ask(&connector, 0)).await, "SP-REQUEST-001");
    let first = rig.pipeline.start_transfer(ask(&connector, 10)).await.unwrap();
    let again = rig.pipeline.start_transfer(ask(&connector, 10)).await.unwrap();
    assert_eq!(first.transfer().id, again.transfer().id);
    assert_eq!(refused(ask(&connector, 9)).await, "SP-REQUEST-014");
    assert!(rig.items(&first.transfer().id).await.iter().all(|item| item.status == ItemStatus::Queued));
}
