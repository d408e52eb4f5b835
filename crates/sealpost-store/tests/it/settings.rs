//! The `store` block: what is accepted, and what is refused with which words.

use sealpost_core::error::codes;
use sealpost_store::{SealedStore, StoreSettings};
use serde_json::json;

fn parse(value: serde_json::Value) -> Result<StoreSettings, serde_json::Error> {
    serde_json::from_value(value)
}

#[test]
fn both_kinds_are_read_and_written_back() {
    let local = json!({"kind": "local", "path": "/var/lib/sealpost", "bucket": "reports"});
    assert_eq!(serde_json::to_value(parse(local.clone()).unwrap()).unwrap(), local);
    let StoreSettings::Local(usual) = parse(json!({"kind": "local", "path": "/x"})).unwrap() else { panic!("local") };
    assert_eq!(usual.bucket, "sealpost");
    let s3 = parse(json!({"kind": "s3", "bucket": "b", "secret_access_key": "env:X", "access_key_id": "i"})).unwrap();
    assert_eq!(parse(serde_json::to_value(&s3).unwrap()).unwrap(), s3);
}

#[test]
fn unknown_and_missing_members_are_refused() {
    let error = parse(json!({"kind": "local", "path": "/x", "prefix": "p"})).unwrap_err();
    assert!(error.to_string().contains("prefix"), "{error}");
    assert!(parse(json!({"kind": "s3"})).unwrap_err().to_string().contains("bucket"));
    assert!(parse(json!({"kind": "ftp"})).unwrap_err().to_string().contains("ftp"));
    let error = parse(json!({"kind": "s3", "bucket": "b", "secret_access_key": "hunter2"})).unwrap_err();
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_when_the_store_is_opened() {
    for (settings, word) in [
        (json!({"kind": "s3", "bucket": "b", "access_key_id": "i"}), "secret_access_key"),
        (json!({"kind": "s3", "bucket": "b", "endpoint": "http://x"}), "allow_http"),
        (json!({"kind": "s3", "bucket": "a/b"}), "bucket"),
        (json!({"kind": "s3", "bucket": "b", "prefix": "a/../b"}), "prefix"),
        (json!({"kind": "s3", "bucket": "b", "ca_file": "/nowhere.pem"}), "ca_file"),
        (json!({"kind": "local", "path": ""}), "path"),
        (json!({"kind": "local", "path": "/x", "bucket": "a/b"}), "bucket"),
    ] {
        let error = SealedStore::open(&parse(settings).unwrap(), &crate::secrets()).await.unwrap_err();
        assert!(error.is(&codes::store::CONFIG), "{error}");
        assert!(error.to_string().contains(word), "{error}");
    }
}
