//! A virtual environment for the tests: Debian's own Python may not be installed into.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use super::pip;
use super::step::call;
use crate::workspace::{read, root};

/// Where what tests install is kept: in the user's cache, or in `target/` where there is none. Found once: steps that run side by
/// side would take each other's probes away, and see a folder that can't be written.
pub(crate) fn cache() -> PathBuf {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(find_cache).clone()
}

fn find_cache() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")))
        .map(|cache| cache.join("sealpost"))
        .filter(|folder| std::fs::create_dir_all(folder).is_ok() && is_writable(folder));
    cache.unwrap_or_else(|| root().join("target"))
}

/// The environment's folder. One per set of requirements.
fn folder() -> PathBuf {
    cache().join("python")
}

fn is_writable(folder: &Path) -> bool {
    let probe = folder.join(format!(".probe-{}", std::process::id()));
    let written = std::fs::write(&probe, b"").is_ok();
    written && std::fs::remove_file(&probe).is_ok()
}

/// Makes the environment of the tests, unless one with the same requirements and interpreter is there.
pub(crate) fn install() -> Result<(), String> {
    make(&folder(), "requirements.txt", Some("constraints.txt"), "import moto, pyarrow")
}

/// Makes the environment of the bench's peers likewise; gives its interpreter.
pub(crate) fn install_peers() -> Result<PathBuf, String> {
    let folder = cache().join("bench-python");
    make(&folder, "bench-requirements.txt", None, "import pandas, gnupg, paramiko")?;
    Ok(folder.join("bin/python3"))
}

/// `constraints` has the versions of what the requirements need themselves.
fn make(folder: &Path, requirements: &str, constraints: Option<&str>, probe: &str) -> Result<(), String> {
    let requirements = root().join("xtask").join(requirements);
    let constraints = constraints.map(|name| root().join("xtask").join(name));
    let interpreter = interpreter()?;
    let mut stamp = format!("{interpreter}\n{}", read(&requirements)?);
    if let Some(constraints) = &constraints {
        stamp.push_str(&read(constraints)?);
    }
    let stamp_file = folder.join("sealpost-stamp");
    let works = |folder: &Path| {
        let run = Command::new(folder.join("bin/python3")).args(["-c", probe]).stderr(Stdio::null()).status();
        run.is_ok_and(|status| status.success())
    };
    if std::fs::read_to_string(&stamp_file).is_ok_and(|found| found == stamp) && works(folder) {
        println!("    {} is up to date", folder.display());
        return Ok(());
    }
    println!("    making {}", folder.display());
    call(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder))?;
    let mut pip = pip::install(&folder.join("bin/python3"));
    pip.arg("--requirement").arg(&requirements);
    if let Some(constraints) = &constraints {
        pip.arg("--constraint").arg(constraints);
    }
    pip::run(&mut pip)?;
    std::fs::write(&stamp_file, stamp).map_err(|error| format!("write {}: {error}", stamp_file.display()))
}

/// Which python3 it is: an environment made by another one has to be made again.
fn interpreter() -> Result<String, String> {
    let script =
        "import sys; assert sys.version_info >= (3, 9), sys.version; print(sys.executable, sys.version_info[:3])";
    let output =
        Command::new("python3").args(["-c", script]).output().map_err(|error| format!("start python3: {error}"))?;
    if !output.status.success() {
        return Err(format!("python3 is older than 3.9: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// A program of the environment, with the environment on its PATH.
pub(crate) fn program(name: &str) -> Command {
    let mut command = Command::new(folder().join("bin").join(name));
    on_path(&mut command);
    command
}

/// Puts the environment first on a command's PATH, so that `python3` and `moto_server` are its.
pub(crate) fn on_path(command: &mut Command) {
    let folder = folder();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder.join("bin")).chain(std::env::split_paths(&path));
    // A folder with a colon in its name can't stand on a PATH; then the tests see the python3 that is there.
    if let Ok(joined) = std::env::join_paths(folders) {
        command.env("PATH", joined).env("VIRTUAL_ENV", folder).env_remove("PYTHONHOME");
    }
}

#[cfg(test)]
mod tests {
    use super::{read, root};

    /// The names in a file of exact versions, as the index of packages compares them.
    fn names(file: &str) -> Vec<String> {
        let text = read(&root().join("xtask").join(file)).unwrap();
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.map(|line| name(line).unwrap_or_else(|| panic!("{file}: {line}"))).collect()
    }

    fn name(line: &str) -> Option<String> {
        let (name, version) = line.split_once("==")?;
        let is_exact = version.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
        let name = name.split('[').next()?.to_lowercase().replace(['_', '.'], "-");
        is_exact.then_some(name)
    }

    #[test]
    fn every_package_has_one_version_and_it_stands_once() {
        for files in [&["requirements.txt", "constraints.txt"][..], &["checkov-constraints.txt"]] {
            let mut all: Vec<String> = files.iter().flat_map(|file| names(file)).collect();
            let count = all.len();
            all.sort();
            all.dedup();
            assert_eq!(all.len(), count, "{files:?}");
        }
    }

    #[test]
    fn a_range_is_no_version() {
        assert_eq!(name("moto[server]==5.2.1").as_deref(), Some("moto"));
        for line in ["hypothesis<7", "hypothesis==6.*", "idna==3.20 ; x"] {
            assert_eq!(name(line), None, "{line}");
        }
    }
}
