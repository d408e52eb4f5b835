//! Objects by path, on every kind of store. Called by the module of each kind, which says what paths begin with.

use futures::TryStreamExt;
use sealpost_core::error::codes;
use sealpost_core::id::JobId;
use sealpost_core::object::ObjectPath;
use sealpost_core::port::SealedReader;
use sealpost_store::{SealedStore, StoredObject};
use sha2::{Digest, Sha256};

use crate::{key, noise, store};

/// Runs every case; `root` is `/bucket`, or `/bucket/prefix`.
pub(crate) async fn hold(sealed: &SealedStore, root: &str) {
    an_object_comes_back_by_its_path(sealed, root).await;
    an_object_replaces_the_one_before(sealed, root).await;
    of_two_writers_one_stays_whole(sealed, root).await;
    without_finish_everything_stays(sealed, root).await;
    reports_are_read_and_never_written(sealed, root).await;
    what_is_not_there_is_said(sealed, root).await;
}

pub(crate) fn path(root: &str, key: &str) -> ObjectPath {
    format!("{root}/{key}").parse().unwrap()
}

/// Stores `len` bytes of noise in pieces of an odd size.
pub(crate) async fn put(sealed: &SealedStore, path: &ObjectPath, len: usize) -> sealpost_core::Result<StoredObject> {
    let bytes = noise(len);
    let mut upload = sealed.put_object(path).await?;
    for piece in bytes.chunks(300_007) {
        upload.write(bytes.slice_ref(piece)).await?;
    }
    assert_eq!((upload.path(), upload.size()), (path, len as u64));
    upload.finish().await
}

/// The size that is told, and the bytes that are read.
async fn found(sealed: &SealedStore, path: &ObjectPath) -> Vec<u8> {
    let object = sealed.open_object(path).await.unwrap();
    assert_eq!(sealed.head_object(path).await.unwrap(), Some(object.size()));
    let pieces: Vec<_> = object.stream(0..u64::MAX).try_collect().await.unwrap();
    pieces.concat()
}

async fn an_object_comes_back_by_its_path(sealed: &SealedStore, root: &str) {
    let names =
        ["in/top.bin", "in/a", "in/2026/Übersicht Q3 (final) + 50%.csv", "in/[x] {y} #z ~ 'q'.txt", "acme/n.csv.pgp"];
    for (name, len) in names.into_iter().zip([0, 1, 100_000, 10, 20 << 20]) {
        let path = path(root, name);
        let stored = put(sealed, &path, len).await.unwrap();
        let sha256 = hex::encode(Sha256::digest(noise(len)));
        assert_eq!(stored, StoredObject { path: path.clone(), size: len as u64, sha256 });
        assert!(found(sealed, &path).await == noise(len), "{path}");
        let object = sealed.open_object(&path).await.unwrap();
        let tail = len.min(7);
        assert_eq!(object.read((len - tail) as u64, tail).await.unwrap(), noise(len).slice(len - tail..), "{path}");
    }
}

async fn an_object_replaces_the_one_before(sealed: &SealedStore, root: &str) {
    let path = path(root, "again/f.bin");
    for len in [20 << 20, 10, 9 << 20, 18 << 20, 0] {
        put(sealed, &path, len).await.unwrap();
        assert!(found(sealed, &path).await == noise(len), "{len} bytes");
    }
}

async fn of_two_writers_one_stays_whole(sealed: &SealedStore, root: &str) {
    let path = path(root, "again/race.bin");
    let mut uploads = tokio::task::JoinSet::new();
    for fill in [1_u8, 2, 3] {
        let mut upload = sealed.put_object(&path).await.unwrap();
        upload.write(vec![fill; 5000 + usize::from(fill)].into()).await.unwrap();
        uploads.spawn(upload.finish());
    }
    for ended in uploads.join_all().await {
        ended.unwrap();
    }
    let bytes = found(sealed, &path).await;
    assert_eq!(bytes, vec![bytes[0]; 5000 + usize::from(bytes[0])]);
}

async fn without_finish_everything_stays(sealed: &SealedStore, root: &str) {
    let (old, new) = (path(root, "kept/f.bin"), path(root, "never/made/f.bin"));
    put(sealed, &old, 1000).await.unwrap();
    for target in [&old, &new] {
        for len in [10, 20 << 20] {
            for aborts in [true, false] {
                let mut upload = sealed.put_object(target).await.unwrap();
                upload.write(noise(len)).await.unwrap();
                assert_eq!(sealed.head_object(&new).await.unwrap(), None);
                if aborts {
                    upload.abort().await.unwrap();
                }
            }
        }
    }
    assert_eq!(found(sealed, &old).await, noise(1000));
    assert_eq!(sealed.head_object(&new).await.unwrap(), None);
}

async fn reports_are_read_and_never_written(sealed: &SealedStore, root: &str) {
    let job = JobId::fresh();
    let file = store(sealed, key("acme", &job, 1, "Verträge.csv.pgp"), &noise(100)).await.unwrap();
    let report: ObjectPath = sealed.object_path(&file.key).parse().unwrap();
    assert_eq!(report, path(root, &format!("acme/{job}-1/Verträge.csv.pgp")));
    assert_eq!(found(sealed, &report).await, noise(100));

    for key in [
        format!("acme/{job}-1/Verträge.csv.pgp"),
        format!("acme/{job}-1/other"),
        format!("acme/{job}-2/deeper/f"),
        format!("acme/{job}-3"),
        "globex".to_owned(),
        ".sealpost-check/x/y".to_owned(),
        ".sealpost-staging/x".to_owned(),
        "in/f.csv#123".to_owned(),
    ] {
        let error = sealed.put_object(&path(root, &key)).await.unwrap_err();
        assert!(error.is(&codes::store::DENIED) && error.detail().contains(&key), "{error}");
    }
    assert_eq!(found(sealed, &report).await, noise(100));
    let first = store(sealed, key("globex", &job, 1, "f.csv.pgp"), &noise(10)).await.unwrap();
    sealed.purge(&first.key.partner, &job).await.unwrap();
    sealed.purge(&file.key.partner, &job).await.unwrap();
    assert!(sealed.open_object(&report).await.unwrap_err().is(&codes::store::MISSING));
}

async fn what_is_not_there_is_said(sealed: &SealedStore, root: &str) {
    put(sealed, &path(root, "there/deeper/f"), 5).await.unwrap();
    // Nothing, a folder, a file taken for a folder, our own.
    for key in ["nowhere", "there/nothing", "there", "there/deeper", "there/deeper/f/x", ".sealpost-check/x", "f#1"] {
        let path = path(root, key);
        let error = sealed.open_object(&path).await.unwrap_err();
        assert!(error.is(&codes::store::MISSING), "{error}");
        assert!(error.detail().contains(path.key()), "{error}");
    }
    assert_eq!(sealed.head_object(&path(root, "there/nothing")).await.unwrap(), None);
    assert_eq!(sealed.head_object(&path(root, "there/deeper")).await.unwrap(), None);

    let foreign: ObjectPath = "/elsewhere/there/deeper/f".parse().unwrap();
    let bucket: ObjectPath = format!("/{}", sealed.bucket()).parse().unwrap();
    assert!(sealed.open_object(&bucket).await.unwrap_err().is(&codes::store::MISSING));
    assert!(sealed.put_object(&bucket).await.unwrap_err().is(&codes::store::NAME));
    for error in [
        sealed.open_object(&foreign).await.unwrap_err(),
        sealed.head_object(&foreign).await.unwrap_err(),
        sealed.put_object(&foreign).await.unwrap_err(),
    ] {
        assert!(error.is(&codes::store::MISSING), "{error}");
        assert!(error.detail().contains(&format!("`{}`", sealed.bucket())), "{error}");
    }
}
