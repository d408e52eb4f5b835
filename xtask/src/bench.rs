//! `cargo xtask bench`: builds the product and its bench as they are installed, and runs the bench.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::workspace::{cargo, root};

/// What is measured is what is installed (README.md); the peers that are part of the bench are built alike.
const PROFILE: &str = "dist";
/// Files in memory are the same for everyone, and take no part of the time.
const MEMORY: &str = "/dev/shm";
/// Room for a large report in any format, the database and everybody's files, in KiB.
const ROOM_KIB: u64 = 12 << 20;
/// What the bench can be asked for; none is all.
const PARTS: [&str; 11] =
    ["reports", "formats", "sealing", "edge", "jobs", "memory", "growth", "lambda", "transfer", "size", "build"];

pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let has = |option: &str| arguments.iter().any(|argument| argument == option || *argument == format!("--{option}"));
    let needs = |part: &str| has(part) || !PARTS.iter().any(|part| has(part));
    crate::test::packages::install_with_peers()?;
    crate::test::python::install()?;
    let peers = if needs("reports") || needs("formats") { Some(crate::test::python::install_peers()?) } else { None };
    let mut build = cargo();
    build.args(["build", "--profile", PROFILE, "--locked", "--package", "sealpost-bench"]);
    // Transfers alone are the bench's own program, which has the engine in it.
    if PARTS.iter().any(|part| *part != "transfer" && needs(part)) {
        build.args(["--package", "sealpost"]);
    }
    let built = build.status().map_err(|error| format!("start cargo: {error}"))?;
    if !built.success() {
        return Err("the build failed".into());
    }
    let hello = if needs("lambda") { Some(hello()?) } else { None };
    let out = target().join("bench");
    // What was built just now, not `cargo run`: for one package alone cargo chooses other features of what both depend on, and
    // would build half of it once more.
    let mut bench = std::process::Command::new(target().join(PROFILE).join("sealpost-bench"));
    crate::test::python::on_path(&mut bench);
    // What is given later counts.
    bench.arg("--json").arg(out.join("bench.json")).arg("--plot").arg(out.join("bench.svg")).args(arguments);
    bench.args(hello.iter().flat_map(|file| [OsString::from("--hello"), file.into()]));
    bench.arg("--package").arg(crate::package::archive());
    bench.envs(peers.iter().map(|interpreter| ("SEALPOST_BENCH_PYTHON", interpreter)));
    if free_kib(Path::new(MEMORY)).is_some_and(|free| free >= ROOM_KIB) {
        bench.env("TMPDIR", MEMORY);
    }
    // So that `--json FILE` means what it means to whoever typed it.
    bench.current_dir(std::env::current_dir().map_err(|error| format!("the current folder: {error}"))?);
    let ran = bench.status().map_err(|error| format!("start the bench: {error}"))?;
    println!("the table as JSON and as a picture: {}/bench.json, bench.svg (unless you named others)", out.display());
    if ran.success() { Ok(()) } else { Err("the bench failed".into()) }
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Builds the peer of cold starts, which is no member of the workspace; gives its binary.
fn hello() -> Result<PathBuf, String> {
    let folder = root().join("crates/sealpost-bench/hello");
    let target = target().join("hello");
    let built = cargo()
        .args(["build", "--release", "--locked", "--manifest-path"])
        .arg(folder.join("Cargo.toml"))
        .env("CARGO_TARGET_DIR", &target)
        .status()
        .map_err(|error| format!("start cargo: {error}"))?;
    if built.success() { Ok(target.join("release/hello")) } else { Err("the build of the peer failed".into()) }
}

/// What is free where this folder is, in KiB.
fn free_kib(folder: &Path) -> Option<u64> {
    let mut df = std::process::Command::new("df");
    let said = df.args(["--output=avail", "-k"]).arg(folder).output().ok()?;
    String::from_utf8_lossy(&said.stdout).lines().nth(1)?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_those_of_the_bench() {
        let table =
            std::fs::read_to_string(root().join("crates/sealpost-bench/src/parts.rs")).expect("the bench's parts");
        let named: Vec<&str> = table
            .match_indices("name: \"")
            .filter_map(|(at, opening)| table[at + opening.len()..].split('"').next())
            .collect();
        assert_eq!(named, PARTS);
    }
}
