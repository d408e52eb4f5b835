//! `SSH_FXP_RENAME`: "It is an error if there already exists a file with the name specified by newpath"
//! (draft-ietf-secsh-filexfer-02, 6.5).

use std::io;
use std::path::Path;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

/// Renames without replacing, in one step where the file system can.
pub(super) fn rename_new(old: &Path, new: &Path) -> io::Result<()> {
    match renameat_with(CWD, old, CWD, new, RenameFlags::NOREPLACE) {
        // Some network file systems can't; then the check and the rename are two steps, as in OpenSSH.
        Err(Errno::INVAL | Errno::NOSYS) => {
            if new.symlink_metadata().is_ok() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            std::fs::rename(old, new)
        }
        other => other.map_err(io::Error::from),
    }
}
