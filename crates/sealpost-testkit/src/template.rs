//! What takes long to make and is copied for each server: made once per user, and kept.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The folder `name` among those of a kind, to copy from. Where it is not there yet, `make` makes it at the path that it gets;
/// a lock file keeps other test processes waiting meanwhile.
///
/// # Panics
/// When the folder can't be made or locked, and where `make` does.
pub(crate) fn template(kind: &str, name: &str, make: impl FnOnce(&Path)) -> PathBuf {
    let user = fs::metadata("/proc/self").expect("read /proc/self").uid();
    let base = std::env::temp_dir().join(format!("sealpost-{kind}-{user}"));
    fs::create_dir_all(&base).expect("create the templates' folder");
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
