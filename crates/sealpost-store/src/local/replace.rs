//! The target of an object that is stored by path: it replaces one of the same key, as in S3.
//!
//! It is staged in a folder of its own below the root, so that what a killed process leaves is found without a walk
//! through the whole store: each further upload, and each opening of the store, looks there for files whose writer is
//! gone. A writer holds a lock on its file (flock(2)), which the system gives up with the process.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{CWD, fsync, renameat};
use rustix::io::Errno;
use sealpost_core::error::{Error, codes};

use super::upload::Target;
use super::walk::Spot;
use super::{LocalFolder, make_folder};
use crate::fault;

/// Below the root. Names that begin with `.sealpost-` are no objects' names.
const STAGING: &str = ".sealpost-staging";

/// A file has its lock long before it is this old.
const UNLOCKED_FOR: Duration = Duration::from_secs(600);

/// One upload. Dropping it removes the staging file.
#[derive(Debug)]
pub(super) struct AnyFile {
    root: PathBuf,
    spot: Spot,
    staging: PathBuf,
}

impl AnyFile {
    pub(super) fn new(folder: &LocalFolder, key: &str) -> Self {
        let staging = folder.root.join(STAGING).join(ulid::Ulid::generate().to_string());
        Self { root: folder.root.clone(), spot: Spot::of(key), staging }
    }
}

impl Target for AnyFile {
    fn stage(&self) -> io::Result<File> {
        // Early, so that nothing is transferred for nothing.
        match self.spot.folder(&self.root) {
            Ok(folder) if self.spot.is_taken(&folder)? => return Err(Errno::ISDIR.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.root.is_dir() => {}
            other => drop(other?),
        }
        let folder = self.root.join(STAGING);
        make_folder(&folder)?;
        sweep(&folder);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.staging)?;
        // A file system without locks: then what is left behind stays, which is the smaller evil.
        drop(file.try_lock());
        Ok(file)
    }

    fn publish(&self) -> io::Result<()> {
        let mut tries = 0;
        loop {
            let outcome = self.rename();
            tries += 1;
            match outcome {
                // A purge that ends at this moment removes a partner's folder when it looks empty.
                Err(error) if error.kind() == io::ErrorKind::NotFound && tries < 10 && self.staging.exists() => {}
                other => return other,
            }
        }
    }

    fn failed(&self, error: io::Error, what: &str) -> Error {
        failed(error, what)
    }
}

impl AnyFile {
    fn rename(&self) -> io::Result<()> {
        let (folder, made) = self.spot.made_folder(&self.root)?;
        // rename(2) would put the file in the place of a link or a pipe.
        let renamed = match self.spot.is_taken(&folder) {
            Ok(false) => renameat(CWD, &self.staging, &folder, self.spot.name.as_str()).map_err(io::Error::from),
            Ok(true) => Err(Errno::ISDIR.into()),
            Err(error) => Err(error),
        };
        match renamed {
            Ok(()) => Ok(fsync(&folder)?),
            Err(error) => {
                drop(folder);
                made.undo();
                Err(error)
            }
        }
    }
}

impl Drop for AnyFile {
    fn drop(&mut self) {
        // It fails when the upload was finished.
        drop(std::fs::remove_file(&self.staging));
    }
}

/// What a failure means for whoever named the key.
pub(super) fn failed(error: io::Error, what: &str) -> Error {
    let refused = |why: &str| Error::new(&codes::store::DENIED, format!("{what}: {why}"));
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOTDIR) => refused("a file stands where the path needs a folder, which this store can't have both"),
        Some(Errno::LOOP) => refused("the path leads through a symbolic link, which is not followed"),
        Some(Errno::ISDIR) => refused("a folder, or what is no plain file, has the name"),
        Some(Errno::NAMETOOLONG) => Error::new(&codes::store::NAME, format!("{what}: a name in the path is too long")),
        Some(Errno::XDEV) => {
            let detail = format!("{what}: its folder is on another file system than the store");
            Error::new(&codes::store::CONFIG, detail)
        }
        _ => fault::of_io(error, what),
    }
}

/// Removes what killed processes left, from the store that is being opened.
pub(super) fn sweep_below(root: &Path) {
    sweep(&root.join(STAGING));
}

/// Best effort: what fails now is there the next time.
fn sweep(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let age = entry.metadata().and_then(|found| found.modified()).map(|at| at.elapsed().unwrap_or_default());
        if age.is_ok_and(|age| age > UNLOCKED_FOR)
            // To write, though nothing is written: a client of NFS makes the lock one of fcntl(2), which is exclusive only on a
            // file that is open for that (flock(2), "NFS details").
            && let Ok(file) = OpenOptions::new().read(true).write(true).open(entry.path())
            && file.try_lock().is_ok()
        {
            tracing::info!(file = %entry.path().display(), "removing what an interrupted upload left");
            drop(std::fs::remove_file(entry.path()));
        }
    }
}
