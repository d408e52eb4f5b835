//! `file:folder`: one file per secret, below a folder that only its owner can enter.
//!
//! A file is written under another name, synced, and renamed: a reader sees the old value, the new one, or none, and so
//! does whoever comes after a crash.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use sealpost_core::error::codes;
use sealpost_core::port::SecretVault;
use sealpost_core::secret::{Secret, SecretRef};
use sealpost_core::{Error, Result};
use zeroize::Zeroizing;

use super::checked;
use crate::Surroundings;

/// For names of unfinished files that two tasks at once don't share.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// How often a folder is made that others take away, at most.
const MOST_TRIES: u32 = 10;

struct FolderVault {
    /// Where the folder is.
    folder: PathBuf,
    /// What references to its files begin with: as the configuration names the folder, so that a moved configuration
    /// finds its secrets again.
    prefix: String,
}

pub(super) fn build(surroundings: &Surroundings, rest: &str) -> Result<Arc<dyn SecretVault>> {
    let prefix = rest.trim_end_matches('/').to_owned();
    if prefix.is_empty() || Path::new(&prefix).components().any(|part| part == Component::ParentDir) {
        return Err(Error::new(&codes::secrets::REFERENCE, "a vault needs a folder of its own, without `..`"));
    }
    Ok(Arc::new(FolderVault { folder: surroundings.base_folder.join(&prefix), prefix }))
}

#[async_trait]
impl SecretVault for FolderVault {
    async fn keep(&self, name: &str, value: &Secret) -> Result<SecretRef> {
        let name = checked(name)?;
        let reference: SecretRef = format!("file:{}/{name}", self.prefix).parse()?;
        let (folder, name) = (self.folder.clone(), name.to_owned());
        let value = Zeroizing::new(value.expose().to_vec());
        let written = tokio::task::spawn_blocking(move || write(&folder, &name, &value)).await;
        written.map_err(|_| interrupted())?.map_err(|error| error.context(format!("`{reference}`")))?;
        Ok(reference)
    }

    async fn forget(&self, reference: &SecretRef) -> Result<()> {
        let inside = reference.rest().strip_prefix(&self.prefix).and_then(|rest| rest.strip_prefix('/'));
        let Some(name) = inside.filter(|name| reference.scheme() == "file" && checked(name).is_ok()) else {
            return Ok(());
        };
        let (folder, name) = (self.folder.clone(), name.to_owned());
        let removed = tokio::task::spawn_blocking(move || remove(&folder, &name)).await;
        removed.map_err(|_| interrupted())?.map_err(|error| error.context(format!("`{reference}`")))
    }
}

fn write(folder: &Path, name: &str, value: &[u8]) -> Result<()> {
    let path = folder.join(name);
    let parent = path.parent().unwrap_or(folder);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    // No name of a secret has a dot.
    let unfinished = parent.join(format!(".{}.{number}", std::process::id()));
    let mut file = begin(folder, parent, &unfinished).map_err(unwritable)?;
    let written = (|| {
        // One that a dead process left may have other rights.
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        file.write_all(value)?;
        file.sync_all()?;
        fs::rename(&unfinished, &path)?;
        sync(parent)
    })();
    if written.is_err() {
        drop(fs::remove_file(&unfinished));
    }
    written.map_err(unwritable)
}

/// Opens a file in `parent`. Whoever removes the last secret beside it may take that folder away as long as it is empty: then it
/// is made again.
fn begin(folder: &Path, parent: &Path, file: &Path) -> std::io::Result<File> {
    let mut tries = 1;
    loop {
        let opened = make_private(folder, parent)
            .and_then(|()| OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file));
        match opened {
            Err(error) if error.kind() == ErrorKind::NotFound && tries < MOST_TRIES => tries += 1,
            opened => return opened,
        }
    }
}

/// Makes the folders down to `parent`, each for its owner only, and durable.
fn make_private(folder: &Path, parent: &Path) -> std::io::Result<()> {
    let mut path = folder.to_owned();
    if !path.is_dir() {
        DirBuilder::new().recursive(true).mode(0o700).create(&path)?;
        path.parent().map_or(Ok(()), sync)?;
    }
    for part in parent.strip_prefix(folder).unwrap_or(Path::new("")).components() {
        path.push(part);
        match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => path.parent().map_or(Ok(()), sync)?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn remove(folder: &Path, name: &str) -> Result<()> {
    let path = folder.join(name);
    match fs::remove_file(&path) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unwritable(error)),
    }
    // Folders that are empty now go too; one that another secret came into meanwhile stays.
    for above in path.ancestors().skip(1).take_while(|above| *above != folder) {
        if fs::remove_dir(above).is_err() {
            break;
        }
    }
    Ok(())
}

fn sync(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

fn unwritable(error: std::io::Error) -> Error {
    let detail = match error.kind() {
        ErrorKind::PermissionDenied => "this process may not write there",
        ErrorKind::StorageFull => "the disk is full",
        _ => "the file can't be written or removed",
    };
    Error::new(&codes::secrets::UNREACHABLE, detail).caused_by(error)
}

fn interrupted() -> Error {
    Error::new(&codes::secrets::UNREACHABLE, "writing was interrupted")
}
