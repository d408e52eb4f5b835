//! What every kind of store does. Called by the module of each kind.

use futures::TryStreamExt;
use sealpost_core::error::codes;
use sealpost_core::id::JobId;
use sealpost_core::port::SealedReader;
use sealpost_core::sealed::SealedFile;
use sealpost_store::SealedStore;
use sha2::{Digest, Sha256};

use crate::{key, noise, store};

/// How four writers of one place come to their end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finish {
    AtOnce,
    /// For moto, which checks the condition and stores the object in two steps.
    InTurn,
}

pub(crate) async fn holds(sealed: &SealedStore, finish: Finish) {
    sealed.check().await.unwrap();
    the_same_bytes_come_back(sealed, 0).await;
    the_same_bytes_come_back(sealed, 1).await;
    the_same_bytes_come_back(sealed, 8 << 20).await;
    the_same_bytes_come_back(sealed, 30 << 20).await;
    a_digest_can_be_told(sealed).await;
    objects_are_create_only(sealed).await;
    of_four_writers_one_wins(sealed, finish, 5_000).await;
    of_four_writers_one_wins(sealed, finish, 9 << 20).await;
    nothing_is_visible_without_finish(sealed).await;
    a_changed_or_missing_object_is_told(sealed).await;
    a_purge_takes_all_attempts_of_one_job(sealed).await;
}

async fn the_same_bytes_come_back(sealed: &SealedStore, len: usize) {
    let bytes = noise(len);
    let job = JobId::fresh();
    let file = store(sealed, key("acme", &job, 1, "Verträge_2026-11.csv.pgp"), &bytes).await.unwrap();
    assert_eq!(file.size, len as u64);
    assert_eq!(file.sha256, hex::encode(Sha256::digest(&bytes)));

    let object = sealed.reader(&file).await.unwrap();
    assert_eq!(object.size(), len as u64);
    let all: Vec<_> = object.stream(0..u64::MAX).try_collect().await.unwrap();
    assert!(all.concat() == bytes, "{len} bytes streamed");
    for (offset, count) in [(0, len.min(1 << 20)), (len / 3, len / 4), (len.saturating_sub(1), len.min(1)), (len, 0)] {
        let read = object.read(offset as u64, count).await.unwrap();
        assert!(read == bytes.slice(offset..offset + count), "{count} bytes from {offset} of {len}");
    }
    let tail: Vec<_> = object.stream((len / 2) as u64..len as u64).try_collect().await.unwrap();
    assert!(tail.concat() == bytes.slice(len / 2..), "the second half of {len}");
    assert!(object.read(len as u64, 1).await.unwrap_err().is(&codes::store::CHANGED));
    assert_eq!(sealed.purge(&file.key.partner, &job).await.unwrap(), 1);
}

/// By who has it already. Without it nothing becomes visible: what nobody can be held against is no file.
async fn a_digest_can_be_told(sealed: &SealedStore) {
    let job = JobId::fresh();
    let bytes = noise(300_000);
    let sha256 = Sha256::digest(&bytes);
    for told in [false, true] {
        let mut upload = sealed.create(key("acme", &job, 1, "f.csv.pgp")).await.unwrap();
        upload.expect_sha256();
        upload.write(bytes.clone()).await.unwrap();
        if told {
            let file = upload.finish_with(sha256.into()).await.unwrap();
            assert_eq!((file.size, file.sha256), (300_000, hex::encode(sha256)));
        } else {
            assert!(upload.finish().await.unwrap_err().is(&codes::store::ABORTED));
        }
    }
    // The first attempt left nothing in the way of the second, which has the name now.
    assert!(sealed.create(key("acme", &job, 1, "f.csv.pgp")).await.unwrap_err().is(&codes::store::EXISTS));
    assert_eq!(sealed.purge(&"acme".parse().unwrap(), &job).await.unwrap(), 1);
}

async fn objects_are_create_only(sealed: &SealedStore) {
    let job = JobId::fresh();
    let place = || key("acme", &job, 1, "f.csv.pgp");
    let file = store(sealed, place(), &noise(10)).await.unwrap();
    assert!(sealed.create(place()).await.unwrap_err().is(&codes::store::EXISTS));
    let object = sealed.reader(&file).await.unwrap();
    assert_eq!(object.read(0, 10).await.unwrap(), noise(10));
    sealed.purge(&file.key.partner, &job).await.unwrap();
}

async fn of_four_writers_one_wins(sealed: &SealedStore, finish: Finish, len: usize) {
    let job = JobId::fresh();
    let place = || key("acme", &job, 1, "f.csv.pgp");
    let mut uploads = Vec::new();
    for fill in 1_u8..=4 {
        let mut upload = sealed.create(place()).await.unwrap();
        upload.write(vec![fill; len].into()).await.unwrap();
        uploads.push((fill, upload));
    }
    let mut results = Vec::new();
    if finish == Finish::AtOnce {
        let mut tasks = tokio::task::JoinSet::new();
        for (fill, upload) in uploads {
            tasks.spawn(async move { (fill, upload.finish().await) });
        }
        results = tasks.join_all().await;
    } else {
        for (fill, upload) in uploads {
            results.push((fill, upload.finish().await));
        }
    }
    let mut winners = Vec::new();
    for (fill, result) in results {
        match result {
            Ok(file) => winners.push((fill, file)),
            Err(error) => assert!(error.is(&codes::store::EXISTS), "{error}"),
        }
    }
    let [(fill, file)] = &winners[..] else { panic!("{} winners of {len} bytes", winners.len()) };
    let object = sealed.reader(file).await.unwrap();
    assert_eq!(object.read(0, len).await.unwrap(), vec![*fill; len]);
    assert_eq!(sealed.purge(&file.key.partner, &job).await.unwrap(), 1);
}

async fn nothing_is_visible_without_finish(sealed: &SealedStore) {
    let job = JobId::fresh();
    for (attempt, len) in [(1, 10), (2, 20 << 20)] {
        let place = key("acme", &job, attempt, "f.csv.pgp");
        let file = SealedFile { key: place.clone(), size: len as u64, sha256: String::new() };
        let mut upload = sealed.create(place).await.unwrap();
        upload.write(noise(len)).await.unwrap();
        assert!(sealed.reader(&file).await.unwrap_err().is(&codes::store::MISSING));
        upload.abort().await.unwrap();
        assert!(sealed.reader(&file).await.unwrap_err().is(&codes::store::MISSING));
    }
    assert_eq!(sealed.purge(&"acme".parse().unwrap(), &job).await.unwrap(), 0);
}

async fn a_changed_or_missing_object_is_told(sealed: &SealedStore) {
    let job = JobId::fresh();
    let file = store(sealed, key("acme", &job, 1, "f.csv.pgp"), &noise(100)).await.unwrap();
    let other = SealedFile { size: 99, ..file.clone() };
    assert!(sealed.reader(&other).await.unwrap_err().is(&codes::store::CHANGED));
    sealed.purge(&file.key.partner, &job).await.unwrap();
    let error = sealed.reader(&file).await.unwrap_err();
    assert!(error.is(&codes::store::MISSING) && !error.is_retried(), "{error}");
}

async fn a_purge_takes_all_attempts_of_one_job(sealed: &SealedStore) {
    let (job, other) = (JobId::fresh(), JobId::fresh());
    let acme = "acme".parse().unwrap();
    for attempt in [1, 2, 10, 11] {
        store(sealed, key("acme", &job, attempt, "f.csv.pgp"), &noise(10)).await.unwrap();
    }
    let kept = store(sealed, key("acme", &other, 1, "f.csv.pgp"), &noise(10)).await.unwrap();
    let foreign = store(sealed, key("acme-2", &job, 1, "f.csv.pgp"), &noise(10)).await.unwrap();
    // Attempt 1 is not attempt 10.
    assert_eq!(sealed.discard_attempt(&acme, &job, 1).await.unwrap(), 1);
    assert_eq!(sealed.purge(&acme, &job).await.unwrap(), 3);
    assert_eq!(sealed.purge(&acme, &job).await.unwrap(), 0);
    sealed.reader(&kept).await.unwrap();
    sealed.reader(&foreign).await.unwrap();
    sealed.purge(&acme, &other).await.unwrap();
    sealed.purge(&foreign.key.partner, &job).await.unwrap();
}
