//! `file:/path`: the content of a file, byte for byte.

use std::collections::HashSet;
use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use sealpost_core::error::codes;
use sealpost_core::port::SecretStore;
use sealpost_core::secret::{CURRENT, Secret, SecretRef};
use sealpost_core::{Error, Result};
use zeroize::Zeroizing;

use crate::Surroundings;

/// Most bytes of a secret. Keys are a few KiB; more is a path to the wrong file.
const LARGEST: u64 = 1024 * 1024;

struct FileStore {
    base_folder: PathBuf,
    /// Files that were warned about: once each, or every delivery would repeat it.
    warned: Mutex<HashSet<PathBuf>>,
}

pub(crate) fn build(surroundings: &Surroundings) -> Arc<dyn SecretStore> {
    Arc::new(FileStore { base_folder: surroundings.base_folder.clone(), warned: Mutex::default() })
}

#[async_trait]
impl SecretStore for FileStore {
    async fn resolve(&self, reference: &SecretRef) -> Result<Secret> {
        self.read(reference, self.base_folder.join(reference.rest())).await
    }

    /// Stages are files beside it, `secret.json.AWSPREVIOUS`. The current version is the file itself: it is what tools that
    /// know no stages write and mount.
    async fn resolve_stage(&self, reference: &SecretRef, stage: &str) -> Result<Secret> {
        if stage == CURRENT {
            return self.resolve(reference).await;
        }
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if stage.is_empty() || !stage.bytes().all(is_name) {
            let detail = format!("`{reference}`: a stage of a file has a name of letters, digits, `-` and `_`");
            return Err(Error::new(&codes::secrets::REFERENCE, detail));
        }
        let path = self.base_folder.join(format!("{}.{stage}", reference.rest()));
        let outcome = self.read(reference, path).await;
        outcome.map_err(|error| error.context(format!("stage `{stage}`")))
    }
}

impl FileStore {
    async fn read(&self, reference: &SecretRef, path: PathBuf) -> Result<Secret> {
        let read = tokio::task::spawn_blocking({
            let path = path.clone();
            move || read(&path)
        });
        let (secret, metadata) = read
            .await
            .map_err(|_| Error::new(&codes::secrets::UNREACHABLE, "reading was interrupted"))
            .and_then(|outcome| outcome)
            .map_err(|error| error.context(format!("`{reference}`")))?;
        if is_exposed(&metadata) && self.warned.lock().unwrap_or_else(PoisonError::into_inner).insert(path) {
            tracing::warn!(%reference, "other users can read this secret file: `chmod 600` it");
        }
        Ok(secret)
    }
}

fn read(path: &Path) -> Result<(Secret, Metadata)> {
    let invalid = |detail: &str| Error::new(&codes::secrets::REFERENCE, detail);
    // Before opening: a named pipe would hold us up until somebody writes.
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(invalid("it is not a regular file"));
    }
    let expected = metadata.len();
    if expected > LARGEST {
        return Err(invalid("the file is larger than 1 MiB, so it is no secret"));
    }
    let file = File::open(path).map_err(unreadable)?;
    // Room for all of it and a byte more: a buffer that grew would leave copies of the secret in freed memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(expected).unwrap_or(0) + 1));
    file.take(expected + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 != expected {
        return Err(Error::new(&codes::secrets::UNREACHABLE, "the file changed while it was read"));
    }
    if bytes.is_empty() {
        return Err(Error::new(&codes::secrets::MISSING, "the file is empty"));
    }
    Ok((Secret::new(std::mem::take(&mut *bytes)), metadata))
}

pub(crate) fn unreadable(error: std::io::Error) -> Error {
    let (code, detail) = match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => (&codes::secrets::MISSING, "there is no such file"),
        ErrorKind::PermissionDenied => (&codes::secrets::DENIED, "this process may not read the file"),
        ErrorKind::InvalidInput => (&codes::secrets::REFERENCE, "it is not a path"),
        _ => (&codes::secrets::UNREACHABLE, "the file can't be read"),
    };
    Error::new(code, detail).caused_by(error)
}

/// Whether group or others have any right to the file.
#[cfg(unix)]
fn is_exposed(metadata: &Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077 != 0
}

#[cfg(not(unix))]
fn is_exposed(_metadata: &Metadata) -> bool {
    false
}
