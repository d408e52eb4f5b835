//! The SFTP site against OpenSSH's client, paramiko and asyncssh.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic in a test is the report")]

mod asyncssh;
mod openssh;
mod paramiko;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sealpost_core::secret::Secret;
use sealpost_inbound::{RunningSite, SftpSite, SiteSettings, SiteUser};
use sealpost_testkit::server::program;

/// A site with the user `acme` (key and password `correct horse`) and the user `other` (password only).
pub(crate) struct Site {
    pub(crate) running: RunningSite,
    pub(crate) folder: tempfile::TempDir,
}

impl Site {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("id");
        let made = Command::new(program(&["ssh-keygen"], "openssh-client"))
            .args(["-q", "-t", "ed25519", "-N", "", "-C", "a comment", "-f"])
            .arg(&key)
            .status();
        assert!(made.unwrap().success());
        let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
        let acme = SiteUser { authorized_keys: vec![public], password: Some(Secret::new(b"correct horse".to_vec())) };
        let other = SiteUser { password: Some(Secret::new(b"other".to_vec())), ..SiteUser::default() };
        let settings = SiteSettings {
            root: folder.path().join("site"),
            host_keys: Vec::new(),
            users: BTreeMap::from([("acme".to_owned(), acme), ("other".to_owned(), other)]),
            listen: "127.0.0.1:0".parse().unwrap(),
        };
        Self { running: SftpSite::start(settings).await.unwrap(), folder }
    }

    /// The folder of `acme` on the disk.
    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("site/acme")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn port(&self) -> String {
        self.running.address().port().to_string()
    }

    /// Runs a Python script with the port and the folder as arguments; it fails by an exception.
    pub(crate) async fn python(&self, script: &str) {
        let mut command = Command::new(program(&["python3"], "python3"));
        command.arg("-c").arg(script).arg(self.port()).arg(self.folder.path());
        let output = run(command).await;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// Runs a client beside the server's tasks.
pub(crate) async fn run(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap()
}

/// Bytes that show where they belong.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    (0_u64..).flat_map(|word| word.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes()).take(len).collect()
}

pub(crate) fn known_hosts(site: &Site) -> PathBuf {
    let line = format!("[127.0.0.1]:{} {}\n", site.port(), site.running.host_keys()[0].public_key);
    let file = site.path("known_hosts");
    std::fs::write(&file, line).unwrap();
    file
}

pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
