//! The parts of Rust that a toolchain may come without, and two steps are: rustfmt and clippy.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::step::call;
use crate::workspace::{cargo, program, root};

/// The commands of cargo that they bring.
const COMMANDS: [&str; 2] = ["fmt", "clippy"];

/// What rustup adds them by.
const ADD: [&str; 4] = ["component", "add", "rustfmt", "clippy"];

/// Adds them to the toolchain that runs us, where one is missing.
pub(super) fn install() -> Result<(), String> {
    let missing = missing(&COMMANDS);
    if missing.is_empty() {
        return Ok(());
    }
    println!("    missing of cargo: {}", missing.join(", "));
    add(program("rustup"))?;
    match self::missing(&COMMANDS) {
        still if still.is_empty() => Ok(()),
        still => Err(format!("`rustup {}` ended well, but cargo has no {} here", ADD.join(" "), still.join(", "))),
    }
}

fn add(rustup: Option<PathBuf>) -> Result<(), String> {
    let by_hand = format!("rustfmt and clippy are needed; see what this says:\n    rustup {}", ADD.join(" "));
    let Some(rustup) = rustup else { return Err(format!("there is no rustup here. {by_hand}")) };
    call(Command::new(rustup).args(ADD).current_dir(root())).map_err(|error| format!("{error}. {by_hand}"))
}

/// Those that cargo does not have.
fn missing<'a>(commands: &[&'a str]) -> Vec<&'a str> {
    let has = |command: &str| {
        let version = cargo().args([command, "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
        version.is_ok_and(|status| status.success())
    };
    commands.iter().copied().filter(|command| !has(command)).collect()
}

#[cfg(test)]
mod tests {
    use super::{add, missing};

    #[test]
    fn a_command_that_cargo_has_not_is_noticed() {
        assert_eq!(missing(&["no-such-command"]), ["no-such-command"]);
    }

    #[test]
    fn without_rustup_what_is_to_be_run_is_named() {
        let why = add(None).unwrap_err();
        assert!(why.contains("rustup component add rustfmt clippy"), "{why}");
    }
}
