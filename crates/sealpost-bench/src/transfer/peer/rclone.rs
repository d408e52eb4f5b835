//! rclone.

use std::process::Command;

use anyhow::Result;
use sealpost_testkit::server::program;

use crate::transfer::place::Task;
use crate::transfer::workload::Direction;

/// Found by trying: larger and more requests, more files and connections at once, and none of what costs round trips
/// beside the transfer itself.
const TUNED: &[&str] = &[
    "--sftp-chunk-size",
    "255k",
    "--sftp-concurrency",
    "64",
    "--transfers",
    "16",
    "--checkers",
    "16",
    "--sftp-disable-hashcheck",
    "--sftp-shell-type",
    "none",
    "--sftp-set-modtime=false",
    "--no-check-dest",
    "--no-traverse",
];

/// The parts of one file over eight connections at once; rclone has this for downloads only (by itself four, from
/// 250 MB).
const STREAMS: &[&str] = &["--multi-thread-cutoff", "1M", "--multi-thread-streams", "8"];

pub(super) fn plain(task: &Task<'_>) -> Result<Option<Command>> {
    Ok(Some(copy(task, &[])))
}

pub(super) fn tuned(task: &Task<'_>) -> Result<Option<Command>> {
    Ok(Some(copy(task, TUNED)))
}

pub(super) fn streams(task: &Task<'_>) -> Result<Option<Command>> {
    let alone = task.direction == Direction::Retrieve && task.shape.files == 1;
    Ok(alone.then(|| copy(task, &[TUNED, STREAMS].concat())))
}

fn copy(task: &Task<'_>, options: &[&str]) -> Command {
    let (source, target) = (task.source.display(), task.target.display());
    let ends = match task.direction {
        Direction::Send => [source.to_string(), format!(":sftp:{target}")],
        Direction::Retrieve => [format!(":sftp:{source}"), target.to_string()],
    };
    let mut command = Command::new(program(&["rclone"], "rclone"));
    command.args(["copy", "--config", "", "--retries", "1", "--log-level", "ERROR", "--sftp-host", "127.0.0.1"]);
    command.args(["--sftp-port", &task.port.to_string(), "--sftp-user", &task.place.user, "--sftp-key-file"]);
    command.arg(&task.place.client_key).arg("--sftp-known-hosts-file").arg(task.place.known_hosts());
    command.args(options).args(ends);
    command
}
