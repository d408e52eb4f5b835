//! lftp.

use std::process::Command;

use anyhow::Result;
use sealpost_testkit::server::program;

use super::openssh::ssh_options;
use crate::transfer::place::Task;
use crate::transfer::workload::Direction;

/// As it comes: one file after the other.
pub(super) fn plain(task: &Task<'_>) -> Result<Option<Command>> {
    Ok(Some(lftp(task, "", "", &many(task, ""))))
}

/// More and larger requests, eight files at once.
pub(super) fn tuned(task: &Task<'_>) -> Result<Option<Command>> {
    Ok(Some(lftp(task, CIPHER, WINDOW, &many(task, "-P 8"))))
}

/// The parts of one file over eight connections at once; lftp has this for downloads only.
pub(super) fn in_parts(task: &Task<'_>) -> Result<Option<Command>> {
    if task.direction == Direction::Send || task.shape.files > 1 {
        return Ok(None);
    }
    let name = task.shape.names().next().unwrap_or_default();
    let get = format!("pget -n 8 -O {} {}/{name}", task.target.display(), task.source.display());
    Ok(Some(lftp(task, CIPHER, WINDOW, &get)))
}

const CIPHER: &str = "-c aes128-gcm@openssh.com";
const WINDOW: &str = "set sftp:max-packets-in-flight 256; set sftp:size-read 65536; set sftp:size-write 65536; \
                      set net:socket-buffer 8388608; set net:connection-limit 16; ";

fn many(task: &Task<'_>, options: &str) -> String {
    let verb = if task.direction == Direction::Send { "mput" } else { "mget" };
    format!("{verb} {options} -O {} {}/*", task.target.display(), task.source.display())
}

fn lftp(task: &Task<'_>, ssh: &str, settings: &str, transfer: &str) -> Command {
    let ssh = format!("ssh -a -x {} {ssh}", ssh_options(task.place).join(" "));
    let script = format!(
        "set cmd:fail-exit yes; set net:max-retries 1; set net:timeout 60; set sftp:connect-program \"{ssh}\"; \
         {settings}open -u {}, -p {} sftp://127.0.0.1; {transfer}",
        task.place.user, task.port
    );
    let mut command = Command::new(program(&["lftp"], "lftp"));
    // It keeps caches and logs in the home folder.
    command.args(["--norc", "-c", &script]).env("HOME", task.place.file(""));
    command
}
