//! The store against a real directory, a full disk and an S3-compatible server.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic in a test is the report")]

mod contract;
mod local;
mod local_objects;
mod objects;
mod s3;
mod s3_services;
mod settings;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::id::JobId;
use sealpost_core::port::SecretStore;
use sealpost_core::sealed::{SealedFile, SealedKey};
use sealpost_core::secret::{Secret, SecretRef};
use sealpost_store::SealedStore;
use sealpost_testkit::suite::transport;

/// Knows one secret.
struct Secrets;

#[async_trait]
impl SecretStore for Secrets {
    async fn resolve(&self, reference: &SecretRef) -> Result<Secret> {
        match reference.rest() {
            "S3_SECRET" => Ok(Secret::new(b"very-secret\n".to_vec())),
            other => Err(Error::new(&codes::secrets::REFERENCE, format!("no secret {other}"))),
        }
    }
}

pub(crate) fn secrets() -> Arc<dyn SecretStore> {
    Arc::new(Secrets)
}

pub(crate) fn key(partner: &str, job: &JobId, attempt: u32, name: &str) -> SealedKey {
    SealedKey { partner: partner.parse().unwrap(), job: job.clone(), attempt, file_name: name.parse().unwrap() }
}

/// Bytes without a pattern that a wrong offset could hide in. However many, they begin alike: the most that were asked for are
/// kept, since making them takes as long as many a test.
pub(crate) fn noise(len: usize) -> Bytes {
    static MOST: Mutex<Bytes> = Mutex::new(Bytes::new());
    let mut most = MOST.lock().unwrap();
    if most.len() < len {
        *most = transport::noise(len, 1).into();
    }
    most.slice(..len)
}

/// Stores `bytes` in pieces of an odd size.
pub(crate) async fn store(store: &SealedStore, key: SealedKey, bytes: &Bytes) -> Result<SealedFile> {
    let mut upload = store.create(key).await?;
    for piece in bytes.chunks(300_007) {
        upload.write(bytes.slice_ref(piece)).await?;
    }
    upload.finish().await
}
