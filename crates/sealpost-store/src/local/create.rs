//! The target of a report: a name that nothing has yet. Staged beside its place, linked under its name, which fails where
//! the name exists.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use sealpost_core::error::{Error, codes};

use super::upload::Target;
use super::{LocalFolder, make_folder, sync_folder};
use crate::fault;
use crate::place::Place;

/// The paths of one upload. Dropping them removes the staging file, and its folder where nothing else is in it.
#[derive(Debug)]
pub(super) struct NewFile {
    root: PathBuf,
    top: PathBuf,
    attempt: PathBuf,
    target: PathBuf,
    staging: PathBuf,
}

impl NewFile {
    pub(super) fn new(folder: &LocalFolder, place: &Place) -> Self {
        let top = folder.root.join(&place.top);
        let attempt = top.join(&place.attempt);
        // The number only has to differ between two uploads of one name; `object_store` hides `name#digits`.
        let staging = attempt.join(format!("{}#{}", place.name, ulid::Ulid::generate().0));
        let target = attempt.join(&place.name);
        Self { root: folder.root.clone(), top, attempt, target, staging }
    }
}

impl Target for NewFile {
    fn stage(&self) -> io::Result<File> {
        if self.target.try_exists()? {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let mut tries = 0;
        loop {
            let opened = make_folder(&self.top)
                .and_then(|()| make_folder(&self.attempt))
                .and_then(|()| OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.staging));
            tries += 1;
            match opened {
                // An upload or purge that ends at this moment removes the folder when it looks empty.
                Err(error) if error.kind() == io::ErrorKind::NotFound && tries < 10 && self.root.is_dir() => {}
                other => return other,
            }
        }
    }

    fn publish(&self) -> io::Result<()> {
        link(&self.staging, &self.target)?;
        sync_folder(&self.attempt)?;
        sync_folder(&self.top)?;
        sync_folder(&self.root)
    }

    fn failed(&self, error: io::Error, what: &str) -> Error {
        if error.kind() == io::ErrorKind::AlreadyExists {
            return Error::new(&codes::store::EXISTS, format!("{what}: it exists already"));
        }
        fault::of_io(error, what)
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        // Best effort: both fail when the upload was finished, and the purge of the job comes by again.
        drop(std::fs::remove_file(&self.staging));
        drop(std::fs::remove_dir(&self.attempt));
    }
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
