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
    let program = |name: &str, program: &Path| -> Result<Row> {
        Ok(Row::lower(name, "MB", size(program)?, ("the limit", PROGRAM), 1.0))
    };
    let mut sheet = Sheet::default();
    match (package(bench.arguments), packaged(bench)?) {
        (Some(package), Some(unpacked)) => {
            // The package has the program as it is installed.
            sheet.rows.push(program("size: the program, as it is installed", &unpacked)?);
            let limit = ("the limit", PACKAGE);
            sheet.rows.push(Row::lower("size: the package of functions", "MB", size(package)?, limit, 1.0));
        }
        _ => {
            sheet.rows.push(program("size: the program, quickly built", &site::sealpost(bench.arguments)?)?);
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
