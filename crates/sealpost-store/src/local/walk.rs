//! From the root to an object's folder, one name at a time, never through a symbolic link: `openat(2)` with
//! `O_NOFOLLOW`, so that nobody can slip one in between a check and the use.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, fsync, mkdirat, openat, statat, unlinkat};
use rustix::io::Errno;

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Where an object lies below the root.
#[derive(Debug, Clone)]
pub(super) struct Spot {
    folders: Vec<String>,
    pub(super) name: String,
}

impl Spot {
    /// The place of a key, whose parts are plain names.
    pub(super) fn of(key: &str) -> Self {
        let mut folders: Vec<String> = key.split('/').map(str::to_owned).collect();
        let name = folders.pop().unwrap_or_default();
        Self { folders, name }
    }

    /// Opens the folder that the object lies in.
    pub(super) fn folder(&self, root: &Path) -> io::Result<OwnedFd> {
        let mut folder = openat(CWD, root, FOLDER, Mode::empty())?;
        for name in &self.folders {
            folder = enter(&folder, name)?;
        }
        Ok(folder)
    }

    /// The same, with folders made that are missing; each is on disk before something is put into it.
    pub(super) fn made_folder(&self, root: &Path) -> io::Result<(OwnedFd, Made)> {
        let mut folder = openat(CWD, root, FOLDER, Mode::empty())?;
        let mut made = Made(Vec::new());
        for name in &self.folders {
            let inner = match enter(&folder, name) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    match mkdirat(&folder, name.as_str(), Mode::RWXU) {
                        Ok(()) | Err(Errno::EXIST) => fsync(&folder)?,
                        Err(error) => return Err(error.into()),
                    }
                    let inner = enter(&folder, name)?;
                    made.0.push((folder, name.clone()));
                    inner
                }
                other => other?,
            };
            folder = inner;
        }
        Ok((folder, made))
    }

    /// Opens the object to read it.
    pub(super) fn open(&self, root: &Path) -> io::Result<File> {
        let folder = self.folder(root)?;
        // Without NONBLOCK, opening a named pipe would wait for its other end.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(openat(&folder, self.name.as_str(), flags, Mode::empty())?);
        // A folder is no object, as in S3.
        if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    /// Whether something else than a file has the object's name.
    pub(super) fn is_taken(&self, folder: &OwnedFd) -> io::Result<bool> {
        match statat(folder, self.name.as_str(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => Ok(!matches!(FileType::from_raw_mode(found.st_mode), FileType::RegularFile)),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

fn enter(folder: &OwnedFd, name: &str) -> io::Result<OwnedFd> {
    match openat(folder, name, FOLDER | OFlags::NOFOLLOW, Mode::empty()) {
        // Linux says "not a directory" for a symbolic link too; that is another matter.
        Err(Errno::NOTDIR) => match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) if FileType::from_raw_mode(found.st_mode) == FileType::Symlink => Err(Errno::LOOP.into()),
            _ => Err(Errno::NOTDIR.into()),
        },
        other => Ok(other?),
    }
}

/// Folders that were made on the way, the outermost first.
pub(super) struct Made(Vec<(OwnedFd, String)>);

impl Made {
    /// Removes those that are empty, when what they were made for has failed.
    pub(super) fn undo(self) {
        for (folder, name) in self.0.into_iter().rev() {
            if unlinkat(&folder, name.as_str(), AtFlags::REMOVEDIR).is_err() {
                return;
            }
        }
    }
}
