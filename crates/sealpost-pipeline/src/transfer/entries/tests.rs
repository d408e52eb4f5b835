//! Servers that list what would cost our memory or fill the store.

use std::sync::Arc;

use sealpost_core::connector::ConnectorSettings;
use sealpost_core::id::ConnectorId;
use sealpost_store::{LocalSettings, SealedStore, StoreSettings};
use sha2::{Digest, Sha256};

use super::*;
use crate::breaker::Breakers;

fn entry(path: String, is_directory: bool) -> RemoteEntry {
    RemoteEntry { path, is_directory, size: Some(1), modified: None }
}

/// What a listing of at most `most` bytes says when it is given these entries, and the size of its file.
async fn listed(most: u64, entries: impl Iterator<Item = RemoteEntry>) -> Result<u64> {
    let folder = tempfile::tempdir().expect("a folder");
    let secrets: std::sync::Arc<dyn sealpost_core::port::SecretStore> =
        std::sync::Arc::new(sealpost_secrets::SecretStores::new(folder.path()));
    let settings = StoreSettings::Local(LocalSettings::new(folder.path().join("store")));
    let store = SealedStore::open(&settings, &secrets).await.expect("a store");
    let upload = store.put_object(&"/sealpost/lists/a".parse().expect("a path")).await.expect("an upload");
    let settings = ConnectorSettings::new("h", 22, "u");
    let passage = Arc::new(Breakers::default()).enter(&ConnectorId::fresh(), &settings).expect("closed");
    let progress = Progress::default();
    let mut file = ListingFile::new(upload, &passage, &progress, most);
    for entry in entries {
        file.entry(entry).await?;
    }
    Ok(file.finish(false).await?.size)
}

/// Letters that don't compress well.
fn noise(number: u32, len: usize) -> String {
    let mut text = String::with_capacity(len + 64);
    let mut digest = Sha256::digest(number.to_be_bytes());
    while text.len() < len {
        text.extend(digest.iter().map(|byte| char::from(b'!' + byte % 90)));
        digest = Sha256::digest(digest);
    }
    text.truncate(len);
    text
}

#[tokio::test]
async fn a_name_longer_than_any_is_refused() {
    for is_directory in [false, true] {
        listed(LARGEST, [entry("x".repeat(LONGEST_PATH), is_directory)].into_iter()).await.expect("as long as may be");
        let error = listed(LARGEST, [entry("x".repeat(LONGEST_PATH + 1), is_directory)].into_iter()).await;
        assert!(error.expect_err("too long").is(&codes::deliver::PROTOCOL));
    }
}

#[tokio::test]
async fn a_listing_has_a_largest_size() {
    for is_directory in [false, true] {
        let entries = |count| (0..count).map(move |number| entry(format!("/a/{number:090}"), is_directory));
        let size = listed(100_000, entries(500)).await.expect("it fits");
        assert!((50_000..100_000).contains(&size), "{size}");
        let error = listed(100_000, entries(2_000)).await.expect_err("too large");
        assert!(error.is(&codes::deliver::TOO_LARGE) && error.detail().contains("100000"), "{error}");
    }
}

#[tokio::test]
async fn directories_that_wait_have_a_limit() {
    let many = (0..20_000).map(|number| entry(noise(number, LONGEST_PATH), true));
    let error = listed(LARGEST, many).await.expect_err("too many");
    assert!(error.is(&codes::deliver::TOO_LARGE) && error.detail().contains("compressed"), "{error}");
}
