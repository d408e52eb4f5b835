//! `cargo xtask bench`: builds the product and its bench for release, and runs the bench.

use crate::workspace::{cargo, root};

pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    crate::test::packages::install_with_peers()?;
    crate::test::python::install()?;
    let built = cargo()
        .args(["build", "--release", "--locked", "--package", "sealpost", "--package", "sealpost-bench"])
        .status()
        .map_err(|error| format!("start cargo: {error}"))?;
    if !built.success() {
        return Err("the release build failed".into());
    }
    let mut bench = cargo();
    crate::test::python::on_path(&mut bench);
    let ran = bench
        .args(["run", "--release", "--locked", "--quiet", "--package", "sealpost-bench", "--manifest-path"])
        .arg(root().join("Cargo.toml"))
        .arg("--")
        .args(arguments)
        // So that `--json FILE` means what it means to whoever typed it.
        .current_dir(std::env::current_dir().map_err(|error| format!("the current folder: {error}"))?)
        .status()
        .map_err(|error| format!("start cargo: {error}"))?;
    if ran.success() { Ok(()) } else { Err("the bench failed".into()) }
}
