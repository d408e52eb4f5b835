//! The local store: a directory, also of a mounted file system. Reading goes through `object_store`; writing does
//! not, because its local writer neither syncs to disk nor sets file modes.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use object_store::local::LocalFileSystem;
use sealpost_core::error::{Error, Result, codes};
use tokio::task::spawn_blocking;

use crate::fault;
use crate::settings::LocalSettings;

mod create;
mod remove;
mod replace;
mod sink;
mod upload;
mod walk;

pub(crate) use remove::remove;
pub(crate) use upload::LocalUpload;

use walk::Spot;

/// The opened directory.
#[derive(Debug)]
pub(crate) struct LocalFolder {
    /// What the transfer API calls it.
    pub(crate) bucket: String,
    pub(crate) root: PathBuf,
    pub(crate) objects: LocalFileSystem,
}

impl LocalFolder {
    pub(crate) fn open(settings: &LocalSettings) -> Result<Self> {
        let what = format!("store folder {}", settings.path.display());
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&settings.path)
            .and_then(|()| settings.path.canonicalize())
            .and_then(|root| root.read_dir().map(|_| root))
            .map_err(|error| match error.kind() {
                // `create` says AlreadyExists when a file is in the way.
                io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
                    Error::new(&codes::store::CONFIG, format!("{what} is not a directory"))
                }
                _ => fault::of_io(error, &what),
            })
            .and_then(|root| {
                let objects = LocalFileSystem::new_with_prefix(&root)
                    .map_err(|error| fault::of_store(error, &what, fault::Intent::Write))?;
                replace::sweep_below(&root);
                Ok(Self { bucket: settings.bucket.clone(), root, objects })
            })
    }

    /// Opens the object of a key to read it; `None` where there is none.
    pub(crate) async fn open_object(&self, key: &str) -> Result<Option<File>> {
        let what = format!("read {key}");
        let (root, spot) = (self.root.clone(), Spot::of(key));
        let opened = spawn_blocking(move || spot.open(&root)).await.map_err(|error| fault::of_join(error, &what))?;
        match opened {
            Ok(file) => Ok(Some(file)),
            Err(_) if !self.root.is_dir() => {
                let detail = format!("{what}: the store folder {} is gone", self.root.display());
                Err(Error::new(&codes::store::UNREACHABLE, detail))
            }
            // A file is no folder: nothing lies below it, as nothing does in S3.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::InvalidFilename => Ok(None),
            Err(error) => Err(replace::failed(error, &what)),
        }
    }
}

/// Makes a folder that only we can look into, unless it is there.
fn make_folder(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

/// Makes the entries of a folder durable: fsync(2) of a file does not cover its name.
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Whether a name is one of our staging names: `{name}#{digits}`. `object_store` hides such names from lists, and a
/// [`FileName`](sealpost_core::sealed::FileName) can't contain `#`.
pub(crate) fn is_staging(name: &str) -> bool {
    name.split_once('#')
        .is_some_and(|(_, digits)| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}
