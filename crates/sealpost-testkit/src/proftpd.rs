//! proftpd with `mod_sftp`: an SFTP server with passwords and almost without OpenSSH's extensions. Runs as root and as a
//! plain user.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::host_keys;
use crate::server::{Server, free_port, program};
use crate::sshd::{keygen, public_key};

/// The user name that logs in.
pub const USER: &str = "partner";
/// Its password.
pub const PASSWORD: &str = "correct horse battery";

/// A running proftpd.
pub struct Proftpd {
    _server: Server,
    folder: tempfile::TempDir,
    port: u16,
}

impl Proftpd {
    /// Starts a server on which files can be overwritten and continued.
    #[must_use]
    pub fn start() -> Self {
        Self::with("AllowOverwrite on\nAllowStoreRestart on\n")
    }

    /// Starts a server with these lines of configuration. Without any, files can neither be overwritten nor
    /// continued: that is proftpd's default.
    ///
    /// # Panics
    /// When proftpd is not installed or does not start.
    #[must_use]
    pub fn with(extra: &str) -> Self {
        // Between the look for a free port and its use, another process may have taken it.
        let mut said = String::new();
        for _ in 0..3 {
            match Self::attempt(extra) {
                Ok(server) => return server,
                Err(log) => said.push_str(&log),
            }
        }
        panic!("proftpd did not start three times:\n{said}")
    }

    /// Starts it once; the error is what it said.
    fn attempt(extra: &str) -> Result<Self, String> {
        let folder = tempfile::tempdir().expect("make the server's folder");
        let port = free_port();
        let root = folder.path();
        let inbox = root.join("inbox");
        std::fs::create_dir(&inbox).expect("make the inbox");
        let (mut uid, mut gid, mut owner, mut group) = (id("-u"), id("-g"), id("-un"), id("-gn"));
        if uid == "0" {
            // It lets nobody in as root.
            [uid, gid, owner, group] = ["65534", "65534", "nobody", "nogroup"].map(str::to_owned);
            std::fs::set_permissions(root, std::fs::Permissions::from_mode(0o755)).expect("open the folder");
            std::os::unix::fs::chown(&inbox, Some(65534), Some(65534)).expect("hand the inbox over");
        }
        host_keys::place(root, "proftpd", |folder| {
            keygen(&folder.join("host_ed25519"), &["-t", "ed25519"], "");
            keygen(&folder.join("host_rsa"), &["-t", "rsa", "-b", "2048", "-m", "PEM"], "");
        });
        keygen(&root.join("client_ed25519"), &["-t", "ed25519"], "");
        let rfc4716 = Command::new(program(&["ssh-keygen"], "openssh-client"))
            .args(["-e", "-m", "RFC4716", "-f"])
            .arg(root.join("client_ed25519.pub"))
            .output()
            .expect("run ssh-keygen");
        std::fs::write(root.join("authorized_keys"), rfc4716.stdout).expect("write authorized keys");
        let hash = Command::new("openssl").args(["passwd", "-6", PASSWORD]).output().expect("run openssl passwd");
        let hash = String::from_utf8_lossy(&hash.stdout).trim().to_owned();
        let passwd = root.join("passwd");
        let home = inbox.display();
        std::fs::write(&passwd, format!("{USER}:{hash}:{uid}:{gid}::{home}:/bin/sh\n")).expect("write passwd");
        std::fs::set_permissions(&passwd, std::fs::Permissions::from_mode(0o600)).expect("protect passwd");

        let here = root.display();
        let config = format!(
            "ServerName test\nServerType standalone\nDefaultServer on\nUseIPv6 off\nDefaultAddress 127.0.0.1\n\
             Port {port}\nUser {owner}\nGroup {group}\nModulePath /usr/lib/proftpd\nLoadModule mod_sftp.c\n\
             ScoreboardFile {here}/scoreboard\nPidFile {here}/pid\nDelayEngine off\nWtmpLog off\n\
             UseReverseDNS off\nRequireValidShell off\nAuthPAM off\nAuthOrder mod_auth_file.c\n\
             AuthUserFile {here}/passwd\nMaxInstances 100\nTransferLog none\nSystemLog {here}/system.log\n\
             <IfModule mod_ctrls.c>\nControlsEngine off\n</IfModule>\n\
             <IfModule mod_sftp.c>\nSFTPEngine on\nSFTPLog {here}/sftp.log\nSFTPHostKey {here}/host_ed25519\n\
             SFTPHostKey {here}/host_rsa\nSFTPAuthorizedUserKeys file:{here}/authorized_keys\n</IfModule>\n{extra}\n"
        );
        let path = root.join("proftpd.conf");
        std::fs::write(&path, config).expect("write proftpd.conf");
        let mut command = Command::new(program(&["proftpd"], "proftpd-core proftpd-mod-crypto"));
        command.args(["--nodaemon", "--config"]).arg(&path);
        let mut server = Server::start(&mut command, &root.join("log"));
        let ready = || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
        if !server.is_ready_within(Duration::from_secs(30), ready) {
            let said = ["log", "system.log"].map(|name| std::fs::read_to_string(root.join(name)).unwrap_or_default());
            return Err(format!("on port {port}:\n{}\n", said.concat()));
        }
        Ok(Self { _server: server, folder, port })
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

    /// The public host key, as `type base64`: `ed25519` or `rsa`.
    #[must_use]
    pub fn host_key(&self, kind: &str) -> String {
        public_key(&self.folder.path().join(format!("host_{kind}")))
    }

    /// A private key that the server accepts.
    #[must_use]
    pub fn client_key(&self) -> PathBuf {
        self.folder.path().join("client_ed25519")
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        let read = |name: &str| std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
        format!("{}{}{}", read("log"), read("system.log"), read("sftp.log"))
    }
}

fn id(argument: &str) -> String {
    let output = Command::new("id").arg(argument).output().expect("run id");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
