//! `cargo xtask bench`: builds the product and its bench for release, and runs the bench.

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
