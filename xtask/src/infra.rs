//! `cargo xtask infra`: the Terraform of the cloud shape, checked for real: formatting, types and references of every root module, the
//! modules' logic with a mocked provider, policies by checkov, and what the emulator holds, made and destroyed.
//!
//! It works on a copy, so that nothing of it stays in the clone.

mod agreement;
mod checkov;
mod emulator;
mod terraform;

use std::path::{Path, PathBuf};
use std::time::Instant;

use terraform::Terraform;

use crate::test::{Outcome, python};
use crate::workspace::{files, program, root};

/// Where it stands in the repository.
const FOLDER: &str = "deploy/terraform";
/// What is applied by somebody; the first is the whole that the others call, and has the tests.
const ROOTS: [&str; 5] = [".", "environments/dev", "environments/staging", "environments/prod", "bootstrap"];
/// What is applied to the emulator.
const EMULATED: &str = "tests/moto";

/// One of the checks that run at once; what it says when all is well.
type Lane<'a> = &'a (dyn Fn() -> Result<String, String> + Sync);

/// The command: with what it needs.
pub(crate) fn run() -> Result<(), String> {
    python::install()?;
    check().map(drop)
}

/// Makes what its check of policies needs, where there is a Terraform to check. That there is none is no failure here, not even
/// where `CI` is set: the steps that need it say so, and what is made here is for others too.
pub(crate) fn install() -> Result<(), String> {
    if program("terraform").is_some() { checkov::install() } else { Ok(()) }
}

/// The step of `cargo xtask test`.
pub(crate) fn check() -> Result<Outcome, String> {
    agreement::check()?;
    println!("    ok  scopes, log lines and the usage key are the program's");
    let copy = Copy::make()?;
    let Some(terraform) = Terraform::find()? else {
        return Ok(Outcome::NotChecked("terraform is not on the PATH, so deploy/terraform was not looked at".into()));
    };
    checkov::install()?;
    println!("    {}", terraform.description());
    // One after the other: where providers come from the network, they share a cache that is not made for more.
    for folder in ROOTS.iter().chain([&EMULATED]) {
        terraform.init(&copy.0.join(folder))?;
    }
    let lanes: [(&str, Lane<'_>); 4] = [
        ("formatting and types", &|| types(&terraform, &copy.0)),
        ("terraform test", &|| terraform.test(&copy.0)),
        ("checkov", &|| checkov::run(&copy.0)),
        ("apply and destroy", &|| emulator::run(&terraform, &copy.0.join(EMULATED))),
    ];
    // At once: the emulator's part is mostly waiting.
    let outcomes = std::thread::scope(|scope| {
        let begun = Instant::now();
        let running = lanes.map(|(name, lane)| (name, scope.spawn(move || (lane(), begun.elapsed()))));
        running.map(|(name, thread)| (name, thread.join()))
    });
    let mut failed = Vec::new();
    for (name, outcome) in outcomes {
        match outcome {
            Ok((Ok(summary), took)) => println!("    ok  {name}: {summary} ({} s)", took.as_secs()),
            Ok((Err(message), _)) => {
                println!("    {name}:\n{message}");
                failed.push(name);
            }
            Err(_) => failed.push(name),
        }
    }
    if failed.is_empty() { Ok(Outcome::Ran) } else { Err(format!("failed: {}", failed.join(", "))) }
}

/// `fmt -check`, and `validate` of every root module.
fn types(terraform: &Terraform, copy: &Path) -> Result<String, String> {
    terraform.check_format(copy)?;
    for folder in ROOTS.iter().chain([&EMULATED]) {
        terraform.validate(&copy.join(folder))?;
    }
    Ok(format!("{} root modules", ROOTS.len() + 1))
}

/// The repository's files of Terraform in a folder of their own, which is removed at the end.
struct Copy(PathBuf);

impl Copy {
    fn make() -> Result<Self, String> {
        let failed = |what: &Path| {
            let what = what.display().to_string();
            move |error: std::io::Error| format!("copy {what}: {error}")
        };
        let copy = Self(std::env::temp_dir().join(format!("sealpost-infra-{}", std::process::id())));
        drop(std::fs::remove_dir_all(&copy.0));
        let root = root();
        for file in files(&root)? {
            let Ok(inner) = file.strip_prefix(FOLDER) else { continue };
            // The hashes in lock files are those of one platform.
            if inner.ends_with(".terraform.lock.hcl") && !terraform::is_locked_platform() {
                continue;
            }
            let target = copy.0.join(inner);
            if let Some(parent) = target.parent() {
                std::fs::create_dir_all(parent).map_err(failed(parent))?;
            }
            std::fs::copy(root.join(&file), &target).map_err(failed(&file))?;
        }
        Ok(copy)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}
