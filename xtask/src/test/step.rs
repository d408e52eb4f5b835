//! The steps of `cargo xtask test`, in their order.

use std::process::{Command, Stdio};

use super::{components, jenkins, packages, readme, runner, tools};
use crate::workspace::cargo;

/// A step: its name on the command line, what it does, whether the later ones make no sense without it.
#[derive(Clone, Copy)]
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    pub(super) needed: bool,
    pub(super) run: fn(&mut Context) -> Result<Outcome, String>,
}

/// How a step ended that did not fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All that it is for was done.
    Ran,
    /// Something could not be done here, and why.
    NotChecked(String),
}

/// The outcome of a step that does all of it or fails.
fn ran(result: Result<(), String>) -> Result<Outcome, String> {
    result.map(|()| Outcome::Ran)
}

/// What steps hand on.
pub(super) struct Context {
    /// Arguments for the test runner.
    pub(super) runner: Vec<String>,
    /// How many tests passed and failed.
    pub(super) tests: Option<runner::Tally>,
    /// The program of the README's first command, where it is being built already.
    pub(super) release: Option<readme::Building>,
}

/// Cheap and telling first.
pub(super) const STEPS: [Step; 13] = [
    Step {
        name: "install",
        what: "the servers and tools that the tests talk to",
        needed: true,
        run: |_| ran(install()),
    },
    Step {
        name: "tools",
        what: "what they start that is no package: readers in Python, Node's packages, a caller on AWS's SDK, Vault's stand-in",
        needed: true,
        run: |_| ran(tools::make()),
    },
    Step {
        name: "fmt",
        what: "formatting",
        needed: false,
        run: |_| ran(call(cargo().args(["fmt", "--all", "--check"]))),
    },
    Step { name: "tidy", what: "the house rules", needed: false, run: |_| ran(crate::tidy::run()) },
    Step { name: "deny", what: "licences, bans and sources of dependencies", needed: false, run: |_| deny() },
    Step { name: "clippy", what: "lints, warnings are errors", needed: false, run: |_| ran(call(&mut clippy())) },
    Step {
        name: "tests",
        what: "every test of every crate",
        needed: false,
        run: |context| ran(runner::tests(context)),
    },
    Step {
        name: "fuzz",
        what: "both planes against their OpenAPI documents, by schemathesis, a short run",
        needed: false,
        run: |_| ran(crate::fuzz::short()),
    },
    Step {
        name: "infra",
        what: "Terraform of the cloud shape: types, logic, policies, and applied to an emulator",
        needed: false,
        run: |_| crate::infra::check(),
    },
    Step {
        name: "doctests",
        what: "the examples in the documentation, those among them that must not compile too",
        needed: false,
        run: |_| ran(runner::doctests()),
    },
    Step { name: "doc", what: "the documentation, warnings are errors", needed: false, run: |_| ran(call(&mut doc())) },
    Step {
        name: "jenkins",
        what: "the pipeline of deploy/jenkins, evaluated; the stages of a deployment; the smoke test",
        needed: false,
        run: |_| jenkins::check(),
    },
    Step {
        name: "readme",
        what: "the README's first command, its file decrypted by gpg",
        needed: false,
        run: |context| ran(readme::check(context.release.take())),
    },
];

/// What ends at once comes first.
fn install() -> Result<(), String> {
    packages::look_for_sample()?;
    components::install()?;
    packages::install()
}

/// cargo-deny takes minutes to build, so a bare machine goes without. Jenkins asks for this step by its name, and then it fails.
fn deny() -> Result<Outcome, String> {
    let mut version = cargo();
    version.args(["deny", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    if !version.status().is_ok_and(|status| status.success()) {
        return Ok(not_checked("cargo-deny is not installed"));
    }
    ran(call(cargo().args(["deny", "--workspace", "--locked", "check", "licenses", "bans", "sources"])))
}

/// A machine of CI that lacks something fails; a developer's is told what was not checked.
pub(super) fn missing(why: &str) -> Result<Outcome, String> {
    if std::env::var_os("CI").is_some() {
        return Err(why.to_owned());
    }
    Ok(not_checked(why))
}

fn not_checked(why: &str) -> Outcome {
    println!("    NOT CHECKED: {why}");
    Outcome::NotChecked(why.to_owned())
}

fn clippy() -> Command {
    let mut command = cargo();
    command.args(["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]);
    command
}

fn doc() -> Command {
    let mut command = cargo();
    command.args(["doc", "--workspace", "--no-deps", "--document-private-items", "--locked", "--quiet"]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    command
}

/// Runs a command, with its output on ours and nothing to read.
pub(super) fn call(command: &mut Command) -> Result<(), String> {
    let status = command.stdin(Stdio::null()).status();
    let status = status.map_err(|error| format!("start {}: {error}", command.get_program().display()))?;
    if status.success() { Ok(()) } else { Err(format!("{} ended with {status}", words(command))) }
}

/// The command as one would type it.
pub(crate) fn words(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy();
    let arguments = command.get_args().map(|argument| argument.to_string_lossy());
    std::iter::once(program).chain(arguments).collect::<Vec<_>>().join(" ")
}
