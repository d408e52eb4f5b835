//! Removing attempts' folders: objects, staging files of killed processes, and what is empty after that.

use std::fs;
use std::io;
use std::path::Path;

use sealpost_core::error::{Error, Result, codes};
use tokio::task::spawn_blocking;

use super::{LocalFolder, is_staging, sync_folder};
use crate::fault;

/// Removes the folders in `top` named `name` (`exact`) or `name` and a number. Gives the number of objects removed.
pub(crate) async fn remove(folder: &LocalFolder, top: &str, name: &str, exact: bool) -> Result<u64> {
    let what = format!("remove {top}/{name}");
    if !folder.root.is_dir() {
        let detail = format!("{what}: the store folder {} is gone", folder.root.display());
        return Err(Error::new(&codes::store::UNREACHABLE, detail));
    }
    let top = folder.root.join(top);
    let name = name.to_owned();
    spawn_blocking(move || remove_attempts(&top, &name, exact))
        .await
        .map_err(|error| fault::of_join(error, &what))?
        .map_err(|error| fault::of_io(error, &what))
}

fn remove_attempts(top: &Path, name: &str, exact: bool) -> io::Result<u64> {
    let mut removed = 0;
    let entries = match fs::read_dir(top) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        other => other?,
    };
    for entry in entries {
        let entry = entry?;
        let matches = entry.file_name().to_str().and_then(|text| text.strip_prefix(name)).is_some_and(|rest| {
            if exact { rest.is_empty() } else { !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()) }
        });
        if matches && entry.file_type()?.is_dir() {
            removed += remove_attempt(&entry.path())?;
        }
    }
    // Fails while other jobs have folders here, as it should.
    if fs::remove_dir(top).is_err() {
        gone_is_fine(sync_folder(top))?;
    }
    Ok(removed)
}

fn remove_attempt(attempt: &Path) -> io::Result<u64> {
    let mut removed = 0;
    for entry in fs::read_dir(attempt)? {
        let entry = entry?;
        gone_is_fine(fs::remove_file(entry.path()))?;
        removed += u64::from(!entry.file_name().to_str().is_some_and(is_staging));
    }
    gone_is_fine(fs::remove_dir(attempt))?;
    Ok(removed)
}

/// Two purges of one job may meet.
fn gone_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
