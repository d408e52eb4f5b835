//! The S3 store against moto, and through a faulty network.

use std::time::{Duration, Instant};

use futures::StreamExt;
use sealpost_core::error::codes;
use sealpost_core::id::JobId;
use sealpost_core::port::SealedReader;
use sealpost_store::{S3Settings, SealedStore, StoreSettings};
use sealpost_testkit::chaos::{Chaos, ChaosProxy};
use sealpost_testkit::moto::Moto;

use crate::{contract, key, noise, objects, store};

fn settings(endpoint: &str, bucket: &str, prefix: &str) -> S3Settings {
    let settings = serde_json::json!({
        "bucket": bucket, "prefix": prefix, "endpoint": endpoint, "region": "us-east-1", "allow_http": true,
        "access_key_id": "id", "secret_access_key": "env:S3_SECRET", "timeout_s": 30,
    });
    serde_json::from_value(settings).unwrap()
}

async fn open(settings: S3Settings) -> SealedStore {
    SealedStore::open(&StoreSettings::S3(Box::new(settings)), &crate::secrets()).await.unwrap()
}

/// The server that many tests share, and a bucket for this one.
pub(crate) fn moto() -> (Moto, String) {
    let moto = Moto::lasting();
    let bucket = moto.bucket();
    (moto, bucket)
}

/// A server of the test's own: for limits of a second or two, which the work of other tests must not use up.
fn own() -> (Moto, String) {
    let moto = Moto::start();
    let bucket = moto.bucket();
    (moto, bucket)
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract_and_leaves_nothing() {
    let (moto, bucket) = moto();
    contract::holds(&open(settings(&moto.endpoint(), &bucket, "")).await, contract::Finish::InTurn).await;
    assert_eq!(moto.keys(&bucket), [""; 0]);
    assert_eq!(moto.pending_uploads(&bucket), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_lies_below_the_prefix() {
    let (moto, bucket) = moto();
    let sealed = open(settings(&moto.endpoint(), &bucket, "/reports/eu/")).await;
    let job = JobId::fresh();
    let file = store(&sealed, key("acme", &job, 1, "f.csv.pgp"), &noise(9 << 20)).await.unwrap();
    assert_eq!(moto.keys(&bucket), [format!("reports/eu/acme/{job}-1/f.csv.pgp")]);
    assert_eq!(sealed.purge(&file.key.partner, &job).await.unwrap(), 1);
    assert_eq!(moto.keys(&bucket), [""; 0]);
    sealed.check().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_upload_is_aborted() {
    let (moto, bucket) = moto();
    let sealed = open(settings(&moto.endpoint(), &bucket, "")).await;
    let mut upload = sealed.create(key("acme", &JobId::fresh(), 1, "f.csv.pgp")).await.unwrap();
    upload.write(noise(20 << 20)).await.unwrap();
    assert_eq!(moto.pending_uploads(&bucket).len(), 1);
    drop(upload);
    for _ in 0..200 {
        if moto.pending_uploads(&bucket).is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(moto.pending_uploads(&bucket), [""; 0]);
    assert_eq!(moto.keys(&bucket), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_aborts_what_a_killed_process_began() {
    let (moto, bucket) = moto();
    let sealed = open(settings(&moto.endpoint(), &bucket, "p")).await;
    let (job, other) = (JobId::fresh(), JobId::fresh());
    for job in [&job, &other] {
        let mut upload = sealed.create(key("acme", job, 1, "f.csv.pgp")).await.unwrap();
        upload.write(noise(9 << 20)).await.unwrap();
        std::mem::forget(upload);
    }
    assert_eq!(sealed.purge(&"acme".parse().unwrap(), &job).await.unwrap(), 0);
    assert_eq!(moto.pending_uploads(&bucket), [format!("p/acme/{other}-1/f.csv.pgp")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overwritten_object_is_told_even_at_the_same_size() {
    let (moto, bucket) = moto();
    let sealed = open(settings(&moto.endpoint(), &bucket, "")).await;
    let job = JobId::fresh();
    let file = store(&sealed, key("acme", &job, 1, "f.csv.pgp"), &noise(0)).await.unwrap();
    let object = sealed.reader(&file).await.unwrap();
    assert_eq!(object.read(0, 0).await.unwrap().len(), 0);

    let job = JobId::fresh();
    let file = store(&sealed, key("acme", &job, 1, "f.csv.pgp"), &noise(1000)).await.unwrap();
    let object = sealed.reader(&file).await.unwrap();
    sealed.purge(&file.key.partner, &job).await.unwrap();
    let mut upload = sealed.create(file.key.clone()).await.unwrap();
    upload.write(vec![0; 1000].into()).await.unwrap();
    upload.finish().await.unwrap();
    assert!(object.read(0, 1000).await.unwrap_err().is(&codes::store::CHANGED));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_bucket_is_a_matter_of_configuration() {
    // On the server that is shared nobody makes one of this name.
    let sealed = open(settings(&Moto::lasting().endpoint(), "sealed", "")).await;
    let error = sealed.check().await.unwrap_err();
    assert!(error.is(&codes::store::CONFIG), "{error}");
    assert!(error.to_string().contains("bucket"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_does_not_answer_is_given_up_in_time() {
    let (moto, bucket) = own();
    let proxy = ChaosProxy::start(moto.address());
    let endpoint = format!("http://{}", proxy.address());
    let patient = open(settings(&endpoint, &bucket, "")).await;
    let file = store(&patient, key("acme", &JobId::fresh(), 1, "f.csv.pgp"), &noise(10)).await.unwrap();
    let sealed = open(S3Settings { timeout_s: 1, ..settings(&endpoint, &bucket, "") }).await;
    for chaos in [Chaos::Stall, Chaos::Refuse, Chaos::Reset] {
        proxy.set(chaos);
        let error = tokio::time::timeout(Duration::from_secs(60), sealed.reader(&file)).await.unwrap().unwrap_err();
        assert!(error.is(&codes::store::UNREACHABLE) && error.is_retried(), "{chaos:?}: {error}");
        assert!(!error.to_string().contains("very-secret"));
        proxy.heal();
    }
    // It is as good as before; on a busy machine an answer may take longer than its second once or twice.
    let begun = Instant::now();
    while let Err(error) = sealed.reader(&file).await {
        assert!(error.is(&codes::store::UNREACHABLE) && begun.elapsed() < Duration::from_secs(60), "{error}");
    }
}

/// The step that is read ahead is not asked for while the one before is on its way to the client.
#[tokio::test(flavor = "multi_thread")]
async fn a_download_may_take_longer_than_a_request() {
    let (moto, bucket) = own();
    let bytes = noise(5 << 20);
    let patient = open(settings(&moto.endpoint(), &bucket, "")).await;
    let file = store(&patient, key("acme", &JobId::fresh(), 1, "f.csv.pgp"), &bytes).await.unwrap();
    let sealed = open(S3Settings { timeout_s: 5, ..settings(&moto.endpoint(), &bucket, "") }).await;
    let object = sealed.reader(&file).await.unwrap();
    let mut steps = Box::pin(object.stream(0..u64::MAX));
    let mut read = steps.next().await.unwrap().unwrap().to_vec();
    // Longer than the requests and all of their retries may take.
    tokio::time::sleep(Duration::from_secs(12)).await;
    while let Some(step) = steps.next().await {
        read.extend_from_slice(&step.unwrap());
    }
    assert!(read == bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_survives_connections_that_break() {
    let (moto, bucket) = moto();
    let proxy = ChaosProxy::start(moto.address());
    let sealed = open(settings(&format!("http://{}", proxy.address()), &bucket, "")).await;
    let bytes = noise(30 << 20);
    let mut upload = sealed.create(key("acme", &JobId::fresh(), 1, "f.csv.pgp")).await.unwrap();
    upload.write(bytes.slice(..20 << 20)).await.unwrap();
    // Every connection breaks in the middle of a part, until it is healed.
    proxy.set(Chaos::ResetUpload(1 << 20));
    let (healed, ()) = tokio::join!(
        async {
            upload.write(bytes.slice(20 << 20..)).await?;
            upload.finish().await
        },
        async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            proxy.heal();
        }
    );
    let file = healed.unwrap();
    let object = sealed.reader(&file).await.unwrap();
    assert!(object.read(0, bytes.len()).await.unwrap() == bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_no_failure() {
    let (moto, bucket) = moto();
    let proxy = ChaosProxy::start(moto.address());
    let sealed = open(settings(&format!("http://{}", proxy.address()), &bucket, "")).await;
    let bytes = noise(1000);
    let mut upload = sealed.create(key("acme", &JobId::fresh(), 1, "f.csv.pgp")).await.unwrap();
    upload.write(bytes.clone()).await.unwrap();
    // The put arrives, its answer does not.
    proxy.set(Chaos::ResetDownload(1));
    let arrived = async {
        while moto.keys(&bucket).is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        proxy.heal();
    };
    let (file, ()) = tokio::join!(upload.finish(), arrived);
    let object = sealed.reader(&file.unwrap()).await.unwrap();
    assert!(object.read(0, 1000).await.unwrap() == bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_keep_the_contract() {
    let (moto, bucket) = moto();
    let sealed = open(settings(&moto.endpoint(), &bucket, "")).await;
    assert_eq!(sealed.bucket(), bucket);
    objects::hold(&sealed, &format!("/{bucket}")).await;
    // Uploads that were dropped are aborted by a task of the runtime.
    for _ in 0..200 {
        if moto.pending_uploads(&bucket).is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(moto.pending_uploads(&bucket), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_outside_the_prefix_are_out_of_reach() {
    let (moto, bucket) = moto();
    let root = format!("/{bucket}");
    let whole = open(settings(&moto.endpoint(), &bucket, "")).await;
    for key in ["reports/eu-2/f", "reports/f", "in/f"] {
        objects::put(&whole, &objects::path(&root, key), 10).await.unwrap();
    }
    let sealed = open(settings(&moto.endpoint(), &bucket, "reports/eu")).await;
    let below = format!("{root}/reports/eu");
    objects::hold(&sealed, &below).await;
    assert!(sealed.is_root(&below.parse().unwrap()) && !sealed.is_root(&root.parse().unwrap()));
    for key in ["reports/eu-2/f", "reports/f", "in/f", "reports/eu"] {
        let path = objects::path(&root, key);
        let error = sealed.open_object(&path).await.unwrap_err();
        assert!(error.is(&codes::store::MISSING) && error.detail().contains("`reports/eu/`"), "{error}");
        let error = sealed.put_object(&path).await.unwrap_err();
        assert!(error.is(&codes::store::MISSING), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_read_while_it_is_replaced_is_told() {
    let (moto, bucket) = moto();
    let sealed = open(settings(&moto.endpoint(), &bucket, "")).await;
    let path = objects::path(&format!("/{bucket}"), "in/f");
    objects::put(&sealed, &path, 1000).await.unwrap();
    let object = sealed.open_object(&path).await.unwrap();
    objects::put(&sealed, &path, 2000).await.unwrap();
    assert!(object.read(0, 1000).await.unwrap_err().is(&codes::store::CHANGED));
}
