//! checkov: policies about what Terraform would make. In an environment of its own, since it pins what others need newer.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::terraform::output;
use crate::test::{pip, python};
use crate::workspace::{read, root};

/// Pinned, so that a run today and a run in a year ask the same.
const PACKAGE: &str = "checkov==3.3.30";
/// The versions of what it needs itself.
const CONSTRAINTS: &str = "xtask/checkov-constraints.txt";

fn folder() -> PathBuf {
    python::cache().join("checkov")
}

/// Makes the environment, unless it is there.
pub(super) fn install() -> Result<(), String> {
    let folder = folder();
    let constraints = root().join(CONSTRAINTS);
    let stamp = format!("{PACKAGE}\n{}", read(&constraints)?);
    let stamp_file = folder.join("sealpost-stamp");
    let works = || {
        let mut version = Command::new(folder.join("bin/checkov"));
        let status = version.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    if std::fs::read_to_string(&stamp_file).is_ok_and(|found| found == stamp) && works() {
        return Ok(());
    }
    println!("    making {}", folder.display());
    output(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    pip::run(pip::install(&folder.join("bin/python3")).args([PACKAGE, "--constraint"]).arg(&constraints))?;
    std::fs::write(&stamp_file, stamp).map_err(|error| format!("write {}: {error}", stamp_file.display()))
}

/// All of its checks, but for the exceptions that stand in the files; the line with the numbers.
pub(super) fn run(tree: &Path) -> Result<String, String> {
    let mut command = Command::new(folder().join("bin/checkov"));
    command.args(["--directory", ".", "--config-file", ".checkov.yaml"]).current_dir(tree).stdin(Stdio::null());
    // It would ask the network for newer versions of itself.
    command.env("CHECKOV_RUN_SCA_PACKAGE_SCAN_V2", "false").env("LOG_LEVEL", "ERROR");
    let printed = output(&mut command)?;
    let tally = printed.lines().find(|line| line.starts_with("Passed checks: ")).unwrap_or_default().to_owned();
    if tally.is_empty() || tally.starts_with("Passed checks: 0,") {
        return Err(format!("checkov looked at nothing\n{printed}"));
    }
    Ok(tally)
}
