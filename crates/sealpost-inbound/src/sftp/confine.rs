//! Paths of a user to paths of the disk, never outside the user's folder.
//!
//! Two steps: `..` is resolved in the text, where it ends at the user's `/`; then what the disk has is resolved with
//! its symbolic links, and must still lie inside. Clients can't make links here, so nothing changes between the check
//! and the use.

use std::path::{Path, PathBuf};

use russh_sftp::protocol::StatusCode;

use super::packet::Refusal;

/// A user's folder, without symbolic links in its path.
#[derive(Debug)]
pub(super) struct Home(PathBuf);

/// Whether the last name of a path may be a symbolic link to be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    /// Follow it, as long as it stays inside.
    Follow,
    /// It is meant itself.
    Keep,
}

impl Home {
    pub(super) fn new(canonical: PathBuf) -> Self {
        Self(canonical)
    }

    /// The path on the disk. The last name need not exist, its folder must.
    pub(super) fn resolve(&self, path: &str, last: Last) -> Result<PathBuf, Refusal> {
        let names = names(path)?;
        let Some((name, folders)) = names.split_last() else { return Ok(self.0.clone()) };
        let folder = self.inside(&self.0.join(folders.iter().collect::<PathBuf>()))?;
        let found = folder.join(name);
        let is_link = found.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink());
        // A link that points nowhere is refused too: opening it would make a file where it points.
        if is_link && last == Last::Follow { self.inside(&found) } else { Ok(found) }
    }

    /// Like [`resolve`](Self::resolve), for what removes or moves a name: never the user's folder itself.
    pub(super) fn resolve_entry(&self, path: &str) -> Result<PathBuf, Refusal> {
        if names(path)?.is_empty() {
            return Err(StatusCode::PermissionDenied.into());
        }
        self.resolve(path, Last::Keep)
    }

    fn inside(&self, path: &Path) -> Result<PathBuf, Refusal> {
        let real = path.canonicalize()?;
        if real.starts_with(&self.0) { Ok(real) } else { Err(StatusCode::PermissionDenied.into()) }
    }
}

/// The user's view of a path: absolute, without `.` and `..`.
pub(super) fn absolute(path: &str) -> Result<String, Refusal> {
    Ok(format!("/{}", names(path)?.join("/")))
}

fn names(path: &str) -> Result<Vec<&str>, Refusal> {
    if path.contains('\0') {
        return Err(StatusCode::BadMessage.into());
    }
    let mut names = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_end_at_the_users_root() {
        for (path, seen) in
            [("", "/"), (".", "/"), ("../../etc/passwd", "/etc/passwd"), ("/a/./b//../c", "/a/c"), ("a/../..", "/")]
        {
            assert_eq!(absolute(path).unwrap(), seen);
        }
        assert!(absolute("a\0b").is_err());
    }

    #[test]
    fn links_are_followed_inside_and_refused_outside() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().canonicalize().unwrap();
        let home = base.join("home");
        std::fs::create_dir_all(home.join("real")).unwrap();
        std::fs::write(base.join("secret"), b"").unwrap();
        let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, home.join(name)).unwrap();
        link("real", "in");
        link("..", "up");
        link("../secret", "out");
        link("../made-by-open", "dangling");
        let home = Home::new(home);
        assert!(home.resolve("in/new", Last::Follow).unwrap().ends_with("home/real/new"));
        for bad in ["up", "up/secret", "out", "dangling"] {
            assert!(home.resolve(bad, Last::Follow).is_err(), "{bad}");
        }
        assert!(home.resolve("up/secret", Last::Keep).is_err());
        assert!(home.resolve("out", Last::Keep).unwrap().ends_with("home/out"));
        assert!(home.resolve_entry("/").is_err());
        assert!(home.resolve_entry("a/..").is_err());
    }
}
