//! The Rust SDK's caller of the transfer API: built on its own, because AWS's SDK is no dependency of the product.

use std::path::PathBuf;
use std::process::Command;

use super::python;
use super::step::call;
use crate::workspace::{cargo, root};

/// The variable that tells the tests where the program is.
const VARIABLE: &str = "SEALPOST_SDK";

/// The program's workspace.
const SOURCE: &str = "crates/sealpost-testkit/sdk";

fn folder() -> PathBuf {
    python::cache().join("sdk")
}

/// Builds it; what is up to date is not built again.
pub(super) fn build() -> Result<(), String> {
    let mut build = cargo();
    build.args(["build", "--locked", "--quiet", "--manifest-path"]).arg(root().join(SOURCE).join("Cargo.toml"));
    call(build.arg("--target-dir").arg(folder()))
}

/// Tells a command where it is.
pub(super) fn tell(command: &mut Command) {
    command.env(VARIABLE, folder().join("debug/sealpost-sdk-caller"));
}
