//! Writing a local file: staged beside its place, synced, linked under its name, which fails where the name exists.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use bytes::{Buf, Bytes};
use sealpost_core::error::{Error, Result, codes};
use sha2::{Digest, Sha256};
use tokio::task::{JoinHandle, spawn_blocking};

use super::{LocalFolder, make_folder, sync_folder};
use crate::fault;
use crate::place::Place;

/// Bytes handed to the disk at once. One block fills while another is written.
const BLOCK: usize = 256 * 1024;

/// The file and what is known of its bytes; it travels to the blocking thread and back.
struct Staged {
    file: File,
    digest: Sha256,
    /// An empty buffer to fill again.
    spare: Vec<u8>,
}

/// A local file on its way.
pub(crate) struct LocalUpload {
    names: Names,
    what: String,
    block: Vec<u8>,
    idle: Option<Staged>,
    busy: Option<JoinHandle<io::Result<Staged>>>,
}

/// The paths of one upload. Dropping them removes the staging file, and its folder where nothing else is in it.
#[derive(Clone)]
struct Paths {
    root: PathBuf,
    top: PathBuf,
    attempt: PathBuf,
    target: PathBuf,
    staging: PathBuf,
}

struct Names(Paths);

impl Drop for Names {
    fn drop(&mut self) {
        // Best effort: both fail when the upload was finished, and the purge of the job comes by again.
        drop(std::fs::remove_file(&self.0.staging));
        drop(std::fs::remove_dir(&self.0.attempt));
    }
}

impl LocalUpload {
    pub(crate) async fn create(folder: &LocalFolder, place: Place) -> Result<Self> {
        let top = folder.root.join(&place.top);
        let attempt = top.join(&place.attempt);
        // The number only has to differ between two uploads of one name; `object_store` hides `name#digits`.
        let staging = attempt.join(format!("{}#{}", place.name, ulid::Ulid::generate().0));
        let target = attempt.join(&place.name);
        let paths = Paths { root: folder.root.clone(), top, attempt, target, staging };
        let what = format!("store {place}");
        let opened = {
            let paths = paths.clone();
            spawn_blocking(move || open_staging(&paths)).await.map_err(|error| fault::of_join(error, &what))?
        };
        let file = opened.map_err(|error| exists_or(error, &what))?;
        Ok(Self {
            names: Names(paths),
            what,
            block: Vec::with_capacity(BLOCK),
            idle: Some(Staged { file, digest: Sha256::new(), spare: Vec::with_capacity(BLOCK) }),
            busy: None,
        })
    }

    pub(crate) async fn write(&mut self, mut bytes: Bytes) -> Result<()> {
        while bytes.has_remaining() {
            let room = BLOCK - self.block.len();
            let take = room.min(bytes.len());
            self.block.extend_from_slice(&bytes[..take]);
            bytes.advance(take);
            if self.block.len() == BLOCK {
                self.flush_block().await?;
            }
        }
        Ok(())
    }

    /// Hands the block to the disk, after the one before it is written.
    async fn flush_block(&mut self) -> Result<()> {
        let Staged { mut file, mut digest, spare } = self.settle().await?;
        let block = std::mem::replace(&mut self.block, spare);
        self.busy = Some(spawn_blocking(move || {
            file.write_all(&block)?;
            digest.update(&block);
            let mut spare = block;
            spare.clear();
            Ok(Staged { file, digest, spare })
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

    pub(crate) async fn finish(mut self) -> Result<[u8; 32]> {
        let Staged { mut file, mut digest, .. } = self.settle().await?;
        let rest = std::mem::take(&mut self.block);
        let paths = self.names.0.clone();
        let published = spawn_blocking(move || {
            file.write_all(&rest)?;
            digest.update(&rest);
            file.sync_all()?;
            publish(&paths)?;
            Ok(digest.finalize().into())
        });
        published
            .await
            .map_err(|error| fault::of_join(error, &self.what))?
            .map_err(|error| exists_or(error, &self.what))
    }

    pub(crate) async fn abort(mut self) -> Result<()> {
        // A write under way keeps the file open, nothing more; still wait, so that the space is free again.
        if let Some(busy) = self.busy.take() {
            drop(busy.await);
        }
        Ok(())
    }
}

impl std::fmt::Debug for LocalUpload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LocalUpload({})", self.names.0.target.display())
    }
}

fn exists_or(error: io::Error, what: &str) -> Error {
    if error.kind() == io::ErrorKind::AlreadyExists {
        return Error::new(&codes::store::EXISTS, format!("{what}: it exists already"));
    }
    fault::of_io(error, what)
}

fn open_staging(paths: &Paths) -> io::Result<File> {
    if paths.target.try_exists()? {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let mut tries = 0;
    loop {
        let opened = make_folder(&paths.top)
            .and_then(|()| make_folder(&paths.attempt))
            .and_then(|()| OpenOptions::new().write(true).create_new(true).mode(0o600).open(&paths.staging));
        tries += 1;
        match opened {
            // An upload or purge that ends at this moment removes the folder when it looks empty.
            Err(error) if error.kind() == io::ErrorKind::NotFound && tries < 10 && paths.root.is_dir() => {}
            other => return other,
        }
    }
}

/// Makes the synced staging file visible under its name, and that durable.
fn publish(paths: &Paths) -> io::Result<()> {
    link(&paths.staging, &paths.target)?;
    sync_folder(&paths.attempt)?;
    sync_folder(&paths.top)?;
    sync_folder(&paths.root)
}

/// Create-only: link(2) fails where the target exists, also on NFS. File systems without hard links (FAT, some FUSE)
/// get renameat2(2) with `RENAME_NOREPLACE`.
fn link(staging: &Path, target: &Path) -> io::Result<()> {
    match std::fs::hard_link(staging, target) {
        Ok(()) => std::fs::remove_file(staging),
        Err(error) if matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied) => {
            use rustix::fs::{CWD, RenameFlags, renameat_with};
            renameat_with(CWD, staging, CWD, target, RenameFlags::NOREPLACE).map_err(|_| error)
        }
        Err(error) => Err(error),
    }
}
