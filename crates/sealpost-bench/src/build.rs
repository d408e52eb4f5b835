//! How long the release takes to build from nothing: what a change of the dependencies or of the profile costs whoever waits for it.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::parts::{Bench, Sheet};
use crate::row::Row;
use crate::serving;

/// The most processor time that it may take, in minutes.
const LIMIT: f64 = 20.0;

/// Builds into an empty folder, which goes with the rest. Sources come from cargo's cache.
pub(crate) fn measure(bench: &Bench<'_>) -> Result<Sheet> {
    if bench.arguments.quick {
        let remarks = "The release is not built from nothing with --quick.\n".to_owned();
        return Ok(Sheet { remarks, ..Sheet::default() });
    }
    let folder = serving::disk().context("a folder to build in")?;
    let (before, begun) = (serving::cpu_seconds_of_children()?, Instant::now());
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--release", "--locked", "--quiet", "--package", "sealpost", "--manifest-path"]);
    build.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml")).arg("--target-dir").arg(folder.path());
    ensure!(build.status().context("start cargo")?.success(), "the release build failed");
    let minutes = (serving::cpu_seconds_of_children()? - before) / 60.0;
    println!("the release was built from nothing in {:.1} minutes", begun.elapsed().as_secs_f64() / 60.0);
    Ok(Sheet::of(vec![Row::lower("build: the release from nothing", "CPU min", minutes, ("the limit", LIMIT), 1.0)]))
}
