//! OpenSSH's sshd with its own configuration, host keys and port. Runs as root and as a plain user.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::host_keys;
use crate::server::{Server, free_port, program};

/// A running sshd whose sessions are SFTP only and begin in [`Sshd::inbox`].
pub struct Sshd {
    server: Option<Server>,
    folder: tempfile::TempDir,
    port: u16,
    extra: String,
    keys: std::sync::atomic::AtomicU32,
}

/// The types of host key that every server has.
pub const HOST_KEY_TYPES: [&str; 3] = ["ed25519", "ecdsa", "rsa"];

impl Sshd {
    /// Starts a server with keys of every type and a client key that it accepts.
    #[must_use]
    pub fn start() -> Self {
        Self::with("")
    }

    /// The same with further lines of configuration, which take precedence.
    ///
    /// # Panics
    /// When sshd is not installed or does not start.
    #[must_use]
    pub fn with(extra: &str) -> Self {
        let folder = tempfile::tempdir().expect("make the server's folder");
        std::fs::create_dir(folder.path().join("inbox")).expect("make the inbox");
        std::fs::write(folder.path().join("authorized_keys"), "").expect("write authorized_keys");
        let mut sshd = Self {
            server: None,
            folder,
            port: free_port(),
            extra: extra.to_owned(),
            keys: std::sync::atomic::AtomicU32::new(0),
        };
        host_keys::place(sshd.folder.path(), "sshd", make_host_keys);
        sshd.run();
        sshd
    }

    fn host_key_path(&self, kind: &str) -> PathBuf {
        host_key_path(self.folder.path(), kind)
    }

    fn run(&mut self) {
        // As root, sshd insists on this folder.
        if user() == "root" {
            std::fs::create_dir_all("/run/sshd").expect("make /run/sshd");
        }
        let folder = self.folder.path().display();
        let mut config = format!("{}\nPort {}\nListenAddress 127.0.0.1\n", self.extra, self.port);
        for kind in HOST_KEY_TYPES {
            config.push_str(&format!("HostKey {folder}/host_{kind}\n"));
        }
        config.push_str(&format!(
            "AuthorizedKeysFile {folder}/authorized_keys\nForceCommand internal-sftp -d {folder}/inbox\n\
             Subsystem sftp internal-sftp\nPidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n\
             KbdInteractiveAuthentication no\nPermitRootLogin yes\nLogLevel VERBOSE\nMaxStartups 100\n"
        ));
        let path = self.folder.path().join("sshd_config");
        std::fs::write(&path, config).expect("write sshd_config");
        let sshd = program(&["sshd"], "openssh-server");
        let mut command = Command::new(sshd);
        command.args(["-D", "-e", "-f"]).arg(&path);
        let log = self.folder.path().join("log");
        // A child of the one before, forked a moment before that was killed, may still have the port: to connect would say nothing of
        // this one, which can't have it and ends.
        for _ in 0..20 {
            let mut server = Server::start(&mut command, &log);
            let listens =
                || std::fs::read_to_string(&log).is_ok_and(|said| said.contains("Server listening on 127.0.0.1 "));
            if server.is_ready_within(Duration::from_secs(60), listens) {
                self.server = Some(server);
                return;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        panic!("sshd does not start: {}", self.log());
    }

    /// Stops listening. Sessions that are under way go on.
    pub fn stop(&mut self) {
        self.server = None;
    }

    /// Starts again, on the same port.
    pub fn restart(&mut self) {
        self.stop();
        self.run();
    }

    /// Starts again with fresh host keys: what a rebuilt or an impersonated server looks like.
    pub fn change_host_keys(&mut self) {
        self.stop();
        make_host_keys(self.folder.path());
        self.run();
    }

    /// Starts again with other further lines of configuration.
    pub fn reconfigure(&mut self, extra: &str) {
        self.stop();
        extra.clone_into(&mut self.extra);
        self.run();
    }

    /// Makes a key pair that is to vouch for host keys; the path of its private half.
    #[must_use]
    pub fn authority(&self, kind: &str) -> PathBuf {
        let number = self.keys.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = self.folder.path().join(format!("authority_{kind}_{number}"));
        keygen(&path, &["-t", kind, "-b", if kind == "rsa" { "2048" } else { "256" }], "");
        path
    }

    /// Has an authority sign the host key of a type, with further options of `ssh-keygen` (`-h`, `-n`, `-V`, …), and starts
    /// again with the certificate.
    ///
    /// # Panics
    /// Where `ssh-keygen` refuses.
    pub fn certify(&mut self, kind: &str, authority: &Path, options: &[&str]) {
        let mut command = Command::new(program(&["ssh-keygen"], "openssh-client"));
        command.args(["-q", "-I", "the host", "-s"]).arg(authority).args(options);
        command.arg(self.host_key_path(kind).with_extension("pub"));
        assert!(command.status().expect("run ssh-keygen").success(), "certify the {kind} host key");
        let line = format!("HostCertificate {}/host_{kind}-cert.pub", self.folder.path().display());
        self.reconfigure(&line);
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder in which sessions begin.
    #[must_use]
    pub fn inbox(&self) -> PathBuf {
        self.folder.path().join("inbox")
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The public host key of a type of [`HOST_KEY_TYPES`], as `type base64`.
    #[must_use]
    pub fn host_key(&self, kind: &str) -> String {
        public_key(&self.host_key_path(kind))
    }

    /// The fingerprint of a host key, as OpenSSH prints it.
    #[must_use]
    pub fn host_fingerprint(&self, kind: &str) -> String {
        let keygen = program(&["ssh-keygen"], "openssh-client");
        let output = Command::new(keygen).arg("-lf").arg(self.host_key_path(kind)).output().expect("run ssh-keygen");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.split_whitespace().find(|word| word.starts_with("SHA256:")).expect("a fingerprint").to_owned()
    }

    /// A new client key that the server accepts. `format` is of `ssh-keygen -m`: `RFC4716` (OpenSSH's own), `PEM`,
    /// `PKCS8`.
    pub fn client_key(&self, kind: &str, bits: &str, format: &str, passphrase: &str) -> PathBuf {
        let path = self.unaccepted_key(kind, bits, format, passphrase);
        self.accept(&public_key(&path));
        path
    }

    /// A new client key that the server does not accept.
    pub fn unaccepted_key(&self, kind: &str, bits: &str, format: &str, passphrase: &str) -> PathBuf {
        let number = self.keys.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = self.folder.path().join(format!("client_{kind}_{number}"));
        keygen(&path, &["-t", kind, "-b", bits], passphrase);
        if format != "RFC4716" {
            // Rewrites the key in another format. Making it there at once leaves no public key for some types.
            let keygen = program(&["ssh-keygen"], "openssh-client");
            let mut command = Command::new(keygen);
            command.args(["-q", "-p", "-m", format, "-P", passphrase, "-N", passphrase, "-f"]).arg(&path);
            assert!(command.status().expect("run ssh-keygen").success(), "convert {}", path.display());
        }
        path
    }

    /// Takes back every public key that may log in; connections that are there stay.
    ///
    /// # Panics
    /// When the file can't be written.
    pub fn accept_none(&self) {
        std::fs::write(self.folder.path().join("authorized_keys"), "").expect("write authorized_keys");
    }

    /// Adds a public key to those that may log in.
    pub fn accept(&self, public_key: &str) {
        use std::io::Write as _;
        let path = self.folder.path().join("authorized_keys");
        let mut file = std::fs::OpenOptions::new().append(true).open(path).expect("open authorized_keys");
        writeln!(file, "{public_key}").expect("write authorized_keys");
    }
}

fn host_key_path(folder: &Path, kind: &str) -> PathBuf {
    folder.join(format!("host_{kind}"))
}

/// Makes host keys of every type, in place of those that are there.
fn make_host_keys(folder: &Path) {
    for kind in HOST_KEY_TYPES {
        let path = host_key_path(folder, kind);
        drop(std::fs::remove_file(&path));
        keygen(&path, &["-t", kind, "-b", if kind == "rsa" { "2048" } else { "256" }], "");
    }
}

/// The user that the tests run as, and that clients log in as.
///
/// # Panics
/// Where `id` does not work.
#[must_use]
pub fn user() -> String {
    let output = Command::new("id").arg("-un").output().expect("run id");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// The algorithms that the installed OpenSSH knows: `kex`, `cipher`, `mac`, … of `ssh -Q`.
///
/// # Panics
/// Where ssh is not installed.
#[must_use]
pub fn known_algorithms(kind: &str) -> Vec<String> {
    let output = Command::new(program(&["ssh"], "openssh-client")).args(["-Q", kind]).output().expect("run ssh");
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

/// Makes a key pair at `path` with `ssh-keygen`.
pub(crate) fn keygen(path: &Path, arguments: &[&str], passphrase: &str) {
    let mut command = Command::new(program(&["ssh-keygen"], "openssh-client"));
    // Few rounds: the passphrase's strength is not what is tested.
    command.args(["-q", "-a", "1", "-C", "test", "-N", passphrase]).args(arguments).arg("-f").arg(path);
    assert!(command.status().expect("run ssh-keygen").success(), "make {}", path.display());
}

/// The public key beside a private one, as `type base64`.
///
/// # Panics
/// Where there is none.
#[must_use]
pub fn public_key(path: &Path) -> String {
    let text = std::fs::read_to_string(path.with_extension("pub")).expect("read a public key");
    text.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys_of(server: &Sshd) -> [String; 3] {
        HOST_KEY_TYPES.map(|kind| server.host_key(kind))
    }

    #[test]
    fn no_two_servers_have_a_host_key_in_common_and_changed_ones_are_new() {
        let (mut server, other) = (Sshd::start(), Sshd::start());
        let (first, second) = (keys_of(&server), keys_of(&other));
        server.change_host_keys();
        let third = keys_of(&server);
        let mut all = [first, second, third].concat();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 9, "{all:?}");
    }
}
