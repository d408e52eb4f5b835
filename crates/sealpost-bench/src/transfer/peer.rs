//! The stock clients, as they come and at their best.

use std::process::Command;

use anyhow::Result;

use super::place::Task;

mod lftp;
mod openssh;
mod paramiko;
mod rclone;

/// The peer that targets on loopback name.
pub(super) const TUNED_SFTP: &str = "OpenSSH sftp, tuned";

/// One way to use one client.
pub(super) struct Peer {
    /// Its name in the table.
    pub(super) name: &'static str,
    /// Whether it also runs with `--quick`.
    pub(super) quick: bool,
    /// Whether it runs where that takes minutes: not where another line of the same client is as fast or faster.
    pub(super) minutes: bool,
    /// Whether it has a chance with many small files far away: not where it waits for each of them.
    pub(super) many: bool,
    /// The command that does a task; `None` where it has nothing to add to another row's.
    pub(super) command: fn(&Task<'_>) -> Result<Option<Command>>,
}

/// All of them.
pub(super) static PEERS: &[Peer] = &[
    Peer { name: "OpenSSH sftp", quick: false, minutes: false, many: false, command: openssh::plain },
    Peer { name: TUNED_SFTP, quick: true, minutes: true, many: false, command: openssh::tuned },
    Peer { name: "rclone", quick: false, minutes: true, many: true, command: rclone::plain },
    Peer { name: "rclone, tuned", quick: true, minutes: true, many: true, command: rclone::tuned },
    Peer { name: "rclone, 8 streams", quick: true, minutes: true, many: true, command: rclone::streams },
    Peer { name: "lftp", quick: false, minutes: false, many: true, command: lftp::plain },
    Peer { name: "lftp, tuned", quick: true, minutes: true, many: true, command: lftp::tuned },
    Peer { name: "lftp pget -n 8", quick: true, minutes: true, many: true, command: lftp::in_parts },
    Peer { name: "paramiko", quick: false, minutes: false, many: true, command: paramiko::pipelined },
];
