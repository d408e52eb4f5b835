//! What S3 does besides keeping bytes: encryption with keys, checksums, links; and what it does when it is busy.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use sealpost_core::Result;
use sealpost_core::error::codes;
use sealpost_core::id::JobId;
use sealpost_core::port::{SealedReader, SecretStore};
use sealpost_core::secret::{Secret, SecretRef};
use sealpost_store::{SealedStore, StoreSettings};
use sealpost_testkit::aws_proxy::{AwsFault, AwsProxy};
use sealpost_testkit::moto::Moto;
use serde_json::{Value, json};

use crate::s3::moto;
use crate::{key, noise, secrets, store};

async fn open(endpoint: &str, bucket: &str, more: Value, secrets: &Arc<dyn SecretStore>) -> Result<SealedStore> {
    let mut settings = json!({
        "kind": "s3", "bucket": bucket, "endpoint": endpoint, "region": "us-east-1", "allow_http": true, "timeout_s": 30,
    });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let settings: StoreSettings = serde_json::from_value(settings).unwrap();
    SealedStore::open(&settings, secrets).await
}

fn keys(more: Value) -> Value {
    let mut keys = json!({"access_key_id": "id", "secret_access_key": "env:S3_SECRET"});
    keys.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    keys
}

async fn head(moto: &Moto, bucket: &str, path: &str) -> reqwest::header::HeaderMap {
    let url = format!("{}/{bucket}/{path}", moto.endpoint());
    // moto looks whether there is a signature, and not at it.
    let signed = "AWS4-HMAC-SHA256 Credential=id/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";
    let answer = reqwest::Client::new().head(url).header("authorization", signed).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());
    answer.headers().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_encrypted_with_the_key_whichever_checksum_goes_along() {
    let (moto, bucket) = moto();
    let kms = "arn:aws:kms:us-east-1:123456789012:key/0b8e";
    for checksum in ["sha256", "crc64nvme", "none"] {
        let more = keys(json!({"kms_key_id": kms, "checksum": checksum}));
        let sealed = open(&moto.endpoint(), &bucket, more, &secrets()).await.unwrap();
        // One put, and several parts.
        for size in [1000, 9 << 20] {
            let job = JobId::fresh();
            let bytes = noise(size);
            let file = store(&sealed, key("acme", &job, 1, "f.pgp"), &bytes).await.unwrap();
            let headers = head(&moto, &bucket, &format!("acme/{job}-1/f.pgp")).await;
            assert_eq!(headers["x-amz-server-side-encryption"], "aws:kms", "{headers:?}");
            assert_eq!(headers["x-amz-server-side-encryption-aws-kms-key-id"], kms);
            let object = sealed.reader(&file).await.unwrap();
            assert!(object.read(0, size).await.unwrap() == bytes);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_gives_the_bytes_under_the_files_name_to_whoever_has_it() {
    let (moto, bucket) = moto();
    let sealed = open(&moto.endpoint(), &bucket, keys(json!({"prefix": "p"})), &secrets()).await.unwrap();
    let bytes = noise(100_000);
    let file = store(&sealed, key("acme", &JobId::fresh(), 1, "f.pgp"), &bytes).await.unwrap();
    let object = sealed.reader(&file).await.unwrap();
    let disposition = "attachment; filename=\"B_gel.pgp\"; filename*=UTF-8''B%C3%BCgel.pgp";
    let link = object.link(Duration::from_secs(60), "application/octet-stream", disposition).await.unwrap().unwrap();
    assert!(link.contains("X-Amz-Expires=60") && !link.contains("very-secret"), "{link}");
    let client = reqwest::Client::new();
    let answer = client.get(&link).send().await.unwrap();
    // moto does not apply what it is asked to answer with.
    assert!(link.contains("response-content-type=application%2Foctet-stream"), "{link}");
    assert!(link.contains("response-content-disposition=attachment%3B%20filename%3D%22B_gel.pgp%22"), "{link}");
    assert_eq!(answer.status().as_u16(), 200);
    assert!(answer.bytes().await.unwrap() == bytes);
    let part = client.get(&link).header("range", "bytes=5-9").send().await.unwrap();
    assert!((part.status().as_u16(), part.bytes().await.unwrap()) == (206, bytes.slice(5..10)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_store_is_asked_again_within_bounds() {
    let (moto, bucket) = moto();
    let proxy = AwsProxy::before(moto.address());
    let sealed = open(&proxy.endpoint(), &bucket, keys(json!({})), &secrets()).await.unwrap();
    let slow = "<?xml version=\"1.0\"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";
    let fault = |action, every| AwsFault { action, every, status: 503, body: slow, after: false };
    let actions = ["s3:PutObject", "s3:GetObject"];
    proxy.fault(&actions.map(|action| fault(action, 2)));
    let bytes = noise(20 << 20);
    for size in [1000, bytes.len()] {
        let job = JobId::fresh();
        let file = store(&sealed, key("acme", &job, 1, "f.pgp"), &bytes.slice(..size)).await.unwrap();
        let object = sealed.reader(&file).await.unwrap();
        assert!(object.read(0, size).await.unwrap() == bytes.slice(..size));
    }
    assert!(proxy.faults() >= 4, "{}", proxy.faults());
    // Always busy: it comes to an end, and the job is tried again later.
    proxy.fault(&actions.map(|action| fault(action, 1)));
    let error = store(&sealed, key("acme", &JobId::fresh(), 1, "f.pgp"), &bytes.slice(..10)).await.unwrap_err();
    assert!(error.is(&codes::store::UNREACHABLE) && error.is_retried(), "{error}");
}

/// A final error would end a report for good, though its object may well be there.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_of_which_nobody_can_say_what_became_is_tried_again() {
    let (moto, bucket) = moto();
    let proxy = AwsProxy::before(moto.address());
    let sealed = open(&proxy.endpoint(), &bucket, keys(json!({})), &secrets()).await.unwrap();
    let mut uploads = Vec::new();
    for _ in 0..2 {
        let mut upload = sealed.create(key("acme", &JobId::fresh(), 1, "f.pgp")).await.unwrap();
        upload.write(noise(1000)).await.unwrap();
        uploads.push(upload);
    }
    let (first, second) = (uploads.remove(0), uploads.remove(0));
    // The answer to the second put is lost, its repeat is told that the name is taken, and whose object has it can't be asked.
    proxy.fault(&[
        AwsFault { action: "s3:PutObject", every: 2, status: 500, body: "", after: true },
        AwsFault { action: "s3:GetObject", every: 1, status: 503, body: "", after: false },
    ]);
    first.finish().await.unwrap();
    let error = second.finish().await.unwrap_err();
    assert!(error.is(&codes::store::UNREACHABLE) && error.is_retried(), "{error}");
    assert_eq!(moto.keys(&bucket).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_another_request_gets_in_the_way_of_is_tried_again() {
    let (moto, bucket) = moto();
    let proxy = AwsProxy::before(moto.address());
    let sealed = open(&proxy.endpoint(), &bucket, keys(json!({})), &secrets()).await.unwrap();
    let conflict = "<?xml version=\"1.0\"?><Error><Code>ConditionalRequestConflict</Code></Error>";
    let ended = "<?xml version=\"1.0\"?><Error><Code>NoSuchUpload</Code></Error>";
    // A single put; and the first part of an upload that has just begun.
    for (size, every, status, body) in [(1000, 1, 409, conflict), (9 << 20, 2, 404, ended)] {
        proxy.fault(&[AwsFault { action: "s3:PutObject", every, status, body, after: false }]);
        let error = store(&sealed, key("acme", &JobId::fresh(), 1, "f.pgp"), &noise(size)).await.unwrap_err();
        assert!(error.is(&codes::store::UNREACHABLE) && error.is_retried(), "{error}");
    }
    assert_eq!(moto.keys(&bucket), [""; 0]);
}

/// The address, its port and the path have digits and words, too.
#[tokio::test(flavor = "multi_thread")]
async fn only_the_answer_says_that_a_store_is_full() {
    let (moto, bucket) = moto();
    let proxy = AwsProxy::before(moto.address());
    let sealed = open(&proxy.endpoint(), &bucket, keys(json!({})), &secrets()).await.unwrap();
    let full = "<?xml version=\"1.0\"?><Error><Code>XMinioStorageFull</Code></Error>";
    for (status, body, code) in [
        (503, "", &codes::store::UNREACHABLE),
        (403, "", &codes::store::DENIED),
        (507, "", &codes::store::FULL),
        (503, full, &codes::store::FULL),
    ] {
        proxy.fault(&[AwsFault { action: "s3:PutObject", every: 1, status, body, after: false }]);
        let key = key("acme", &JobId::fresh(), 1, "507-InsufficientStorage-ExpiredToken.pgp");
        let error = store(&sealed, key, &noise(1000)).await.unwrap_err();
        assert!(error.is(code), "{status} {body}: {error}");
    }
}

/// A store that keeps what it gave until it is told that it is stale, as remote ones do.
#[derive(Default)]
struct Keeping {
    value: Mutex<String>,
    kept: Mutex<Option<String>>,
}

#[async_trait]
impl SecretStore for Keeping {
    async fn resolve(&self, _reference: &SecretRef) -> Result<Secret> {
        let value = self.value.lock().unwrap().clone();
        let kept = self.kept.lock().unwrap().get_or_insert(value).clone();
        Ok(Secret::new(kept.into_bytes()))
    }

    async fn stale(&self, _reference: &SecretRef) {
        *self.kept.lock().unwrap() = None;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_credentials_are_taken_up_without_a_failed_upload() {
    // Those that begin before it verifies: a bucket, and two users with keys.
    let moto = Moto::enforcing_after(7);
    moto.create_bucket("sealed");
    let all = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]});
    let pair = |name: &str| {
        let (id, secret) = moto.user_with(name, &all);
        json!({"access_key": id, "secret_key": secret, "security_token": null}).to_string()
    };
    let (old, new) = (pair("old"), pair("new"));
    let keeping = Arc::new(Keeping::default());
    *keeping.value.lock().unwrap() = old.clone();
    let secrets: Arc<dyn SecretStore> = keeping.clone();
    let more = json!({"credentials": "vault:aws/creds/store"});
    let sealed = open(&moto.endpoint(), "sealed", more.clone(), &secrets).await.unwrap();
    let bytes = noise(1000);
    let file = store(&sealed, key("acme", &JobId::fresh(), 1, "f.pgp"), &bytes).await.unwrap();
    // The kept key is one that nobody knows any more.
    *keeping.kept.lock().unwrap() = Some(old.replace("\"access_key\":\"", "\"access_key\":\"GONE"));
    *keeping.value.lock().unwrap() = new.clone();
    store(&sealed, key("acme", &JobId::fresh(), 1, "f.pgp"), &bytes).await.unwrap();
    *keeping.kept.lock().unwrap() = Some(new.replace("\"access_key\":\"", "\"access_key\":\"GONE"));
    sealed.reader(&file).await.unwrap();

    *keeping.value.lock().unwrap() = "hunter2-canary".to_owned();
    keeping.stale(&"vault:x".parse().unwrap()).await;
    let error = open(&moto.endpoint(), "sealed", more, &secrets).await.unwrap_err();
    assert!(error.is(&codes::store::CONFIG) && !format!("{error:?}").contains("canary"), "{error:?}");
}
