//! Host keys of SSH servers, made once per user and copied: an RSA key alone takes longer to make than a server to start.
//!
//! No two servers of a process have a key in common: its first server gets the first set, its second one the second. So a test
//! that runs in a process of its own makes none, and one that needs a stranger's key has it.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::template::template;

/// Puts host keys that no other server of this process has into a server's folder. `make` makes such keys in an empty folder;
/// `kind` says which.
///
/// # Panics
/// When they can't be copied, and where `make` does.
pub(crate) fn place(folder: &Path, kind: &str, make: impl FnOnce(&Path)) {
    static SERVERS: AtomicU32 = AtomicU32::new(0);
    let number = SERVERS.fetch_add(1, Ordering::Relaxed);
    let set = template("host-keys", &format!("{kind}-{number}"), |making| {
        fs::create_dir(making).expect("make a folder for host keys");
        make(making);
    });
    for key in fs::read_dir(set).expect("read the host keys") {
        let key = key.expect("read the host keys");
        // With its mode: a private key that others may read is refused.
        fs::copy(key.path(), folder.join(key.file_name())).expect("copy a host key");
    }
}
