//! The files of a saved plan: `target/deploy/<environment>/`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::workspace::{read, root};

/// What a plan was made for; `apply` takes the first, `destroy` the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Apply,
    Destroy,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Self::Apply => "apply",
            Self::Destroy => "destroy",
        }
    }
}

/// The folder of a saved plan.
pub(super) struct Saved {
    folder: PathBuf,
}

impl Saved {
    pub(super) fn of(environment: &str) -> Self {
        Self { folder: root().join("target/deploy").join(environment) }
    }

    /// What terraform writes and applies. It has the state in it, secrets in clear: for who applies, not for an archive.
    pub(super) fn plan(&self) -> PathBuf {
        self.folder.join("plan.tfplan")
    }

    /// The plan as JSON, values and all: for programs, not for an archive.
    pub(super) fn json(&self) -> PathBuf {
        self.folder.join("plan.json")
    }

    /// The page to read before approving.
    pub(super) fn page(&self) -> PathBuf {
        self.folder.join("summary.md")
    }

    /// One line of it.
    pub(super) fn title(&self) -> PathBuf {
        self.folder.join("title.txt")
    }

    /// Digest of the plan and what it is for.
    fn stamp(&self) -> PathBuf {
        self.folder.join("plan.stamp")
    }

    /// An empty folder, so that nothing of an earlier plan is taken for this one's.
    pub(super) fn clear(&self) -> Result<(), String> {
        drop(std::fs::remove_dir_all(&self.folder));
        std::fs::create_dir_all(&self.folder).map_err(|error| format!("make {}: {error}", self.folder.display()))
    }

    /// Records which plan this is; returns its digest.
    pub(super) fn seal(&self, purpose: Purpose) -> Result<String, String> {
        let digest = digest(&self.plan())?;
        write(&self.stamp(), &format!("{digest} {}\n", purpose.name()))?;
        Ok(digest)
    }

    /// The digest of the plan, if it is still the one that was saved, and for this purpose.
    pub(super) fn check(&self, purpose: Purpose) -> Result<String, String> {
        let stamp = read(&self.stamp())
            .map_err(|error| format!("there is no saved plan ({error}): `cargo xtask deploy plan` first"))?;
        let (saved, kind) = stamp.trim().split_once(' ').ok_or("the stamp of the saved plan can't be read")?;
        if kind != purpose.name() {
            return Err(format!("the saved plan is one to {kind}, not to {}: plan again", purpose.name()));
        }
        let found = digest(&self.plan())?;
        if found != saved {
            return Err(format!("the plan file is not the one that was saved: SHA-256 {found}, saved was {saved}"));
        }
        Ok(found)
    }

    /// What the saved plan is for, and its digest.
    pub(super) fn stamped(&self) -> Result<String, String> {
        self.check(Purpose::Apply).or_else(|_| self.check(Purpose::Destroy))
    }
}

pub(super) fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("write {}: {error}", path.display()))
}

fn digest(path: &Path) -> Result<String, String> {
    let output = Command::new("sha256sum").arg(path).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("start sha256sum: {error}"))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    match printed.split_whitespace().next() {
        Some(digest) if output.status.success() => Ok(digest.trim_start_matches('\\').to_owned()),
        _ => Err(format!("{} can't be read: {}", path.display(), String::from_utf8_lossy(&output.stderr).trim())),
    }
}

#[cfg(test)]
mod tests {
    use super::{Purpose, Saved, write};

    fn saved(name: &str) -> Saved {
        let folder = std::env::temp_dir().join(format!("xtask-saved-{}-{name}", std::process::id()));
        let saved = Saved { folder };
        saved.clear().unwrap();
        saved
    }

    #[test]
    fn only_the_plan_that_was_saved_is_taken_and_only_for_its_purpose() {
        let saved = saved("purpose");
        assert!(saved.check(Purpose::Apply).unwrap_err().contains("no saved plan"));
        write(&saved.plan(), "plan").unwrap();
        let digest = saved.seal(Purpose::Apply).unwrap();
        assert_eq!(digest.len(), 64);
        assert_eq!(saved.check(Purpose::Apply).unwrap(), digest);
        assert!(saved.check(Purpose::Destroy).unwrap_err().contains("one to apply"));
        write(&saved.plan(), "another").unwrap();
        assert!(saved.check(Purpose::Apply).unwrap_err().contains("not the one that was saved"));
        std::fs::remove_dir_all(&saved.folder).unwrap();
    }

    #[test]
    fn a_new_plan_leaves_nothing_of_the_old_one() {
        let saved = saved("clear");
        write(&saved.plan(), "plan").unwrap();
        saved.seal(Purpose::Destroy).unwrap();
        saved.clear().unwrap();
        assert!(saved.stamped().is_err());
        std::fs::remove_dir_all(&saved.folder).unwrap();
    }
}
