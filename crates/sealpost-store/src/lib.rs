//! Sealed objects in partner folders: atomic, create-only, streamed, over `object_store`.
//!
//! The port is `object_store`'s; what is ours are the nouns: a [`SealedStore`] knows partners, jobs and attempts, an
//! [`Upload`] must be finished on purpose, a [`SealedObject`] is read as exactly the bytes that the ledger recorded.
//! Reports lie at `{partner}/{job}-{attempt}/{file name}` and are never overwritten. Beside them are the objects that the
//! transfer API stores by path ([`SealedStore::put_object`]), which replace those of the same key.
//!
//! | kind | settings | an upload becomes visible by |
//! | --- | --- | --- |
//! | `local` | [`LocalSettings`] | hard link of a synced staging file, which fails where the name exists |
//! | | | rename of a synced staging file, for objects by path |
//! | `s3` | [`S3Settings`] | conditional put, or conditional completion of a multipart upload |
//! | | | the same without the condition, for objects by path |

use std::sync::Arc;

use sealpost_core::error::{Error, Result, codes};
use sealpost_core::id::{JobId, PartnerId};
use sealpost_core::port::SecretStore;
use sealpost_core::sealed::{SealedFile, SealedKey};

mod check;
mod digest;
mod fault;
mod local;
mod object;
mod objects;
mod place;
mod s3;
mod settings;
mod upload;

pub use object::SealedObject;
pub use objects::{ObjectUpload, StoredObject};
pub use settings::{Checksum, LocalSettings, S3Settings, StoreSettings};
pub use upload::Upload;

use local::LocalFolder;
use place::Place;
use s3::Bucket;

/// The store of sealed files. Cheap to clone; all clones share connections.
#[derive(Clone, Debug)]
pub struct SealedStore {
    backend: Backend,
}

/// One row per kind of store; nothing right of this module knows which it is.
#[derive(Clone, Debug)]
enum Backend {
    Local(Arc<LocalFolder>),
    S3(Arc<Bucket>),
}

impl SealedStore {
    /// Opens the store. A local folder is made when it is missing (mode 0700); S3 is not asked anything yet, that is
    /// [`check`](Self::check).
    ///
    /// # Errors
    /// `SP-STORE-009` for settings that can't work, `SP-STORE-005` or `-001` for a folder that can't be made,
    /// `SP-SECRETS-…` for credentials that don't resolve.
    pub async fn open(settings: &StoreSettings, secrets: &Arc<dyn SecretStore>) -> Result<Self> {
        if let Some((key, words)) = settings.problems().first() {
            return Err(Error::new(&codes::store::CONFIG, format!("`{key}`: {words}")));
        }
        let backend = match settings {
            StoreSettings::Local(settings) => Backend::Local(Arc::new(LocalFolder::open(settings)?)),
            StoreSettings::S3(settings) => Backend::S3(Arc::new(Bucket::open(settings, secrets).await?)),
        };
        Ok(Self { backend })
    }

    /// Begins an upload. Nothing is visible before [`Upload::finish`].
    ///
    /// # Errors
    /// `SP-STORE-003` when the object exists already; `SP-STORE-001`, `-002`, `-005` and `-009` as the store answers.
    pub async fn create(&self, key: SealedKey) -> Result<Upload> {
        let writer = self.writer(Place::of(&key)).await?;
        Ok(Upload::new(key, writer))
    }

    async fn writer(&self, place: Place) -> Result<upload::Writer> {
        Ok(match &self.backend {
            Backend::Local(folder) => upload::Writer::Local(local::LocalUpload::create(folder, &place).await?),
            Backend::S3(bucket) => upload::Writer::S3(s3::S3Upload::create(bucket, &place).await?),
        })
    }

    /// Where a sealed file lies, as the transfer API and AWS Transfer Family name it: `/bucket/key`.
    #[must_use]
    pub fn object_path(&self, key: &SealedKey) -> String {
        let place = Place::of(key);
        match &self.backend {
            Backend::Local(folder) => format!("/{}/{place}", folder.bucket),
            Backend::S3(bucket) => format!("/{}/{place}", bucket.name),
        }
    }

    /// Opens a stored file for reading.
    ///
    /// # Errors
    /// `SP-STORE-004` when it is gone, `SP-STORE-006` when its size is not what was stored.
    pub async fn reader(&self, file: &SealedFile) -> Result<SealedObject> {
        self.object(Place::of(&file.key), Some(file.size)).await
    }

    async fn object(&self, place: Place, size: Option<u64>) -> Result<SealedObject> {
        match &self.backend {
            Backend::Local(folder) => object::open_local(folder, place, size).await,
            Backend::S3(bucket) => object::open_s3(bucket, place, size).await,
        }
    }

    /// Removes every object of every attempt of a job, what crashed attempts left behind (staging files, pending
    /// multipart uploads) and the folders. Gives the number of objects removed; a job without any is no error.
    ///
    /// On S3 the pending uploads need `s3:ListBucketMultipartUploads`; without it they stay, a warning is logged, and a
    /// lifecycle rule (`AbortIncompleteMultipartUpload`) has to remove them.
    ///
    /// # Errors
    /// `SP-STORE-001`, `-005`. It may be repeated.
    pub async fn purge(&self, partner: &PartnerId, job: &JobId) -> Result<u64> {
        self.remove(partner.as_str(), &format!("{job}-"), false).await
    }

    /// Like [`purge`](Self::purge), for one attempt: what a worker does after its attempt failed.
    ///
    /// # Errors
    /// `SP-STORE-001`, `-005`. It may be repeated.
    pub async fn discard_attempt(&self, partner: &PartnerId, job: &JobId, attempt: u32) -> Result<u64> {
        self.remove(partner.as_str(), &format!("{job}-{attempt}"), true).await
    }

    /// Removes the folders in `top` whose name is `name` (`exact`) or `name` and a number.
    async fn remove(&self, top: &str, name: &str, exact: bool) -> Result<u64> {
        match &self.backend {
            Backend::Local(folder) => local::remove(folder, top, name, exact).await,
            Backend::S3(bucket) => s3::remove(bucket, top, name, exact).await,
        }
    }

    /// Does with a few bytes what a job does: write, refuse a second object of the name, list, read, delete; on S3
    /// also begin and abort a multipart upload. It uses the reserved folder `.sealpost-check`.
    ///
    /// # Errors
    /// The first step that failed, as a job would report it.
    pub async fn check(&self) -> Result<()> {
        check::run(self).await
    }
}
