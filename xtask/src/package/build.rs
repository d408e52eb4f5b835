//! Builds the binary of a package: small, without the names of this machine's folders, for one architecture.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Architecture, GLIBC};
use crate::workspace::{cargo, root};

/// The profile in the root Cargo.toml.
const PROFILE: &str = "function";

/// Builds for the architecture; gives the binary. Zig links against the glibc that is asked for, whatever this machine has, and
/// for other architectures.
pub(super) fn build(architecture: Architecture, zig: bool) -> Result<PathBuf, String> {
    let target = architecture.target();
    has_standard_library(target)?;
    let zig = zig || !architecture.is_this_machines();
    if zig {
        crate::test::python::install()?;
    }
    let mut build = cargo();
    if zig {
        crate::test::python::on_path(&mut build);
        build.args(["zigbuild", "--target", &format!("{target}.{GLIBC}")]);
    } else {
        build.args(["build", "--target", target]);
    }
    // Without jemalloc: a function has one request at a time, and starts often.
    build.args([
        "--locked",
        "--profile",
        PROFILE,
        "--package",
        "sealpost",
        "--bin",
        "sealpost",
        "--no-default-features",
    ]);
    let [rust, c] = remapped();
    build.env("CARGO_ENCODED_RUSTFLAGS", rust.join("\x1f")).env_remove("RUSTFLAGS");
    // What C compilers write down of `__FILE__` and of times.
    build.env("CFLAGS", c.join(" ")).env("CXXFLAGS", c.join(" ")).env("SOURCE_DATE_EPOCH", "315532800");
    let built = build.status().map_err(|error| format!("start cargo: {error}"))?;
    if !built.success() {
        return Err(format!("the build for {target} failed"));
    }
    Ok(self::target().join(target).join(PROFILE).join("sealpost"))
}

/// The folder that cargo builds in.
pub(super) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// What the compiler needs for a target, which it says itself.
fn has_standard_library(target: &str) -> Result<(), String> {
    let asked = Command::new("rustc").args(["--print", "target-libdir", "--target", target]).output();
    let folder = asked.map_err(|error| format!("start rustc: {error}"))?.stdout;
    let folder = PathBuf::from(String::from_utf8_lossy(&folder).trim());
    let has = std::fs::read_dir(&folder)
        .is_ok_and(|entries| entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-")));
    if has {
        return Ok(());
    }
    Err(format!(
        "this toolchain has no standard library for {target}: `rustup target add {target}` (looked in {})",
        folder.display()
    ))
}

/// Options of rustc and of C compilers by which no folder of this machine gets into the binary.
fn remapped() -> [Vec<String>; 2] {
    let home = |variable: &str, folder: &str| {
        let home = std::env::var_os("HOME").unwrap_or_default();
        std::env::var_os(variable).map_or_else(|| Path::new(&home).join(folder), PathBuf::from)
    };
    // The last one that fits counts, so those inside of others come after them.
    let folders = [
        (home("CARGO_HOME", ".cargo"), "/cargo"),
        (home("RUSTUP_HOME", ".rustup"), "/rustup"),
        (root(), "/sealpost"),
        (target(), "/target"),
    ];
    let [mut rust, mut c] = [Vec::new(), Vec::new()];
    for (from, to) in folders {
        rust.push(format!("--remap-path-prefix={}={to}", from.display()));
        c.push(format!("-ffile-prefix-map={}={to}", from.display()));
    }
    [rust, c]
}
