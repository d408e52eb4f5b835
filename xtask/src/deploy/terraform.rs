//! The stages that are terraform's.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::arguments::Arguments;
use super::json::Json;
use super::saved::{Purpose, Saved, write};
use super::summary::Summary;
use crate::workspace::{program, read, root};

/// `terraform init`: the backend and the providers, exactly those of the lock file.
pub(super) fn init(arguments: &Arguments) -> Result<(), String> {
    let mut command = terraform(arguments)?;
    // What holds an account's own names, the state's bucket above all, is beside the root module or in no file at all.
    if folder(arguments)?.join("backend.hcl").is_file() {
        command.args(["init", "-input=false", "-backend-config=backend.hcl"]);
    } else {
        command.args(["init", "-input=false"]);
    }
    shown(command.args(&arguments.terraform))
}

/// Formatting of all of it, and the types and references of this environment.
pub(super) fn validate(arguments: &Arguments) -> Result<(), String> {
    let mut format = Command::new(binary()?);
    let modules =
        if arguments.folder.starts_with(root()) { root().join("deploy/terraform") } else { arguments.folder.clone() };
    shown(format.args(["fmt", "-check", "-recursive", "-diff"]).arg(modules))?;
    shown(terraform(arguments)?.arg("validate"))
}

/// Plans, and keeps plan, JSON, page and digest.
pub(super) fn plan(arguments: &Arguments, destroy: bool) -> Result<(), String> {
    let saved = Saved::of(&arguments.environment);
    saved.clear()?;
    let mut command = terraform(arguments)?;
    command.args(["plan", "-input=false", "-lock-timeout=5m"]);
    if destroy {
        command.arg("-destroy");
    }
    let mut out = std::ffi::OsString::from("-out=");
    out.push(saved.plan());
    shown(command.arg(out).args(&arguments.terraform))?;
    saved.seal(if destroy { Purpose::Destroy } else { Purpose::Apply })?;
    summary(arguments)
}

/// Writes the page about the saved plan, and prints it.
pub(super) fn summary(arguments: &Arguments) -> Result<(), String> {
    let saved = Saved::of(&arguments.environment);
    let digest = saved.stamped()?;
    let json = output(terraform(arguments)?.args(["show", "-json"]).arg(saved.plan()))?;
    let summary = Summary::of(&Json::parse(&json)?)?;
    let page = summary.page(&arguments.environment, &digest);
    write(&saved.json(), &json)?;
    write(&saved.page(), &page)?;
    write(&saved.title(), &format!("{}\n", summary.title()))?;
    println!("\n{page}");
    println!("    saved: {}", saved.plan().display());
    Ok(())
}

/// Applies the saved plan and nothing else. Terraform itself refuses it when the state has moved on since.
pub(super) fn apply(arguments: &Arguments) -> Result<(), String> {
    perform(arguments, Purpose::Apply)
}

/// Applies the saved plan to destroy, once the environment's name was said again.
pub(super) fn destroy(arguments: &Arguments, confirmed: Option<&str>) -> Result<(), String> {
    if confirmed != Some(arguments.environment.as_str()) {
        return Err(format!(
            "destroying `{0}` needs `--yes-destroy {0}`: the stack, its tables, buckets and keys go",
            arguments.environment
        ));
    }
    perform(arguments, Purpose::Destroy)
}

fn perform(arguments: &Arguments, purpose: Purpose) -> Result<(), String> {
    let saved = Saved::of(&arguments.environment);
    let digest = saved.check(purpose)?;
    println!("    the saved plan: SHA-256 {digest}");
    if let Ok(page) = read(&saved.page()) {
        println!("{page}");
    }
    let mut command = terraform(arguments)?;
    shown(command.args(["apply", "-input=false", "-lock-timeout=5m"]).arg(saved.plan()))
}

/// One of the environment's outputs, as plain text.
pub(super) fn output_of(arguments: &Arguments, name: &str) -> Result<String, String> {
    let text = output(terraform(arguments)?.args(["output", "-raw", name]))?;
    let text = text.trim().to_owned();
    if text.is_empty() {
        Err(format!("terraform's output `{name}` of `{}` is empty", arguments.environment))
    } else {
        Ok(text)
    }
}

fn folder(arguments: &Arguments) -> Result<PathBuf, String> {
    let folder = arguments.folder.join(&arguments.environment);
    let missing = || format!("there is no environment `{}` in {}", arguments.environment, arguments.folder.display());
    // Absolute, because terraform is told to work there.
    folder.canonicalize().map_err(|_| missing())
}

fn binary() -> Result<PathBuf, String> {
    program("terraform").ok_or("`terraform` is not on the PATH: install it, see deploy/terraform/README.md".into())
}

fn terraform(arguments: &Arguments) -> Result<Command, String> {
    let mut chdir = std::ffi::OsString::from("-chdir=");
    chdir.push(folder(arguments)?);
    let mut command = Command::new(binary()?);
    command.arg(chdir).env("TF_IN_AUTOMATION", "1");
    // Colours in the log of a machine are noise.
    if !std::io::stdout().is_terminal() {
        command.env("TF_CLI_ARGS", "-no-color");
    }
    Ok(command)
}

/// Runs it with its output on ours.
fn shown(command: &mut Command) -> Result<(), String> {
    let status = command.stdin(Stdio::null()).status().map_err(|error| format!("start terraform: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("terraform {} ended with {status}", stage(command))) }
}

/// What it printed; its errors go to our terminal.
fn output(command: &mut Command) -> Result<String, String> {
    let ran = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let ran = ran.map_err(|error| format!("start terraform: {error}"))?;
    if ran.status.success() {
        Ok(String::from_utf8_lossy(&ran.stdout).into_owned())
    } else {
        Err(format!("terraform {} ended with {}", stage(command), ran.status))
    }
}

/// The subcommand, for messages: arguments may name what is nobody's business.
fn stage(command: &Command) -> String {
    let mut words = command.get_args().filter(|argument| !argument.to_string_lossy().starts_with('-'));
    words.next().unwrap_or_default().to_string_lossy().into_owned()
}
