//! A server that speaks Vault's API, for the tests of secrets: RustyVault, built once into the user's cache. Vault itself is no
//! package of Debian's.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::python;
use super::step::call;
use crate::workspace::cargo;

/// The variable that tells the tests where the program is.
const VARIABLE: &str = "SEALPOST_RVAULT";

/// What is built, with the dependencies of its own lock file.
const CRATE: &str = "rusty_vault";
const VERSION: &str = "0.2.1";

fn folder() -> PathBuf {
    python::cache().join("rvault")
}

fn program() -> PathBuf {
    folder().join("bin/rvault")
}

/// Builds it, unless it is there.
pub(super) fn install() -> Result<(), String> {
    let program = program();
    if works() {
        println!("    {} is up to date", program.display());
        return Ok(());
    }
    println!("    building {CRATE} {VERSION}, which takes some minutes");
    let target = folder().join("build");
    let mut build = cargo();
    build.args(["install", CRATE, "--version", VERSION, "--locked", "--debug", "--force", "--quiet", "--no-track"]);
    build.arg("--root").arg(folder()).arg("--target-dir").arg(&target);
    // It runs for seconds: neither its speed nor its symbols are worth a minute of building.
    build.env("CARGO_PROFILE_DEV_DEBUG", "0").env("CARGO_INCREMENTAL", "0");
    call(&mut build)?;
    drop(std::fs::remove_dir_all(&target));
    if works() { Ok(()) } else { Err(format!("{} was built, but does not start", program.display())) }
}

/// Whether the program is there, in this version, and finds its libraries.
fn works() -> bool {
    let output = Command::new(program()).arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).output();
    output.is_ok_and(|output| output.status.success() && String::from_utf8_lossy(&output.stdout).contains(VERSION))
}

/// Tells a command where it is.
pub(super) fn tell(command: &mut Command) {
    command.env(VARIABLE, program());
}
