//! Writing a local file: staged, synced, then published under its name in one step.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use sealpost_core::error::{Error, Result, codes};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};

use super::LocalFolder;
use super::create::NewFile;
use super::replace::AnyFile;
use super::sink::{LocalSink, Sunk};
use crate::digest::Digest;
use crate::fault;
use crate::place::Place;

/// Bytes handed to the disk at once. One block fills while another is written.
const BLOCK: usize = 128 * 1024;

/// The file and what is known of its bytes; it travels to the blocking thread and back.
struct Staged {
    file: File,
    digest: Digest,
    /// An empty buffer to fill again.
    spare: Vec<u8>,
}

impl Staged {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.digest.update(bytes);
        Ok(())
    }
}

/// A local file on its way.
pub(crate) struct LocalUpload {
    target: Arc<dyn Target>,
    what: String,
    block: Vec<u8>,
    idle: Option<Staged>,
    busy: Option<JoinHandle<io::Result<Staged>>>,
    sunk: Option<oneshot::Receiver<Result<Sunk>>>,
}

/// Where a staged file goes. Dropping it removes what was not published.
pub(super) trait Target: fmt::Debug + Send + Sync + 'static {
    /// Makes the staging file.
    fn stage(&self) -> io::Result<File>;

    /// Makes the synced staging file visible under its name, and that durable.
    fn publish(&self) -> io::Result<()>;

    /// What a failure of the two means.
    fn failed(&self, error: io::Error, what: &str) -> Error;
}

impl LocalUpload {
    /// A report's file, where nothing is yet.
    pub(crate) async fn create(folder: &LocalFolder, place: &Place) -> Result<Self> {
        Self::begin(Arc::new(NewFile::new(folder, place)), format!("store {place}")).await
    }

    /// The object of a key, in the place of the one that is there.
    pub(crate) async fn replace(folder: &LocalFolder, key: &str) -> Result<Self> {
        Self::begin(Arc::new(AnyFile::new(folder, key)), format!("store {key}")).await
    }

    async fn begin(target: Arc<dyn Target>, what: String) -> Result<Self> {
        let opened = {
            let target = Arc::clone(&target);
            spawn_blocking(move || target.stage()).await.map_err(|error| fault::of_join(error, &what))?
        };
        let file = opened.map_err(|error| target.failed(error, &what))?;
        Ok(Self {
            target,
            what,
            block: Vec::new(),
            idle: Some(Staged { file, digest: Digest::computed(), spare: Vec::new() }),
            busy: None,
            sunk: None,
        })
    }

    /// The writing end, before the first write. What it wrote is published by [`finish_sunk`](Self::finish_sunk).
    pub(crate) fn sink(&mut self) -> Option<LocalSink> {
        let Staged { file, .. } = self.idle.take()?;
        let (told, sunk) = oneshot::channel();
        self.sunk = Some(sunk);
        Some(LocalSink::new(file, self.what.clone(), told))
    }

    pub(crate) async fn write(&mut self, mut bytes: Bytes) -> Result<()> {
        while bytes.has_remaining() {
            // A block that comes as one goes to the disk from where it is.
            if self.block.is_empty() && bytes.len() >= BLOCK {
                self.hand_on(bytes.split_to(BLOCK)).await?;
                continue;
            }
            let room = BLOCK - self.block.len();
            let take = room.min(bytes.len());
            self.block.reserve_exact(room);
            self.block.extend_from_slice(&bytes[..take]);
            bytes.advance(take);
            if self.block.len() == BLOCK {
                self.flush_block().await?;
            }
        }
        Ok(())
    }

    /// Hands a block of somebody else's to the disk, after the one before it is written.
    async fn hand_on(&mut self, block: Bytes) -> Result<()> {
        let mut staged = self.settle().await?;
        self.busy = Some(spawn_blocking(move || staged.append(&block).map(|()| staged)));
        Ok(())
    }

    /// Hands our own block to the disk, after the one before it is written.
    async fn flush_block(&mut self) -> Result<()> {
        let mut staged = self.settle().await?;
        let mut block = std::mem::replace(&mut self.block, std::mem::take(&mut staged.spare));
        self.busy = Some(spawn_blocking(move || {
            staged.append(&block)?;
            block.clear();
            staged.spare = block;
            Ok(staged)
        }));
        Ok(())
    }

    /// Waits for the block under way.
    async fn settle(&mut self) -> Result<Staged> {
        if let Some(busy) = &mut self.busy {
            let ended = busy.await;
            self.busy = None;
            let staged = ended
                .map_err(|error| fault::of_join(error, &self.what))?
                .map_err(|error| fault::of_io(error, &self.what))?;
            return Ok(staged);
        }
        self.idle
            .take()
            .ok_or_else(|| Error::new(&codes::store::ABORTED, format!("{}: used after an earlier error", self.what)))
    }

    /// The digest is told at the end; before the first write.
    pub(crate) fn expect_sha256(&mut self) {
        if let Some(staged) = &mut self.idle {
            staged.digest = Digest::awaited();
        }
    }

    pub(crate) async fn finish(mut self, told: Option<[u8; 32]>) -> Result<[u8; 32]> {
        let Staged { mut file, digest, .. } = self.settle().await?;
        let ending = digest.ending(told).map_err(|error| error.context(&self.what))?;
        let rest = std::mem::take(&mut self.block);
        self.publish(move || {
            file.write_all(&rest)?;
            file.sync_all()?;
            Ok(ending.with(&rest))
        })
        .await
    }

    /// [`finish`](Self::finish) of what the [sink](Self::sink) wrote: its octets, and their digest.
    pub(crate) async fn finish_sunk(mut self) -> Result<(u64, [u8; 32])> {
        let stopped =
            || Error::new(&codes::store::ABORTED, format!("{}: the writer stopped before the end", self.what));
        let Sunk { file, size, sha256 } = self.sunk.take().ok_or_else(stopped)?.await.map_err(|_| stopped())??;
        self.publish(move || file.sync_all().map(|()| (size, sha256))).await
    }

    /// Makes the file visible, after what is left to do with it.
    async fn publish<T: Send + 'static>(&self, last: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T> {
        let target = Arc::clone(&self.target);
        let published = spawn_blocking(move || {
            let value = last()?;
            target.publish()?;
            Ok(value)
        });
        published
            .await
            .map_err(|error| fault::of_join(error, &self.what))?
            .map_err(|error| self.target.failed(error, &self.what))
    }

    pub(crate) async fn abort(mut self) -> Result<()> {
        // A write under way keeps the file open, nothing more; still wait, so that the space is free again.
        if let Some(busy) = self.busy.take() {
            drop(busy.await);
        }
        Ok(())
    }
}

impl fmt::Debug for LocalUpload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalUpload({:?})", self.target)
    }
}
