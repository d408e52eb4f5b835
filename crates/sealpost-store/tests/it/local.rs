//! The local store: modes, leftovers, a full disk, a store that went away.

use std::fs;
use std::io::{ErrorKind, IoSlice, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use sealpost_core::error::codes;
use sealpost_core::id::JobId;
use sealpost_store::{LocalSettings, SealedStore, StoreSettings};
use tokio::task::spawn_blocking;

use crate::{contract, key, noise, store};

async fn open(path: &Path) -> sealpost_core::Result<SealedStore> {
    SealedStore::open(&StoreSettings::Local(LocalSettings::new(path)), &crate::secrets()).await
}

/// Every file and folder below, sorted.
fn below(path: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(below(&entry.path()));
        }
        found.push(entry.path());
    }
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("new/store");
    contract::holds(&open(&root).await.unwrap(), contract::Finish::AtOnce).await;
    assert_eq!(below(&root), [] as [PathBuf; 0]);
}

#[tokio::test]
async fn only_we_can_read_what_we_store() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("store");
    let job = JobId::fresh();
    let sealed = open(&root).await.unwrap();
    store(&sealed, key("acme", &job, 1, "f.csv.pgp"), &noise(10)).await.unwrap();
    let mode = |path: &str| fs::metadata(root.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(""), 0o700);
    assert_eq!(mode("acme"), 0o700);
    assert_eq!(mode(&format!("acme/{job}-1")), 0o700);
    assert_eq!(mode(&format!("acme/{job}-1/f.csv.pgp")), 0o600);
}

#[tokio::test]
async fn a_dropped_upload_leaves_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let sealed = open(folder.path()).await.unwrap();
    let mut upload = sealed.create(key("acme", &JobId::fresh(), 1, "f.csv.pgp")).await.unwrap();
    upload.write(noise(5 << 20)).await.unwrap();
    assert_eq!(below(folder.path()).len(), 3, "partner, attempt, staging file");
    drop(upload);
    assert_eq!(below(folder.path()), [folder.path().join("acme")]);
}

#[tokio::test]
async fn whole_blocks_and_pieces_make_the_same_file() {
    const BLOCK: usize = 256 * 1024;
    let folder = tempfile::tempdir().unwrap();
    let sealed = open(folder.path()).await.unwrap();
    let bytes = noise(5 * BLOCK + 7);
    let mut sums = Vec::new();
    // Blocks that go to the disk from where they are, such that are gathered, and both in turns.
    for steps in
        [&[BLOCK][..], &[1000], &[5 * BLOCK + 7], &[1, BLOCK], &[BLOCK - 1, 1, 2 * BLOCK], &[BLOCK + 1, 3 * BLOCK]]
    {
        let job = JobId::fresh();
        let mut upload = sealed.create(key("acme", &job, 1, "f.csv.pgp")).await.unwrap();
        let mut left = bytes.clone();
        for step in steps.iter().cycle() {
            upload.write(left.split_to(left.len().min(*step))).await.unwrap();
            if left.is_empty() {
                break;
            }
        }
        let file = upload.finish().await.unwrap();
        assert_eq!(file.size, bytes.len() as u64);
        let kept = fs::read(folder.path().join(format!("acme/{job}-1/f.csv.pgp"))).unwrap();
        assert!(kept == bytes, "{steps:?}");
        sums.push(file.sha256);
    }
    assert!(sums.iter().all(|sum| *sum == sums[0]), "{sums:?}");
}

#[tokio::test]
async fn what_a_thread_writes_is_published_when_both_have_ended() {
    let folder = tempfile::tempdir().unwrap();
    let sealed = open(folder.path()).await.unwrap();
    let bytes = noise(700_001);
    for step in [1000, 65_536, 300_007, 700_001] {
        let job = JobId::fresh();
        let path = folder.path().join(format!("acme/{job}-1/f.csv.pgp"));
        let mut upload = sealed.create(key("acme", &job, 1, "f.csv.pgp")).await.unwrap();
        let mut sink = upload.sink().unwrap();
        assert!(sink.wants_sha256() && upload.sink().is_none());
        let written = bytes.clone();
        let ended = spawn_blocking(move || {
            // In one go and in two, as OpenPGP's chunks come: a short head before them.
            for piece in written.chunks(step) {
                let (head, rest) = piece.split_at(piece.len().min(7));
                let taken = sink.write_vectored(&[IoSlice::new(head), IoSlice::new(rest)]).unwrap();
                sink.write_all(&piece[taken..]).unwrap();
            }
            sink.sha256([7; 32]);
            sink.finish()
        });
        ended.await.unwrap().unwrap();
        assert!(!path.exists(), "only the writer has ended");
        let file = upload.finish_sunk().await.unwrap();
        assert_eq!((file.size, file.sha256), (bytes.len() as u64, "07".repeat(32)));
        assert!(fs::read(path).unwrap() == bytes, "{step}");
    }
}

#[tokio::test]
async fn a_sink_without_its_end_publishes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let sealed = open(folder.path()).await.unwrap();
    let begin = async || {
        let mut upload = sealed.create(key("acme", &JobId::fresh(), 1, "f.csv.pgp")).await.unwrap();
        let mut sink = upload.sink().unwrap();
        sink.write_all(&noise(300_000)).unwrap();
        (upload, sink)
    };
    // Dropped; ended without the digest; never begun.
    let (upload, sink) = begin().await;
    drop(sink);
    assert!(upload.finish_sunk().await.unwrap_err().is(&codes::store::ABORTED));
    let (upload, sink) = begin().await;
    assert!(sink.finish().unwrap_err().is(&codes::seal::UNFINISHED));
    assert!(upload.finish_sunk().await.unwrap_err().is(&codes::store::ABORTED));
    let upload = sealed.create(key("acme", &JobId::fresh(), 1, "f.csv.pgp")).await.unwrap();
    assert!(upload.finish_sunk().await.unwrap_err().is(&codes::store::ABORTED));
    // Who gives up stops the writer.
    let (upload, mut sink) = begin().await;
    drop(upload);
    assert_eq!(sink.write(b"more").unwrap_err().kind(), ErrorKind::BrokenPipe);
    assert_eq!(below(folder.path()), [folder.path().join("acme")]);
}

#[tokio::test]
async fn a_purge_removes_what_a_killed_process_left() {
    let folder = tempfile::tempdir().unwrap();
    let sealed = open(folder.path()).await.unwrap();
    let job = JobId::fresh();
    let mut upload = sealed.create(key("acme", &job, 1, "f.csv.pgp")).await.unwrap();
    upload.write(noise(3 << 20)).await.unwrap();
    // As a kill would: no drop.
    std::mem::forget(upload);
    let file = store(&sealed, key("acme", &job, 2, "f.csv.pgp"), &noise(10)).await.unwrap();
    assert_eq!(sealed.purge(&file.key.partner, &job).await.unwrap(), 1, "staging files are no objects");
    assert_eq!(below(folder.path()), [] as [PathBuf; 0]);
}

/// A file system of one mebibyte; unmounted when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// `None` where this user may not mount (the test suite's container runs as root).
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(folder.path()).status().ok()?;
        mounted.success().then_some(Self(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("--lazy").arg(self.0.path()).status());
    }
}

#[tokio::test]
async fn a_full_disk_is_told_and_shows_nothing() {
    let Some(disk) = SmallDisk::mount() else {
        let id = Command::new("id").arg("-u").output().unwrap().stdout;
        assert_ne!(id, b"0\n", "root may mount a tmpfs");
        eprintln!("not root: a full disk can't be made here; fault.rs tests its error code");
        return;
    };
    let sealed = open(disk.0.path()).await.unwrap();
    let job = JobId::fresh();
    let error = store(&sealed, key("acme", &job, 1, "f.csv.pgp"), &noise(4 << 20)).await.unwrap_err();
    assert!(error.is(&codes::store::FULL) && error.is_retried(), "{error}");
    assert_eq!(below(disk.0.path()), [disk.0.path().join("acme")]);
    // And where a thread writes, the upload tells it.
    let mut upload = sealed.create(key("acme", &job, 1, "f.csv.pgp")).await.unwrap();
    let mut sink = upload.sink().unwrap();
    assert_eq!(sink.write_all(&noise(4 << 20)).unwrap_err().kind(), ErrorKind::BrokenPipe);
    drop(sink);
    let error = upload.finish_sunk().await.unwrap_err();
    assert!(error.is(&codes::store::FULL) && error.is_retried(), "{error}");
    assert_eq!(below(disk.0.path()), [disk.0.path().join("acme")]);
    // The space is free again: the next, smaller file fits.
    store(&sealed, key("acme", &job, 2, "f.csv.pgp"), &noise(500_000)).await.unwrap();
}

#[tokio::test]
async fn a_store_that_went_away_is_not_a_missing_object() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("store");
    let sealed = open(&root).await.unwrap();
    let file = store(&sealed, key("acme", &JobId::fresh(), 1, "f.csv.pgp"), &noise(10)).await.unwrap();
    fs::rename(&root, folder.path().join("elsewhere")).unwrap();
    let error = sealed.reader(&file).await.unwrap_err();
    assert!(error.is(&codes::store::UNREACHABLE) && error.is_retried(), "{error}");
    let error = sealed.create(key("acme", &JobId::fresh(), 1, "f.csv.pgp")).await.unwrap_err();
    assert!(error.is(&codes::store::UNREACHABLE), "{error}");
    assert!(sealed.purge(&file.key.partner, &file.key.job).await.unwrap_err().is(&codes::store::UNREACHABLE));
    assert!(sealed.check().await.is_err());
}

#[tokio::test]
async fn a_file_in_place_of_the_folder_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    fs::write(&path, b"").unwrap();
    let error = open(&path).await.unwrap_err();
    assert!(error.is(&codes::store::CONFIG), "{error}");
}

#[tokio::test]
async fn a_read_that_began_survives_a_purge() {
    use sealpost_core::port::SealedReader;

    let folder = tempfile::tempdir().unwrap();
    let sealed = open(folder.path()).await.unwrap();
    let job = JobId::fresh();
    let file = store(&sealed, key("acme", &job, 1, "f.csv.pgp"), &noise(1000)).await.unwrap();
    let object = sealed.reader(&file).await.unwrap();
    sealed.purge(&file.key.partner, &job).await.unwrap();
    assert_eq!(object.read(500, 500).await.unwrap(), noise(1000).slice(500..));
}
