//! Objects by path in a local store: modes, links, leftovers.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sealpost_core::error::codes;
use sealpost_core::id::JobId;
use sealpost_store::{LocalSettings, SealedStore, StoreSettings};

use crate::objects::{self, path, put};
use crate::{key, noise, store};

async fn open(root: &Path) -> SealedStore {
    SealedStore::open(&StoreSettings::Local(LocalSettings::new(root)), &crate::secrets()).await.unwrap()
}

/// The files in a folder and below, without those on their way.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_keep_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let settings = LocalSettings { bucket: "files".to_owned(), ..LocalSettings::new(folder.path()) };
    let sealed = SealedStore::open(&StoreSettings::Local(settings), &crate::secrets()).await.unwrap();
    assert_eq!(sealed.bucket(), "files");
    objects::hold(&sealed, "/files").await;
    assert_eq!(files(&folder.path().join(".sealpost-staging")), [] as [PathBuf; 0]);
    assert!(!folder.path().join("never").exists(), "an object that was not finished leaves no folders");
    sealed.check().await.unwrap();
}

#[tokio::test]
async fn only_we_can_read_objects() {
    let folder = tempfile::tempdir().unwrap();
    let sealed = open(folder.path()).await;
    put(&sealed, &path("/sealpost", "in/deep/f"), 10).await.unwrap();
    let mode = |name: &str| fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
    let modes = ["in", "in/deep", ".sealpost-staging", "in/deep/f"].map(mode);
    assert_eq!(modes, [0o700, 0o700, 0o700, 0o600]);
}

#[tokio::test]
async fn no_link_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (root, outside) = (folder.path().join("store"), folder.path().join("outside"));
    let sealed = open(&root).await;
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), b"canary").unwrap();
    symlink(&outside, root.join("folder")).unwrap();
    symlink(outside.join("secret"), root.join("file")).unwrap();
    symlink(outside.join("new"), root.join("dangling")).unwrap();
    for key in ["folder/secret", "file", "folder/new", "dangling"] {
        let path = path("/sealpost", key);
        let error = sealed.open_object(&path).await.unwrap_err();
        assert!(error.is(&codes::store::DENIED) && error.detail().contains("symbolic link"), "{key}: {error}");
        let error = put(&sealed, &path, 10).await.unwrap_err();
        assert!(error.is(&codes::store::DENIED), "{key}: {error}");
    }
    assert_eq!(fs::read(outside.join("secret")).unwrap(), b"canary");
    assert_eq!(files(&outside), [outside.join("secret")]);
}

#[tokio::test]
async fn what_a_file_system_cannot_have_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let sealed = open(folder.path()).await;
    put(&sealed, &path("/sealpost", "a/f"), 10).await.unwrap();
    for (key, code) in [
        ("a".to_owned(), &codes::store::DENIED),
        ("a/f/g".to_owned(), &codes::store::DENIED),
        (format!("b/{}", "x".repeat(300)), &codes::store::NAME),
    ] {
        let error = put(&sealed, &path("/sealpost", &key), 10).await.unwrap_err();
        assert!(error.is(code), "{error}");
    }
    // A pipe is no object, and nobody waits for its other end.
    let made = std::process::Command::new("mkfifo").arg(folder.path().join("pipe")).status().unwrap();
    assert!(made.success());
    assert!(sealed.open_object(&path("/sealpost", "pipe")).await.unwrap_err().is(&codes::store::MISSING));
    assert!(put(&sealed, &path("/sealpost", "pipe"), 10).await.unwrap_err().is(&codes::store::DENIED));
}

#[tokio::test]
async fn what_a_killed_process_left_is_removed_and_what_is_on_its_way_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let sealed = open(folder.path()).await;
    let mut slow = sealed.put_object(&path("/sealpost", "in/slow")).await.unwrap();
    slow.write(noise(1 << 20)).await.unwrap();
    let staging = folder.path().join(".sealpost-staging");
    let [on_its_way] = &files(&staging)[..] else { panic!("one staging file") };
    // As a kill leaves it: nobody holds the lock.
    let (left, young) = (staging.join("left"), staging.join("young"));
    fs::write(&left, b"half").unwrap();
    fs::write(&young, b"half").unwrap();
    let hours_ago = SystemTime::now() - Duration::from_secs(3 * 3600);
    for file in [&left, on_its_way] {
        fs::File::options().write(true).open(file).unwrap().set_modified(hours_ago).unwrap();
    }
    put(&sealed, &path("/sealpost", "in/other"), 10).await.unwrap();
    assert!(!left.exists() && young.exists() && on_its_way.exists());

    fs::File::options().write(true).open(&young).unwrap().set_modified(hours_ago).unwrap();
    let again = open(folder.path()).await;
    assert!(!young.exists(), "opening the store looks too");
    slow.finish().await.unwrap();
    assert_eq!(again.head_object(&path("/sealpost", "in/slow")).await.unwrap(), Some(1 << 20));
}

#[tokio::test]
async fn a_purge_does_not_pull_the_folder_away() {
    let folder = tempfile::tempdir().unwrap();
    let sealed = open(folder.path()).await;
    let job = JobId::fresh();
    let file = store(&sealed, key("acme", &job, 1, "f.csv.pgp"), &noise(10)).await.unwrap();
    let target = path("/sealpost", "acme/in.bin");
    let mut upload = sealed.put_object(&target).await.unwrap();
    upload.write(noise(10)).await.unwrap();
    sealed.purge(&file.key.partner, &job).await.unwrap();
    assert!(!folder.path().join("acme").exists());
    upload.finish().await.unwrap();
    assert_eq!(sealed.head_object(&target).await.unwrap(), Some(10));
    // And a purge leaves what is not a report's.
    assert_eq!(sealed.purge(&file.key.partner, &job).await.unwrap(), 0);
    assert_eq!(sealed.head_object(&target).await.unwrap(), Some(10));
}

#[tokio::test]
async fn a_store_that_went_away_is_not_an_object_that_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("store");
    let sealed = open(&root).await;
    let target = path("/sealpost", "in/f");
    put(&sealed, &target, 10).await.unwrap();
    fs::rename(&root, folder.path().join("elsewhere")).unwrap();
    for error in [
        sealed.open_object(&target).await.unwrap_err(),
        sealed.head_object(&target).await.unwrap_err(),
        sealed.put_object(&target).await.unwrap_err(),
    ] {
        assert!(error.is(&codes::store::UNREACHABLE) && error.is_retried(), "{error}");
    }
}
