//! `cargo xtask bench`: builds the product and its bench for release, and runs the bench.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::workspace::{cargo, root};

pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    crate::test::packages::install_with_peers()?;
    crate::test::python::install()?;
    let mut build = cargo();
    build.args(["build", "--release", "--locked", "--package", "sealpost-bench"]);
    // Transfers alone are the bench's own program, which has the engine in it.
    if !arguments.iter().any(|argument| argument == "--transfer") {
        build.args(["--package", "sealpost"]);
    }
    let built = build.status().map_err(|error| format!("start cargo: {error}"))?;
    if !built.success() {
        return Err("the release build failed".into());
    }
    let has = |option: &str| arguments.iter().any(|argument| argument == option);
    let hello = if has("--transfer") || has("--edge") { None } else { Some(hello()?) };
    let mut bench = cargo();
    crate::test::python::on_path(&mut bench);
    let ran = bench
        .args(["run", "--release", "--locked", "--quiet", "--package", "sealpost-bench", "--manifest-path"])
        .arg(root().join("Cargo.toml"))
        .arg("--")
        .args(arguments)
        .args(hello.iter().flat_map(|file| [OsString::from("--hello"), file.into()]))
        // So that `--json FILE` means what it means to whoever typed it.
        .current_dir(std::env::current_dir().map_err(|error| format!("the current folder: {error}"))?)
        .status()
        .map_err(|error| format!("start cargo: {error}"))?;
    if ran.success() { Ok(()) } else { Err("the bench failed".into()) }
}

/// Builds the peer of cold starts, which is no member of the workspace; gives its binary.
fn hello() -> Result<PathBuf, String> {
    let folder = root().join("crates/sealpost-bench/hello");
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from).join("hello");
    let built = cargo()
        .args(["build", "--release", "--locked", "--manifest-path"])
        .arg(folder.join("Cargo.toml"))
        .env("CARGO_TARGET_DIR", &target)
        .status()
        .map_err(|error| format!("start cargo: {error}"))?;
    if built.success() { Ok(target.join("release/hello")) } else { Err("the build of the peer failed".into()) }
}
