//! What takes long to make and is copied for each server: made once per user, and kept.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The folder of this name among the temporary files, which all processes of this user share.
///
/// # Panics
/// When it can't be made.
pub(crate) fn shared_folder(name: &str) -> PathBuf {
    let user = fs::metadata("/proc/self").expect("read /proc/self").uid();
    let folder = std::env::temp_dir().join(format!("sealpost-{name}-{user}"));
    fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("make {}: {error}", folder.display()));
    folder
}

/// The folder `name` among those of a kind, to copy from. Where it is not there yet, `make` makes it at the path that it gets;
/// a lock file keeps other test processes waiting meanwhile.
///
/// # Panics
/// When the folder can't be made or locked, and where `make` does.
pub(crate) fn template(kind: &str, name: &str, make: impl FnOnce(&Path)) -> PathBuf {
    let base = shared_folder(kind);
    let lock = File::create(base.join("lock")).expect("create the templates' lock");
    lock.lock().expect("lock the templates");
    let ready = base.join(name);
    if !ready.exists() {
        let making = base.join("making");
        drop(fs::remove_dir_all(&making));
        make(&making);
        fs::rename(&making, &ready).expect("put the template in place");
    }
    ready
}
