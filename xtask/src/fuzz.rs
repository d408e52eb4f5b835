//! `cargo xtask fuzz-api`: schemathesis against a running product, every check on, as the OpenAPI documents describe it.
//!
//! Each plane gets a product of its own, since operators' requests remove partners and keys. What is written beside this
//! file: how each plane is run, with a reason for each exception (`partner.toml`, `operator.toml`), and what a valid
//! request is beyond what a document can say (`narrow.py`).

mod arguments;
mod product;

use std::path::Path;
use std::process::{Command, Stdio};

use arguments::{Arguments, Length, Plane};
use product::Product;

use crate::test::python;
use crate::workspace::{cargo, root};

/// The seed of the short run, so that it tests the same each time.
const SEED: u32 = 20_260_201;
/// Examples per operation of the short run.
const EXAMPLES: u32 = 20;

/// The command.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let arguments = Arguments::parse(arguments)?;
    python::install()?;
    fuzz(&arguments)
}

/// The step of `cargo xtask test`: short, and the same each time.
pub(crate) fn short() -> Result<(), String> {
    fuzz(&Arguments { planes: Plane::ALL.to_vec(), length: Length::Examples(EXAMPLES), seed: Some(SEED) })
}

/// Runs the product with its made-up data for something else: gets its address and a partner's key.
pub(crate) fn with_product(name: &str, use_it: impl FnOnce(&str, &str) -> Result<(), String>) -> Result<(), String> {
    build()?;
    let folder = std::env::temp_dir().join(format!("sealpost-{name}-{}", std::process::id()));
    let product = Product::start(&folder)?;
    let outcome = use_it(product.url(Plane::Partner), product.key());
    drop(product);
    drop(std::fs::remove_dir_all(&folder));
    outcome
}

/// The product's own program, built.
pub(crate) fn program() -> Result<Command, String> {
    build()?;
    product::binary().map(Command::new)
}

fn build() -> Result<(), String> {
    let built = cargo().args(["build", "--locked", "--quiet", "--package", "sealpost"]).status();
    if built.map_err(|error| format!("start cargo: {error}"))?.success() {
        Ok(())
    } else {
        Err("the build failed".into())
    }
}

fn fuzz(arguments: &Arguments) -> Result<(), String> {
    build()?;
    let seed = arguments.seed.unwrap_or_else(fresh_seed);
    let mut failed = Vec::new();
    for plane in &arguments.planes {
        println!("    {} plane, seed {seed}", plane.name());
        let folder = std::env::temp_dir().join(format!("sealpost-fuzz-{}-{}", std::process::id(), plane.name()));
        let product = Product::start(&folder)?;
        let outcome = schemathesis(&product, &folder, *plane, &arguments.length, seed);
        let log = product.stop();
        match outcome {
            Ok(true) => drop(std::fs::remove_dir_all(&folder)),
            Ok(false) => {
                // What the product logged at the time: warnings and errors only.
                print!("{log}");
                println!("    the product's folder is kept: {}", folder.display());
                failed.push(plane.name());
            }
            Err(error) => return Err(error),
        }
    }
    match failed.as_slice() {
        [] => Ok(()),
        planes => Err(format!(
            "deviations on the {} plane; again with\n    cargo xtask fuzz-api --seed {seed} {} --plane {}",
            planes.join(" and "),
            arguments.length.as_option(),
            planes[0],
        )),
    }
}

/// Runs schemathesis to its end; whether it found nothing.
fn schemathesis(product: &Product, folder: &Path, plane: Plane, length: &Length, seed: u32) -> Result<bool, String> {
    let here = root().join("xtask/src/fuzz");
    let mut command = python::program("st");
    command.arg("--config-file").arg(here.join(format!("{}.toml", plane.name()))).arg("run");
    command.arg(format!("{}/openapi.json", product.url(plane))).args(["--no-color", "--seed", &seed.to_string()]);
    match length {
        Length::Examples(count) => command.args(["--max-examples", &count.to_string()]),
        Length::Minutes(count) => command.args(["--max-time", &(u64::from(*count) * 60).to_string()]),
    };
    command.envs(product.environment()?).env("SCHEMATHESIS_HOOKS", here.join("narrow.py"));
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    let status = command.current_dir(folder).stdin(Stdio::null()).status();
    let status = status.map_err(|error| format!("start schemathesis: {error}"))?;
    match status.code() {
        Some(0) => Ok(true),
        Some(1) => Ok(false),
        _ => Err(format!("schemathesis ended with {status}")),
    }
}

/// A seed that nobody chose; it is printed, so that a run can be repeated.
fn fresh_seed() -> u32 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(1, |since| since.subsec_nanos() ^ (since.as_secs() as u32))
}
