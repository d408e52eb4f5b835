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
    /// Whether it is worth its time for a file of this many bytes far away.
    pub(super) patient: bool,
    /// The command that does a task; `None` where it has nothing to add to another row's.
    pub(super) command: fn(&Task<'_>) -> Result<Option<Command>>,
}

/// All of them.
pub(super) static PEERS: &[Peer] = &[
    Peer { name: "OpenSSH sftp", quick: false, patient: true, command: openssh::plain },
    Peer { name: TUNED_SFTP, quick: true, patient: true, command: openssh::tuned },
    Peer { name: "rclone", quick: false, patient: true, command: rclone::plain },
    Peer { name: "rclone, tuned", quick: true, patient: true, command: rclone::tuned },
    Peer { name: "lftp", quick: false, patient: false, command: lftp::plain },
    Peer { name: "lftp, tuned", quick: true, patient: true, command: lftp::tuned },
    Peer { name: "lftp pget -n 8", quick: true, patient: true, command: lftp::in_parts },
    Peer { name: "paramiko", quick: false, patient: true, command: paramiko::pipelined },
];
