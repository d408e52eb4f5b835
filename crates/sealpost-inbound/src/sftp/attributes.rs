//! File attributes: from the disk to the wire, and from `SETSTAT` to the disk.

use std::fs::{File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::{Duration, UNIX_EPOCH};

use russh_sftp::protocol::FileAttributes;

/// What the disk says. (`russh-sftp`'s own conversion shows a symbolic link as a regular file.)
pub(super) fn of(metadata: &Metadata) -> FileAttributes {
    let seconds = |seconds: i64| u32::try_from(seconds).unwrap_or(0);
    FileAttributes {
        size: Some(metadata.len()),
        uid: Some(metadata.uid()),
        gid: Some(metadata.gid()),
        permissions: Some(metadata.mode()),
        atime: Some(seconds(metadata.atime())),
        mtime: Some(seconds(metadata.mtime())),
        ..FileAttributes::default()
    }
}

/// The permission bits; no set-uid, set-gid or sticky bit from outside.
pub(super) fn mode(attributes: &FileAttributes) -> Option<u32> {
    attributes.permissions.map(|permissions| permissions & 0o777)
}

/// Sets size, permissions and times. Owners stay: all files are the service's.
pub(super) fn set(file: &File, attributes: &FileAttributes) -> io::Result<()> {
    if let Some(size) = attributes.size {
        file.set_len(size)?;
    }
    if let Some(mode) = mode(attributes) {
        file.set_permissions(Permissions::from_mode(mode))?;
    }
    if let (Some(accessed), Some(modified)) = (attributes.atime, attributes.mtime) {
        let time = |seconds: u32| UNIX_EPOCH + Duration::from_secs(u64::from(seconds));
        file.set_times(std::fs::FileTimes::new().set_accessed(time(accessed)).set_modified(time(modified)))?;
    }
    Ok(())
}
