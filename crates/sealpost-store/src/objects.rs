//! Objects by path: what the transfer API reads and writes, anywhere below the store's root.

use bytes::Bytes;
use object_store::path::Path;
use object_store::{GetOptions, ObjectStore};
use sealpost_core::error::{Code, Error, Result, codes};
use sealpost_core::id::JobId;
use sealpost_core::object::ObjectPath;
use sealpost_core::port::SealedReader;

use crate::fault::{self, Intent};
use crate::object::{self, SealedObject};
use crate::upload::Writer;
use crate::{Backend, SealedStore, local, s3};

/// What the first part of our own folders' names begins with.
const RESERVED: &str = ".sealpost-";

impl SealedStore {
    /// The bucket's name, as paths of the transfer API have it: S3's own, or the local store's `bucket`.
    #[must_use]
    pub fn bucket(&self) -> &str {
        match &self.backend {
            Backend::Local(folder) => &folder.bucket,
            Backend::S3(bucket) => &bucket.bucket,
        }
    }

    /// Opens any object below the store's root. On S3 its key includes the configured prefix; other keys of the bucket
    /// are out of reach.
    ///
    /// # Errors
    /// `SP-STORE-004` where there is none: also for another bucket, a folder, and our own folders. `SP-STORE-005` where
    /// the path leads through a symbolic link. `SP-STORE-001` as the store answers.
    pub async fn open_object(&self, path: &ObjectPath) -> Result<SealedObject> {
        let key = self.key_to_read(path)?;
        match &self.backend {
            Backend::Local(folder) => match folder.open_object(key).await? {
                Some(file) => object::of_file(file, &format!("read {path}")),
                None => Err(missing(path, "there is no such object")),
            },
            Backend::S3(bucket) => object::of_s3(bucket, location(path)?, format!("read {path}")).await,
        }
    }

    /// The size of an object; `None` where there is none.
    ///
    /// # Errors
    /// As [`open_object`](Self::open_object), but for an object that does not exist.
    pub async fn head_object(&self, path: &ObjectPath) -> Result<Option<u64>> {
        let key = self.key_to_read(path)?;
        match &self.backend {
            Backend::Local(folder) => {
                let Some(file) = folder.open_object(key).await? else { return Ok(None) };
                Ok(Some(object::of_file(file, &format!("read {path}"))?.size()))
            }
            Backend::S3(bucket) => {
                let head = GetOptions { head: true, ..GetOptions::default() };
                match bucket.objects.get_opts(&location(path)?, head).await {
                    Ok(found) => Ok(Some(found.meta.size)),
                    Err(object_store::Error::NotFound { .. }) => Ok(None),
                    Err(error) => Err(fault::of_store(error, &format!("look at {path}"), Intent::Read)),
                }
            }
        }
    }

    /// Begins an object, which takes the place of one that has the key already: streamed, visible in one step by
    /// [`ObjectUpload::finish`] and durable then. Memory: at most 1 MiB for a local store, 24 MiB for S3
    /// unless more is [expected](ObjectUpload::expect).
    ///
    /// What a killed process leaves is never visible. A local store removes it when it is opened and when a further
    /// object is begun; in S3 a lifecycle rule (`AbortIncompleteMultipartUpload`) does.
    ///
    /// # Errors
    /// `SP-STORE-005` for a place that is not written to by path: the root, a report's folder (`{partner}/rep_…-n`), our own
    /// folders and staging names, in a local store also a path through a symbolic link or a file. `SP-STORE-004` for
    /// another bucket or a key outside the prefix, `SP-STORE-008` for a path without a key. `SP-STORE-001`, `-002`, `-009`
    /// as the store answers.
    pub async fn put_object(&self, path: &ObjectPath) -> Result<ObjectUpload> {
        if path.key().is_empty() {
            return Err(Error::new(&codes::store::NAME, format!("{path} is the bucket; an object needs a key")));
        }
        let key = self.key(path)?;
        if let Some(why) = read_only(key) {
            return Err(Error::new(&codes::store::DENIED, format!("{path} can't be written to: {why}")));
        }
        let writer = match &self.backend {
            Backend::Local(folder) => Writer::Local(local::LocalUpload::replace(folder, key).await?),
            Backend::S3(bucket) => Writer::S3(s3::S3Upload::replace(bucket, location(path)?)),
        };
        Ok(ObjectUpload { path: path.clone(), size: 0, writer })
    }

    /// Whether the path is the store's root, below which every object needs a folder to be written to.
    #[must_use]
    pub fn is_root(&self, path: &ObjectPath) -> bool {
        let prefix = match &self.backend {
            Backend::Local(_) => "",
            Backend::S3(bucket) => bucket.prefix.as_str(),
        };
        path.bucket() == self.bucket() && path.key() == prefix
    }

    /// The key below the store's root.
    fn key<'p>(&self, path: &'p ObjectPath) -> Result<&'p str> {
        if path.bucket() != self.bucket() {
            return Err(missing(path, &format!("the store has the bucket `{}` and no other", self.bucket())));
        }
        match &self.backend {
            Backend::S3(bucket) if !bucket.prefix.is_empty() => path
                .key()
                .strip_prefix(bucket.prefix.as_str())
                .and_then(|rest| rest.strip_prefix('/'))
                .ok_or_else(|| missing(path, &format!("keys of this store begin with `{}/`", bucket.prefix))),
            _ => Ok(path.key()),
        }
    }

    /// The same, for objects that can be there.
    fn key_to_read<'p>(&self, path: &'p ObjectPath) -> Result<&'p str> {
        let key = self.key(path)?;
        if key.is_empty() {
            return Err(missing(path, "it names no object"));
        }
        if is_ours(key) {
            return Err(missing(path, "the name is one of the store's own"));
        }
        Ok(key)
    }
}

/// The whole key, as `object_store` takes it: letters stay as they are.
fn location(path: &ObjectPath) -> Result<Path> {
    Path::parse(path.key()).map_err(|error| Error::new(&codes::store::NAME, format!("{path}: {error}")))
}

fn missing(path: &ObjectPath, why: &str) -> Error {
    let code: &'static Code = &codes::store::MISSING;
    Error::new(code, format!("{path}: {why}"))
}

/// Why nothing is written to a key, if so.
fn read_only(key: &str) -> Option<&'static str> {
    if is_ours(key) {
        return Some("the name is one of the store's own");
    }
    // The names at the root are the partners': a file there would keep that partner's reports from being stored.
    if !key.contains('/') {
        return Some("an object needs a folder, as in `/bucket/folder/name`; names at the root are partners' folders");
    }
    let attempt = key.split('/').nth(1).and_then(|part| part.rsplit_once('-'));
    let is_attempt = attempt.is_some_and(|(job, number)| {
        job.parse::<JobId>().is_ok() && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    });
    is_attempt.then_some("reports are never changed")
}

fn is_ours(key: &str) -> bool {
    let name = key.rsplit('/').next().unwrap_or_default();
    key.starts_with(RESERVED) || local::is_staging(name)
}

/// An object on its way into the store. Dropped without [`finish`](Self::finish), nothing becomes visible, and an object
/// that has the key stays as it is.
#[derive(Debug)]
pub struct ObjectUpload {
    path: ObjectPath,
    size: u64,
    writer: Writer,
}

/// An object that was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredObject {
    /// Where.
    pub path: ObjectPath,
    /// Bytes.
    pub size: u64,
    /// The SHA-256 of its bytes, in hexadecimal digits.
    pub sha256: String,
}

impl ObjectUpload {
    /// Where the object will be.
    #[must_use]
    pub fn path(&self) -> &ObjectPath {
        &self.path
    }

    /// Bytes taken so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Says how many bytes will come at most, before the first of them. Without it an S3 store takes 78 GiB. Memory grows
    /// with it: up to 192 MiB for the largest object of an S3 store.
    ///
    /// # Errors
    /// `SP-STORE-010` for more than [`largest`](Self::largest).
    pub fn expect(&mut self, size: u64) -> Result<()> {
        self.writer.expect(size)
    }

    /// Most bytes that can be [expected](Self::expect): 625 GiB in S3, no limit of ours in a local store.
    #[must_use]
    pub fn largest(&self) -> u64 {
        match &self.writer {
            Writer::Local(_) => u64::MAX,
            Writer::S3(_) => s3::LARGEST,
        }
    }

    /// Says, before the first bytes, that their SHA-256 will be told at the end, by [`finish_with`](Self::finish_with): who
    /// encrypts has it for less.
    pub fn expect_sha256(&mut self) {
        self.writer.expect_sha256();
    }

    /// Takes the next bytes. It waits while the store is slower than the writer.
    ///
    /// # Errors
    /// `SP-STORE-001`, `-002`, `-005`. After an error the upload can only be dropped.
    pub async fn write(&mut self, bytes: Bytes) -> Result<()> {
        let len = bytes.len() as u64;
        self.writer.write(bytes).await?;
        self.size += len;
        Ok(())
    }

    /// Makes the object durable and visible under its key, in one step. Of two that end at once, one stays.
    ///
    /// # Errors
    /// `SP-STORE-001`, `-002`, `-005`, `-008`, `-009`, and `-007` where the SHA-256 was to be told; then nothing has changed.
    pub async fn finish(self) -> Result<StoredObject> {
        self.publish(None).await
    }

    /// [`finish`](Self::finish), and the SHA-256 that was [expected](Self::expect_sha256).
    ///
    /// # Errors
    /// As [`finish`](Self::finish).
    pub async fn finish_with(self, sha256: [u8; 32]) -> Result<StoredObject> {
        self.publish(Some(sha256)).await
    }

    async fn publish(self, told: Option<[u8; 32]>) -> Result<StoredObject> {
        let sha256 = hex::encode(self.writer.finish(told).await?);
        Ok(StoredObject { path: self.path, size: self.size, sha256 })
    }

    /// Gives the upload up and waits until its traces are gone.
    ///
    /// # Errors
    /// `SP-STORE-001`: parts may remain, invisible. The object that has the key stays as it is in any case.
    pub async fn abort(self) -> Result<()> {
        self.writer.abort().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_and_our_own_names_are_not_written_to() {
        let job = JobId::fresh();
        for key in [
            format!("acme/{job}-1/f.csv.pgp"),
            format!("acme/{job}-1"),
            format!("acme/{job}-12/deeper/f"),
            "acme".to_owned(),
            "top.csv".to_owned(),
            ".sealpost-check/check-1/check".to_owned(),
            ".sealpost-staging/x".to_owned(),
            "in/file.csv#17".to_owned(),
        ] {
            assert!(read_only(&key).is_some(), "{key}");
        }
        for key in [
            format!("acme/{job}/f.csv.pgp"),
            format!("acme/{job}-x/f"),
            format!("acme/in/{job}-1/f"),
            format!("{job}-1/f"),
            "acme/rep_1-1/f".to_owned(),
            "in/file #1.csv".to_owned(),
            "in/file#".to_owned(),
            "in/.sealpost-check".to_owned(),
        ] {
            assert!(read_only(&key).is_none(), "{key}");
        }
    }
}
