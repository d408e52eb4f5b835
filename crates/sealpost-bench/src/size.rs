//! The program and the package of the functions: what has to be read before anything runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::arguments::Arguments;
use crate::parts::{Bench, Sheet};
use crate::row::Row;
use crate::site;

const MB: f64 = 1e6;
/// The most that they may have, in MB.
const PROGRAM: f64 = 40.0;
const PACKAGE: f64 = 15.0;

/// Measures.
pub(crate) fn measure(bench: &Bench<'_>) -> Result<Sheet> {
    let size = |file: &Path| -> Result<f64> {
        let bytes = fs::metadata(file).with_context(|| format!("{}", file.display()))?.len();
        #[expect(clippy::cast_precision_loss, reason = "sizes of files are far below 2^52")]
        Ok(bytes as f64 / MB)
    };
    let program = site::sealpost(bench.arguments)?;
    let mut sheet = Sheet::of(vec![Row::lower(
        "size: the program, as it is installed",
        "MB",
        size(&program)?,
        ("the limit", PROGRAM),
        1.0,
    )]);
    match package(bench.arguments) {
        Some(package) => {
            let limit = ("the limit", PACKAGE);
            sheet.rows.push(Row::lower("size: the package of functions", "MB", size(package)?, limit, 1.0));
        }
        None => {
            let why = "There is no package of functions: `cargo xtask package` builds it, in some minutes.\n";
            sheet.remarks.push_str(why);
        }
    }
    Ok(sheet)
}

fn package(arguments: &Arguments) -> Option<&Path> {
    arguments.package.as_deref().filter(|package| package.is_file())
}

/// The program out of the package, where there is one.
///
/// # Errors
/// When it can't be unpacked.
pub(crate) fn packaged(bench: &Bench<'_>) -> Result<Option<PathBuf>> {
    let Some(package) = package(bench.arguments) else { return Ok(None) };
    let folder = bench.unpacked();
    let unpacked = Command::new("unzip").args(["-q", "-o", "-d"]).arg(folder).arg(package).arg("bootstrap").status();
    ensure!(unpacked.context("start unzip")?.success(), "{} can't be unpacked", package.display());
    // Under its own name it is the function that the environment names, and has no command line.
    let program = folder.join("sealpost");
    fs::rename(folder.join("bootstrap"), &program).context("rename the program")?;
    Ok(Some(program))
}
