//! Remote files to the store.

use sealpost_core::transfer::{Action, Landed};
use sealpost_testkit::gpg::{Gpg, KeySpec};
use sealpost_testkit::suite::transport::noise;
use sha2::{Digest, Sha256};

use crate::rig::{Rig, Wish, assert_completed, failure, object};

pub(crate) fn retrieve(remote: impl Into<String>, folder: &str) -> Action {
    Action::Retrieve { remote: remote.into(), local_directory: object(folder) }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_land_whole_under_their_own_names() {
    let rig = Rig::working().await;
    let connector = rig.connector(|_| {}).await;
    let sizes = [0, 1, 70_000, 6_000_000];
    for (number, size) in sizes.into_iter().enumerate() {
        std::fs::write(rig.sshd.inbox().join(format!("ä {number}.bin")), noise(size, number as u64 + 1)).unwrap();
    }
    let actions = (0..sizes.len()).map(|number| retrieve(rig.remote(&format!("ä {number}.bin")), "in/acme"));
    let items = rig.run(&connector, actions.collect()).await;
    for (number, (item, size)) in items.iter().zip(sizes).enumerate() {
        assert_completed(item);
        let outcome = item.outcome.as_ref().unwrap();
        let content = noise(size, number as u64 + 1);
        assert_eq!(outcome.path.as_deref(), Some(format!("/sealpost/in/acme/ä {number}.bin").as_str()));
        assert_eq!(outcome.sha256.as_deref(), Some(hex::encode(Sha256::digest(&content)).as_str()));
        assert_eq!((outcome.bytes, item.stored), (size as u64, true));
        assert!(std::fs::read(rig.stored(&format!("in/acme/ä {number}.bin"))).unwrap() == content, "file {number}");
        assert!(rig.sshd.inbox().join(format!("ä {number}.bin")).exists(), "it stays on the server");
    }
    // What comes later under the same name takes its place, as in S3.
    std::fs::write(rig.sshd.inbox().join("ä 1.bin"), b"newer").unwrap();
    assert_completed(&rig.run_one(&connector, retrieve(rig.remote("ä 1.bin"), "in/acme")).await);
    assert_eq!(std::fs::read(rig.stored("in/acme/ä 1.bin")).unwrap(), b"newer");
}

#[tokio::test(flavor = "multi_thread")]
async fn sealed_files_are_plain_nowhere_and_their_owner_decrypts_them() {
    let gpg = Gpg::new();
    let fingerprint = gpg.generate(&KeySpec::default());
    let mut wish = Wish::default();
    wish.transfer.seal_for = vec![gpg.export(&fingerprint)];
    let rig = Rig::with(wish).await;
    let connector = rig.connector(|connector| connector.landed = Landed::Sealed).await;
    let content = noise(3_000_000, 7);
    std::fs::write(rig.sshd.inbox().join("big.bin"), &content).unwrap();
    std::fs::write(rig.sshd.inbox().join("empty.bin"), b"").unwrap();
    let items =
        rig.run(&connector, vec![retrieve(rig.remote("big.bin"), "in"), retrieve(rig.remote("empty.bin"), "in")]).await;
    items.iter().for_each(assert_completed);
    let outcome = items[0].outcome.as_ref().unwrap();
    assert_eq!((outcome.path.as_deref(), outcome.bytes), (Some("/sealpost/in/big.bin.pgp"), 3_000_000));
    let sealed = std::fs::read(rig.stored("in/big.bin.pgp")).unwrap();
    assert_eq!(outcome.sha256.as_deref(), Some(hex::encode(Sha256::digest(&sealed)).as_str()));
    assert!(gpg.decrypt(&sealed).unwrap() == content);
    assert_eq!(gpg.decrypt(&std::fs::read(rig.stored("in/empty.bin.pgp")).unwrap()).unwrap(), b"");
    let mut names: Vec<_> =
        std::fs::read_dir(rig.stored("in")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["big.bin.pgp", "empty.bin.pgp"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_certificate_nothing_is_fetched() {
    let rig = Rig::working().await;
    let connector = rig.connector(|connector| connector.landed = Landed::Sealed).await;
    std::fs::write(rig.sshd.inbox().join("a"), b"secret").unwrap();
    let item = rig.run_one(&connector, retrieve(rig.remote("a"), "in")).await;
    assert_eq!((failure(&item).0, failure(&item).1), ("INTERNAL_ERROR", "SP-CONFIG-001"));
    assert!(!rig.sshd.log().contains("Accepted publickey") && !rig.stored("in").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_have_the_codes_of_transfer_family() {
    let mut wish = Wish::default();
    wish.transfer.largest_file = 1000;
    let rig = Rig::with(wish).await;
    let connector = rig.connector(|_| {}).await;
    std::fs::write(rig.sshd.inbox().join("large"), vec![1; 1001]).unwrap();
    std::fs::create_dir(rig.sshd.inbox().join("folder")).unwrap();
    rig.put("taken/large", b"before");
    let items = rig.run(
        &connector,
        vec![
            retrieve("/no/such/file", "in"),
            retrieve(rig.remote("large"), "taken"),
            retrieve(rig.remote("folder/.."), "in"),
            retrieve(rig.remote("folder/"), "in"),
        ],
    );
    let items = items.await;
    assert_eq!(failure(&items[0]).0, "RETRIEVE_FILE_NOT_FOUND");
    assert_eq!((failure(&items[1]).0, failure(&items[1]).1), ("READ_FILE_ERROR", "SP-DELIVER-028"));
    assert_eq!(std::fs::read(rig.stored("taken/large")).unwrap(), b"before", "what was there stays");
    for item in &items[2..] {
        assert_eq!((failure(item).0, failure(item).1), ("WRITE_FILE_ERROR", "SP-STORE-008"));
    }
    // Reports are never changed by the transfer API.
    let report = format!("acme/{}-1", sealpost_core::id::JobId::fresh());
    std::fs::write(rig.sshd.inbox().join("a"), b"x").unwrap();
    let item = rig.run_one(&connector, retrieve(rig.remote("a"), &report)).await;
    assert_eq!((failure(&item).0, failure(&item).1), ("WRITE_FILE_ERROR", "SP-STORE-005"));
}
