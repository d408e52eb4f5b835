//! A test in a process of its own: what can be measured of a whole process only is measured while no other test runs in it.

use std::process::{Command, Stdio};

/// Runs an ignored test of the same program, named with its module, and expects it to pass.
///
/// # Panics
/// When it fails, or is not there.
pub fn passes_alone(name: &str) {
    let program = std::env::current_exe().expect("this program's path");
    let mut command = Command::new(program);
    command.args(["--exact", name, "--ignored", "--nocapture"]).stdin(Stdio::null());
    let output = command.output().expect("start this program again");
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains(" 1 passed"), "{name}:\n{said}\n{complained}");
}
