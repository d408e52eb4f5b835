//! Writing to S3: a put for what fits in one part, a multipart upload for the rest; for reports on the condition that
//! nothing has the key yet.

use std::sync::Arc;

use bytes::{Buf, Bytes};
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::{Attribute, Attributes, MultipartUpload, ObjectStore, PutMode, PutMultipartOptions, PutOptions};
use sealpost_core::error::{Error, Result, codes};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::Bucket;
use crate::digest::Digest;
use crate::fault::{self, Intent};
use crate::place::Place;

/// The size of every part but the last, as R2 wants them equal and S3 at least 5 MiB; larger where so many would not be
/// enough for the size that is expected.
const PART: usize = 8 << 20;

/// The largest size of parts: three of them are in memory.
const LARGEST_PART: usize = 64 << 20;

/// Parts on their way at once, besides the one that fills.
const IN_FLIGHT: usize = 2;

/// S3's limit; with 8 MiB parts a file can have 78 GiB, with the largest 625 GiB.
const MOST_PARTS: usize = 10_000;

/// Most bytes of an object whose size is told before.
pub(crate) const LARGEST: u64 = LARGEST_PART as u64 * MOST_PARTS as u64;

/// User metadata that names the upload, so that a lost answer can be told from another writer's object.
const MARK: &str = "sealpost-upload";

/// An object on its way.
pub(crate) struct S3Upload {
    bucket: Arc<Bucket>,
    path: Path,
    what: String,
    mark: String,
    mode: PutMode,
    part: Vec<u8>,
    part_size: usize,
    digest: Digest,
    multipart: Option<Parts>,
}

struct Parts {
    upload: Box<dyn MultipartUpload>,
    sending: JoinSet<object_store::Result<()>>,
    count: usize,
}

impl S3Upload {
    /// A report's file, where nothing is yet.
    pub(crate) async fn create(bucket: &Arc<Bucket>, place: &Place) -> Result<Self> {
        let path = place.path(&bucket.prefix)?;
        let what = format!("store {}: {place}", bucket.name);
        // Early, so that a job doesn't work for nothing; and for stores that ignore conditions.
        match bucket.head(&path).await {
            Ok(_) => return Err(Error::new(&codes::store::EXISTS, format!("{what}: it exists already"))),
            Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(fault::of_store(error, &what, Intent::Write)),
        }
        Ok(Self::new(bucket, path, what, PutMode::Create))
    }

    /// The object of a key (with the prefix), in the place of the one that is there.
    pub(crate) fn replace(bucket: &Arc<Bucket>, path: Path) -> Self {
        let what = format!("store {}: {path}", bucket.bucket);
        Self::new(bucket, path, what, PutMode::Overwrite)
    }

    fn new(bucket: &Arc<Bucket>, path: Path, what: String, mode: PutMode) -> Self {
        Self {
            bucket: Arc::clone(bucket),
            path,
            what,
            mark: ulid::Ulid::generate().to_string(),
            mode,
            part: Vec::new(),
            part_size: PART,
            digest: Digest::computed(),
            multipart: None,
        }
    }

    /// The client whose completions have the condition that this upload needs.
    fn client(&self) -> &AmazonS3 {
        if self.mode == PutMode::Create { &self.bucket.objects } else { &self.bucket.replacing }
    }

    /// Chooses the size of parts for an object of at most so many bytes; before the first one.
    pub(crate) fn expect(&mut self, size: u64) -> Result<()> {
        self.part_size = part_size(size).map_err(|error| error.context(&self.what))?;
        Ok(())
    }

    /// The digest is told at the end; before the first write.
    pub(crate) fn expect_sha256(&mut self) {
        self.digest = Digest::awaited();
    }

    pub(crate) async fn write(&mut self, mut bytes: Bytes) -> Result<()> {
        while bytes.has_remaining() {
            // A full part leaves when more follows, so that an object of exactly one part stays a single put.
            if self.part.len() == self.part_size {
                self.send_part().await?;
            }
            let take = (self.part_size - self.part.len()).min(bytes.len());
            self.digest.update(&bytes[..take]);
            self.part.extend_from_slice(&bytes[..take]);
            bytes.advance(take);
        }
        Ok(())
    }

    fn attributes(&self) -> Attributes {
        Attributes::from_iter([(Attribute::Metadata(MARK.into()), self.mark.clone())])
    }

    async fn send_part(&mut self) -> Result<()> {
        if self.multipart.is_none() {
            let options = PutMultipartOptions { attributes: self.attributes(), ..PutMultipartOptions::default() };
            let upload = self.client().put_multipart_opts(&self.path, options).await;
            let upload = upload.map_err(|error| fault::of_store(error, &self.what, Intent::Write))?;
            self.multipart = Some(Parts { upload, sending: JoinSet::new(), count: 0 });
        }
        let Some(parts) = &mut self.multipart else { return Ok(()) };
        if parts.count == MOST_PARTS {
            let detail = format!("{}: more than {MOST_PARTS} parts of {} bytes", self.what, self.part_size);
            return Err(Error::new(&codes::store::TOO_LARGE, detail));
        }
        while parts.sending.len() >= IN_FLIGHT {
            parts.sent(&self.what).await?;
        }
        parts.count += 1;
        let part = Bytes::from(std::mem::replace(&mut self.part, Vec::with_capacity(self.part_size)));
        parts.sending.spawn(parts.upload.put_part(part.into()));
        Ok(())
    }

    pub(crate) async fn finish(mut self, told: Option<[u8; 32]>) -> Result<[u8; 32]> {
        let digest = std::mem::replace(&mut self.digest, Digest::awaited());
        let ending = digest.ending(told).map_err(|error| error.context(&self.what))?;
        let committed = if self.multipart.is_some() { self.complete().await } else { self.put().await };
        if let Err(error) = committed {
            // The answer may be lost although the request arrived; then a repeat finds our own object.
            match self.is_ours().await {
                Ok(true) => {}
                Ok(false) => return Err(error),
                // That the name is taken, or the upload gone, may be our own doing: a final error would claim what nobody knows.
                Err(unknown) => return Err(if error.is_retried() { error } else { unknown }),
            }
        }
        self.multipart = None;
        Ok(ending.with(&[]))
    }

    async fn put(&mut self) -> Result<()> {
        let options = PutOptions { mode: self.mode.clone(), attributes: self.attributes(), ..PutOptions::default() };
        let body = Bytes::from(std::mem::take(&mut self.part));
        let put = self.client().put_opts(&self.path, body.into(), options).await;
        put.map(drop).map_err(|error| fault::of_store(error, &self.what, Intent::Write))
    }

    async fn complete(&mut self) -> Result<()> {
        if !self.part.is_empty() {
            self.send_part().await?;
        }
        let Some(parts) = &mut self.multipart else { return Ok(()) };
        while !parts.sending.is_empty() {
            parts.sent(&self.what).await?;
        }
        let completed = parts.upload.complete().await;
        completed.map(drop).map_err(|error| fault::of_store(error, &self.what, Intent::Write))
    }

    async fn is_ours(&mut self) -> Result<bool> {
        let found = match self.bucket.head(&self.path).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(false),
            Err(error) => return Err(fault::of_store(error, &self.what, Intent::Write)),
        };
        let mark = found.attributes.get(&Attribute::Metadata(MARK.into()));
        Ok(mark.is_some_and(|mark| mark.as_ref() == self.mark))
    }

    pub(crate) async fn abort(mut self) -> Result<()> {
        match self.multipart.take() {
            Some(parts) => parts.abort().await.map_err(|error| fault::of_store(error, &self.what, Intent::Read)),
            None => Ok(()),
        }
    }
}

impl Parts {
    /// Waits until one more part has arrived.
    async fn sent(&mut self, what: &str) -> Result<()> {
        match self.sending.join_next().await {
            None | Some(Ok(Ok(()))) => Ok(()),
            Some(Ok(Err(error))) => Err(fault::of_store(error, what, Intent::Write)),
            Some(Err(error)) => Err(fault::of_join(error, what)),
        }
    }

    /// Parts first: one that arrives after the abort would stay, and be paid for.
    async fn abort(mut self) -> object_store::Result<()> {
        self.sending.shutdown().await;
        self.upload.abort().await
    }
}

/// The size of parts for an object of at most so many bytes: whole MiB.
fn part_size(size: u64) -> Result<usize> {
    if size > LARGEST {
        let detail = format!("{size} bytes; the most are {LARGEST}");
        return Err(Error::new(&codes::store::TOO_LARGE, detail));
    }
    let least = size.div_ceil(MOST_PARTS as u64).next_multiple_of(1 << 20);
    Ok(usize::try_from(least).unwrap_or(LARGEST_PART).clamp(PART, LARGEST_PART))
}

/// Begins and aborts a multipart upload, to see that both are allowed.
pub(crate) async fn try_multipart(bucket: &Bucket, place: &Place) -> Result<()> {
    let what = format!("multipart upload to {}", bucket.name);
    let path = place.path(&bucket.prefix)?;
    let upload = bucket.objects.put_multipart_opts(&path, PutMultipartOptions::default()).await;
    let mut upload = upload.map_err(|error| fault::of_store(error, &what, Intent::Write))?;
    upload.abort().await.map_err(|error| fault::of_store(error, &what, Intent::Write))
}

impl Drop for S3Upload {
    fn drop(&mut self) {
        let (Some(parts), Ok(runtime)) = (self.multipart.take(), Handle::try_current()) else { return };
        let what = std::mem::take(&mut self.what);
        runtime.spawn(async move {
            if let Err(error) = parts.abort().await {
                tracing::warn!(%error, "{what}: parts of an unfinished upload remain until a purge or a lifecycle rule removes them");
            }
        });
    }
}

impl std::fmt::Debug for S3Upload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "S3Upload({}/{})", self.bucket.name, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_grow_so_that_they_are_enough() {
        for size in [0, 1, 78 << 30, 79 << 30, 150 << 30, 600 << 30, LARGEST] {
            let part = part_size(size).expect("it fits") as u64;
            assert!(part * MOST_PARTS as u64 >= size, "{size} bytes in parts of {part}");
            assert!((PART as u64..=LARGEST_PART as u64).contains(&part));
        }
        assert_eq!(part_size(10 << 30).expect("it fits"), PART, "no larger than needed");
        assert_eq!(part_size(150 << 30).expect("it fits"), 16 << 20);
        assert!(part_size(LARGEST + 1).expect_err("too large").is(&codes::store::TOO_LARGE));
    }
}
