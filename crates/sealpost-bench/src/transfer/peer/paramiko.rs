//! Python's paramiko.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};
use sealpost_testkit::server::program;

use crate::transfer::place::Task;
use crate::transfer::workload::Direction;

const SCRIPT: &str = include_str!("paramiko.py");

/// Writes pipelined and reads ahead, as its `put` and `get` do, with large windows and AES-GCM where it has it.
pub(super) fn pipelined(task: &Task<'_>) -> Result<Option<Command>> {
    let script = task.place.file("transfer.py");
    fs::write(&script, SCRIPT).with_context(|| format!("write {}", script.display()))?;
    let mut command = Command::new(program(&["python3"], "python3"));
    command.arg(script).arg(if task.direction == Direction::Send { "put" } else { "get" });
    command.args([&task.port.to_string(), &task.place.user]).arg(&task.place.client_key);
    command.arg(&task.source).arg(&task.target).args(task.shape.names());
    Ok(Some(command))
}
