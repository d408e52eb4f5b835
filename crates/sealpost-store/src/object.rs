//! Reading a stored file: exactly the bytes that the ledger recorded, at any offset.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, Stream, StreamExt};
use object_store::path::Path;
use object_store::{GetOptions, GetResultPayload, ObjectStore};
use sealpost_core::error::{Error, Result, codes};
use sealpost_core::port::SealedReader;
use tokio::task::spawn_blocking;
use tokio_util::task::AbortOnDropHandle;

use crate::fault::{self, Intent};
use crate::local::LocalFolder;
use crate::place::Place;
use crate::s3::Bucket;

/// A stored file, open for reading. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SealedObject {
    size: u64,
    what: Arc<str>,
    bytes: Origin,
}

#[derive(Clone, Debug)]
enum Origin {
    /// Kept open: a purge meanwhile does not disturb a read.
    Local(Arc<File>),
    S3 {
        bucket: Arc<Bucket>,
        path: Path,
        /// Every range must come from the same object.
        e_tag: Option<String>,
    },
}

impl Origin {
    /// Bytes of one step of a download, and how many steps are under way.
    fn step(&self) -> (u64, usize) {
        match self {
            Self::Local(_) => (256 << 10, 1),
            // A round trip to S3 takes long; the next range is asked for while the last one is consumed.
            // Small, since there are many downloads at once and slow clients keep theirs for long.
            Self::S3 { .. } => (1 << 20, 2),
        }
    }
}

pub(crate) async fn open_local(folder: &Arc<LocalFolder>, place: Place, size: Option<u64>) -> Result<SealedObject> {
    let what = format!("read {place}");
    let path = place.path("")?;
    let found = match folder.objects.get_opts(&path, GetOptions::default()).await {
        Err(object_store::Error::NotFound { .. }) if !folder.root.is_dir() => {
            let detail = format!("{what}: the store folder {} is gone", folder.root.display());
            return Err(Error::new(&codes::store::UNREACHABLE, detail));
        }
        other => other.map_err(|error| fault::of_store(error, &what, Intent::Read))?,
    };
    let found_size = found.meta.size;
    let GetResultPayload::File(file, _) = found.payload else {
        return Err(Error::new(&codes::store::UNREACHABLE, format!("{what}: not a file")));
    };
    SealedObject { size: found_size, what: what.into(), bytes: Origin::Local(Arc::new(file)) }.sized(size)
}

/// A local file that is open.
pub(crate) fn of_file(file: File, what: &str) -> Result<SealedObject> {
    let size = file.metadata().map_err(|error| fault::of_io(error, what))?.len();
    Ok(SealedObject { size, what: what.into(), bytes: Origin::Local(Arc::new(file)) })
}

pub(crate) async fn open_s3(bucket: &Arc<Bucket>, place: Place, size: Option<u64>) -> Result<SealedObject> {
    let path = place.path(&bucket.prefix)?;
    of_s3(bucket, path, format!("read {}: {place}", bucket.name)).await?.sized(size)
}

/// An object by its key, with the prefix.
pub(crate) async fn of_s3(bucket: &Arc<Bucket>, path: Path, what: String) -> Result<SealedObject> {
    let found = bucket.head(&path).await;
    let meta = found.map_err(|error| fault::of_store(error, &what, Intent::Read))?.meta;
    let bytes = Origin::S3 { bucket: Arc::clone(bucket), path, e_tag: meta.e_tag };
    Ok(SealedObject { size: meta.size, what: what.into(), bytes })
}

impl SealedObject {
    fn sized(self, expected: Option<u64>) -> Result<Self> {
        match expected {
            Some(expected) if expected != self.size => {
                Err(self.changed(format!("{} bytes, the ledger has {expected}", self.size)))
            }
            _ => Ok(self),
        }
    }

    /// What tells this object from others that have or had its key: another one has another version. Opaque; the same in
    /// every process. (S3: the entity tag. Local: inode, time of the last change, and size.)
    #[must_use]
    pub fn version(&self) -> String {
        let tag = match &self.bytes {
            Origin::Local(file) => file
                .metadata()
                .map(|meta| format!("{}-{}.{}", meta.ino(), meta.mtime(), meta.mtime_nsec()))
                .unwrap_or_default(),
            Origin::S3 { e_tag, .. } => e_tag.clone().unwrap_or_default(),
        };
        format!("{tag}-{}", self.size)
    }

    /// An address that gives the bytes to whoever has it, without credentials, for so long; `None` where the store has no such
    /// thing. The answer carries the file's name and type as these headers have them.
    ///
    /// # Errors
    /// `SP-STORE-001`, where the credentials to sign it with are not to be had.
    pub async fn link(&self, valid: Duration, content_type: &str, disposition: &str) -> Result<Option<String>> {
        match &self.bytes {
            Origin::Local(_) => Ok(None),
            Origin::S3 { bucket, path, .. } => bucket.link(path, valid, content_type, disposition).await.map(Some),
        }
    }

    fn changed(&self, detail: impl std::fmt::Display) -> Error {
        Error::new(&codes::store::CHANGED, format!("{}: {detail}", self.what))
    }

    /// The bytes of `range`, cut at the file's end, for a download. Each item is at most 1 MiB; at most two are in
    /// memory beside the last one that was given. The stream ends after exactly the bytes asked for, or with an error.
    ///
    /// # Errors
    /// Items fail as [`read`](SealedReader::read) does; the stream ends there.
    ///
    /// # Panics
    /// The stream, where it is polled outside of a tokio runtime.
    pub fn stream(&self, range: Range<u64>) -> impl Stream<Item = Result<Bytes>> + Send + 'static {
        let object = self.clone();
        let (step, at_once) = self.bytes.step();
        let end = range.end.min(self.size);
        let mut next = range.start;
        let steps = std::iter::from_fn(move || {
            let offset = next;
            let len = step.min(end.checked_sub(offset)?);
            next += len;
            (len > 0).then_some((offset, usize::try_from(len).unwrap_or(usize::MAX)))
        });
        let mut failed = false;
        stream::iter(steps)
            .map(move |(offset, len)| {
                let object = object.clone();
                async move { object.read(offset, len).await }
            })
            .buffered(at_once)
            .take_while(move |item| {
                let before = failed;
                failed |= item.is_err();
                std::future::ready(!before)
            })
    }
}

#[async_trait]
impl SealedReader for SealedObject {
    fn size(&self) -> u64 {
        self.size
    }

    async fn read(&self, offset: u64, len: usize) -> Result<Bytes> {
        let end = offset.saturating_add(len as u64);
        if end > self.size {
            return Err(self.changed(format!("bytes {offset} to {end} asked of {}", self.size)));
        }
        if len == 0 {
            return Ok(Bytes::new());
        }
        match &self.bytes {
            Origin::Local(file) => {
                let file = Arc::clone(file);
                let read = spawn_blocking(move || {
                    let mut bytes = vec![0; len];
                    file.read_exact_at(&mut bytes, offset).map(|()| Bytes::from(bytes))
                });
                match read.await.map_err(|error| fault::of_join(error, &self.what))? {
                    Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                        Err(self.changed(format!("it ends before byte {end}")))
                    }
                    other => other.map_err(|error| fault::of_io(error, &self.what)),
                }
            }
            Origin::S3 { bucket, path, e_tag } => {
                let options =
                    GetOptions { range: Some((offset..end).into()), if_match: e_tag.clone(), ..GetOptions::default() };
                // A task of its own: who reads ahead does not ask for it while a slow client or server still takes what came before,
                // and the request has time limits, and may hold what others need to sign theirs.
                let (bucket, path) = (Arc::clone(bucket), path.clone());
                let read = async move { bucket.objects.get_opts(&path, options).await?.bytes().await };
                let read = AbortOnDropHandle::new(tokio::spawn(read)).await;
                let read = read.map_err(|error| fault::of_join(error, &self.what))?;
                let bytes = read.map_err(|error| fault::of_store(error, &self.what, Intent::Read))?;
                if bytes.len() != len {
                    return Err(self.changed(format!("{} of {len} bytes from {offset}", bytes.len())));
                }
                Ok(bytes)
            }
        }
    }
}
