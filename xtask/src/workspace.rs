//! Where the workspace is, which files it tracks, and how cargo is called in it.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of the root Cargo.toml.
///
/// Cargo sets the variable when it runs us, so a workspace that was moved after the build is still found.
pub(crate) fn root() -> PathBuf {
    let here =
        std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.parent().map_or(here.clone(), Path::to_path_buf)
}

/// The cargo that runs us, started in the root.
pub(crate) fn cargo() -> Command {
    in_the_root(Command::new(cargos_name()))
}

/// The same, with what nobody else takes of the processor: a test that looks at the clock must not notice.
pub(crate) fn patient_cargo() -> Command {
    let mut command = Command::new("nice");
    command.args(["-n", "19"]).arg(cargos_name());
    in_the_root(command)
}

/// cargo, ended when it takes longer than that.
pub(crate) fn limited_cargo(limit: &str) -> Command {
    in_the_root(limited(limit, &cargos_name()))
}

/// A program that is ended, with all that it has started, when it takes longer than that. Without `timeout`, nothing ends it.
pub(crate) fn limited(limit: &str, name: &OsStr) -> Command {
    let Some(timeout) = program("timeout") else { return Command::new(name) };
    let mut command = Command::new(timeout);
    command.args(["--kill-after=30", limit]).arg(name);
    command
}

fn cargos_name() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"))
}

fn in_the_root(mut command: Command) -> Command {
    // What cargo tells us about ourselves is not meant for the cargo we start: it would rebuild whatever reads it.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG_")
            || name == "CARGO_MANIFEST_DIR"
            || name == "CARGO_MANIFEST_PATH"
        {
            command.env_remove(name);
        }
    }
    command.current_dir(root());
    command
}

/// Every file that belongs to the repository, relative to its root, sorted. New files count before they are committed.
pub(crate) fn files(root: &Path) -> Result<Vec<PathBuf>, String> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output();
    let mut files: Vec<PathBuf> = match listed {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout)
            .split('\0')
            .filter(|name| !name.is_empty())
            .map(PathBuf::from)
            .collect(),
        // An unpacked archive is no repository, and a bare machine may have no git.
        _ => {
            let mut found = Vec::new();
            walk(root, Path::new(""), &mut found)?;
            found
        }
    };
    files.retain(|file| root.join(file).is_file());
    files.sort();
    files.dedup();
    Ok(files)
}

fn walk(root: &Path, under: &Path, found: &mut Vec<PathBuf>) -> Result<(), String> {
    let folder = root.join(under);
    let entries = std::fs::read_dir(&folder).map_err(|error| format!("read {}: {error}", folder.display()))?;
    for entry in entries {
        let entry = entry.map_err(|error| format!("read {}: {error}", folder.display()))?;
        let name = entry.file_name();
        if name == ".git" || name == "target" || name == "sealpost-demo" {
            continue;
        }
        let path = under.join(&name);
        if entry.path().is_dir() {
            walk(root, &path, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

/// The text of a file, or why it can't be read.
pub(crate) fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("read {}: {error}", path.display()))
}

/// The first program of this name on the PATH, or in the folders that Debian keeps off a plain user's PATH.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/lib/openssh"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}
