//! `cargo xtask fuzz-api`: schemathesis against a running product, every check on, as the OpenAPI documents describe it.
//!
//! Each plane gets a product of its own, since operators' requests remove partners and keys. What is written beside this
//! file: how each plane is run, with a reason for each exception (`partner.toml`, `operator.toml`), and what a valid
//! request is beyond what a document can say (`narrow.py`).

mod arguments;
mod product;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

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
    build()?;
    fuzz(&arguments)
}

/// The step of `cargo xtask test`: short, and the same each time.
pub(crate) fn short() -> Result<(), String> {
    // With the features that the tests have it built with, or half of the workspace would be compiled once more.
    compile(&["test", "--no-run", "--workspace", "--lib", "--bins", "--tests"])?;
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
    compile(&["build", "--package", "sealpost"])
}

/// Once in a run of ours: a later step takes the program as an earlier one has built it, whatever its features are.
fn compile(arguments: &[&str]) -> Result<(), String> {
    static IS_BUILT: AtomicBool = AtomicBool::new(false);
    if IS_BUILT.load(Ordering::Relaxed) {
        return Ok(());
    }
    let built = cargo().args(arguments).args(["--locked", "--quiet"]).status();
    if !built.map_err(|error| format!("start cargo: {error}"))?.success() {
        return Err("the build failed".into());
    }
    IS_BUILT.store(true, Ordering::Relaxed);
    Ok(())
}

/// The planes side by side: schemathesis asks one thing after the other, and waits for each answer.
fn fuzz(arguments: &Arguments) -> Result<(), String> {
    let seed = arguments.seed.unwrap_or_else(fresh_seed);
    let outcomes = std::thread::scope(|scope| {
        let start = |plane: &Plane| {
            let plane = *plane;
            (plane, scope.spawn(move || fuzz_plane(plane, &arguments.length, seed)))
        };
        let running: Vec<_> = arguments.planes.iter().map(start).collect();
        running.into_iter().map(|(plane, thread)| (plane, thread.join())).collect::<Vec<_>>()
    });
    let mut failed = Vec::new();
    for (plane, outcome) in outcomes {
        println!("    {} plane, seed {seed}", plane.name());
        let outcome = outcome.map_err(|_| format!("the thread of the {} plane ended early", plane.name()))??;
        print!("{}", outcome.printed);
        if !outcome.found_nothing {
            failed.push(plane.name());
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

struct Outcome {
    found_nothing: bool,
    /// What there is to show of it.
    printed: String,
}

fn fuzz_plane(plane: Plane, length: &Length, seed: u32) -> Result<Outcome, String> {
    let folder = std::env::temp_dir().join(format!("sealpost-fuzz-{}-{}", std::process::id(), plane.name()));
    let product = Product::start(&folder)?;
    let outcome = schemathesis(&product, &folder, plane, length, seed);
    let log = product.stop();
    let mut outcome = outcome?;
    if outcome.found_nothing {
        drop(std::fs::remove_dir_all(&folder));
    } else {
        // What the product logged at the time: warnings and errors only.
        outcome.printed.push_str(&log);
        outcome.printed.push_str(&format!("    the product's folder is kept: {}\n", folder.display()));
    }
    Ok(outcome)
}

/// Runs schemathesis to its end.
fn schemathesis(product: &Product, folder: &Path, plane: Plane, length: &Length, seed: u32) -> Result<Outcome, String> {
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
    let ran = command.current_dir(folder).stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let ran = ran.map_err(|error| format!("start schemathesis: {error}"))?;
    let printed = String::from_utf8_lossy(&ran.stdout).into_owned();
    match ran.status.code() {
        Some(0) => Ok(Outcome { found_nothing: true, printed }),
        Some(1) => Ok(Outcome { found_nothing: false, printed }),
        _ => Err(format!("schemathesis ended with {}: {printed}", ran.status)),
    }
}

/// A seed that nobody chose; it is printed, so that a run can be repeated.
fn fresh_seed() -> u32 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(1, |since| since.subsec_nanos() ^ (since.as_secs() as u32))
}
