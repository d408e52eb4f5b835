//! OpenSSH's `sftp`, and the options of `ssh` that others start.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};
use sealpost_testkit::server::program;

use crate::peer::TUNED;
use crate::transfer::place::{Place, Task};
use crate::transfer::workload::Direction;

pub(super) fn plain(task: &Task<'_>) -> Result<Option<Command>> {
    sftp(task, &[]).map(Some)
}

pub(super) fn tuned(task: &Task<'_>) -> Result<Option<Command>> {
    sftp(task, TUNED).map(Some)
}

fn sftp(task: &Task<'_>, options: &[&str]) -> Result<Command> {
    let batch = task.place.file("sftp.batch");
    let verb = if task.direction == Direction::Send { "put" } else { "get" };
    fs::write(&batch, format!("{verb} {}/* {}/\n", task.source.display(), task.target.display()))
        .with_context(|| format!("write {}", batch.display()))?;
    let mut command = Command::new(program(&["sftp"], "openssh-client"));
    command.arg("-q").args(ssh_options(task.place)).args(options);
    command.args(["-P", &task.port.to_string(), "-b"]).arg(batch);
    command.arg(format!("{}@127.0.0.1", task.place.user));
    Ok(command)
}

/// Nothing of the user's own configuration, our key, the server's keys.
pub(super) fn ssh_options(place: &Place) -> Vec<String> {
    let known_hosts = format!("UserKnownHostsFile={}", place.known_hosts().display());
    let mut words: Vec<String> = ["-F", "/dev/null", "-i"].map(str::to_owned).to_vec();
    words.push(place.client_key.display().to_string());
    for option in ["BatchMode=yes", "IdentitiesOnly=yes", "StrictHostKeyChecking=yes", &known_hosts] {
        words.extend(["-o".to_owned(), option.to_owned()]);
    }
    words
}
