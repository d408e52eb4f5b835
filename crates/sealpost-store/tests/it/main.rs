//! The store against a real directory, a full disk and an S3-compatible server.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic in a test is the report")]

mod contract;
mod local;
mod local_objects;
mod objects;
mod s3;
mod s3_services;
mod settings;

use async_trait::async_trait;
use bytes::Bytes;
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::id::JobId;
use sealpost_core::port::SecretStore;
use sealpost_core::sealed::{SealedFile, SealedKey};
use sealpost_core::secret::{Secret, SecretRef};
use sealpost_store::SealedStore;

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

pub(crate) fn secrets() -> std::sync::Arc<dyn SecretStore> {
    std::sync::Arc::new(Secrets)
}

pub(crate) fn key(partner: &str, job: &JobId, attempt: u32, name: &str) -> SealedKey {
    SealedKey { partner: partner.parse().unwrap(), job: job.clone(), attempt, file_name: name.parse().unwrap() }
}

/// Bytes without a pattern that a wrong offset could hide in.
pub(crate) fn noise(len: usize) -> Bytes {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.flatten().take(len).collect()
}

/// Stores `bytes` in pieces of an odd size.
pub(crate) async fn store(store: &SealedStore, key: SealedKey, bytes: &Bytes) -> Result<SealedFile> {
    let mut upload = store.create(key).await?;
    for piece in bytes.chunks(300_007) {
        upload.write(bytes.slice_ref(piece)).await?;
    }
    upload.finish().await
}
